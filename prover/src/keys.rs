//! Proving keys and their cards, kept on disk by circuit: made once, by a single party, where an
//! operation needs one and has none.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_verifier::{
    card::{Card, Setup},
    ids::{ModelDigest, Name},
};
use assay_zkml::{
    COMPILER, Compiled, KEY_FILE_VERSION, OsRng, ProvingKey, read_proving_key, setup,
    write_proving_key,
};

use crate::{
    error::Error,
    files::{locked, private_folder, write_atomically},
    run::Progress,
};

/// A folder of keys.
#[derive(Clone, Debug)]
pub struct KeyStore {
    folder: PathBuf,
    missing: Missing,
}

/// What to do for a circuit that has no key yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Make,
    Refuse,
}

/// What proving a step takes.
pub struct Keys {
    /// The proving key.
    pub proving: ProvingKey,
    /// The key card, as its bytes.
    pub card: Vec<u8>,
}

impl KeyStore {
    /// Keys below `folder`, which need not exist yet.
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder, missing: Missing::Make }
    }

    /// Keys below `folder` that are there: for a worker, since a key of its own making would prove
    /// under another card.
    pub const fn existing(folder: PathBuf) -> Self {
        Self { folder, missing: Missing::Refuse }
    }

    /// The keys for a circuit: those on disk, or new ones. A key that does not fit the circuit, or
    /// whose checksum is wrong, is an error and is not replaced.
    pub fn open(
        &self,
        step: &Name,
        model: ModelDigest,
        compiled: &Compiled,
        progress: &mut Progress,
    ) -> Result<Keys, Error> {
        let version = format!("v{KEY_FILE_VERSION}");
        let folder = self.folder.join(version).join(compiled.circuit().to_string());
        let (key_path, card_path) = (folder.join("proving.key"), folder.join("card.cbor"));
        let there = || read(&key_path, &card_path, model, compiled);
        if let Some(keys) = there()? {
            return Ok(keys);
        }
        if self.missing == Missing::Refuse {
            let why = "there is no key: copy it from where the operation is served".to_owned();
            return Err(Error::Key { path: key_path, why });
        }
        private_folder(&folder)?;
        // Of several that begin at once, one makes the key, and the others take it.
        let _alone = locked(&folder.join("lock"))?;
        if let Some(keys) = there()? {
            return Ok(keys);
        }
        let started = progress.begin(step, "setup, by a single party");
        let setup::Keys { proving, verifying } = setup::single_party(compiled.r1cs(), &mut OsRng)?;
        let card = single_party_card(compiled, model, verifying).to_bytes();
        write_proving_key(&key_path, &proving)?;
        write_atomically(&card_path, &card)?;
        progress.end(started);
        Ok(Keys { proving, card })
    }
}

/// The keys on disk. The card is written last: with it the pair is whole.
fn read(
    key_path: &Path,
    card_path: &Path,
    model: ModelDigest,
    compiled: &Compiled,
) -> Result<Option<Keys>, Error> {
    let Ok(card) = fs::read(card_path) else { return Ok(None) };
    let proving = read_proving_key(key_path, compiled.circuit())?;
    if !fits(&Card::from_bytes(&card)?, compiled, model, &proving) {
        let why = "the card beside it is of another key, model or manifest".to_owned();
        return Err(Error::Key { path: key_path.to_owned(), why });
    }
    Ok(Some(Keys { proving, card }))
}

/// Whether a card is of this key, circuit, model and manifest. The circuit alone is not enough: it does
/// not say how far listed inputs reach.
pub(crate) fn fits(
    card: &Card,
    compiled: &Compiled,
    model: ModelDigest,
    proving: &ProvingKey,
) -> bool {
    card.key == proving.verifying()
        && card.circuit == compiled.circuit()
        && card.model == model
        && card.manifest == compiled.manifest().digest()
        && card.inputs.iter().cloned().eq(compiled.program().input_ports())
        && card.outputs.iter().cloned().eq(compiled.program().output_ports())
}

/// The card of a key that a single party made.
pub(crate) fn single_party_card(
    compiled: &Compiled,
    model: ModelDigest,
    verifying: Vec<u8>,
) -> Card {
    Card {
        key: verifying,
        circuit: compiled.circuit(),
        model,
        manifest: compiled.manifest().digest(),
        compiler: COMPILER.to_owned(),
        inputs: compiled.program().input_ports().collect(),
        outputs: compiled.program().output_ports().collect(),
        setup: Setup::SingleParty,
    }
}
