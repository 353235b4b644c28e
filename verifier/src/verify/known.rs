//! What was found out once and holds for every release and every receipt of a batch: keys that are sound, and statements
//! that hold or do not.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    Error,
    card::Card,
    groth16::{Statement, VerifyingKey},
    ids::CardDigest,
};

#[derive(Default)]
pub(super) struct Known {
    keys: RefCell<BTreeMap<CardDigest, Result<Arc<VerifyingKey>, Error>>>,
    holds: RefCell<BTreeSet<[u8; 32]>>,
}

impl Known {
    /// The key of a card, read once.
    pub(super) fn key(&self, digest: CardDigest, card: &Card) -> Result<Arc<VerifyingKey>, Error> {
        let mut keys = self.keys.borrow_mut();
        keys.entry(digest).or_insert_with(|| card.verifying_key().map(Arc::new)).clone()
    }

    /// Notes that a statement holds.
    pub(super) fn note(&self, statement: &Statement) {
        self.holds.borrow_mut().insert(statement.digest());
    }

    /// Checks a statement, unless it is known to hold.
    pub(super) fn check(&self, statement: &Statement) -> Result<(), Error> {
        let digest = statement.digest();
        if !self.holds.borrow().contains(&digest) {
            statement.check()?;
            self.holds.borrow_mut().insert(digest);
        }
        Ok(())
    }
}
