//! Keys and values of the tokens that a sequence was fed.

use tch::{Device, Kind, TchError, Tensor};

/// Keys and values, a pair of tensors for each layer: head by token by number, so that a head's lie together.
pub(super) struct Cache {
    layers: Vec<[Tensor; 2]>,
    length: i64,
    room: i64,
    longest: i64,
}

/// Of what a layer's keys and values are made.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) layers: usize,
    pub(super) heads: i64,
    pub(super) head_dim: i64,
    pub(super) kind: Kind,
    pub(super) device: Device,
}

impl Cache {
    /// For a sequence that will have no more than so many tokens. Takes no memory yet.
    pub(super) fn new(longest: u64) -> Self {
        let longest = i64::try_from(longest).unwrap_or(i64::MAX);
        Self { layers: Vec::new(), length: 0, room: 0, longest }
    }

    /// Tokens that were fed.
    pub(super) const fn length(&self) -> i64 {
        self.length
    }

    /// Makes room for so many tokens more: for a block of them, and a quarter of those there are.
    pub(super) fn reserve(&mut self, more: i64, form: Form) -> Result<(), TchError> {
        let needed = self.length + more;
        if needed <= self.room {
            return Ok(());
        }
        let generous = needed.max(self.room + self.room / 4);
        let blocks = (generous + BLOCK - 1) / BLOCK * BLOCK;
        self.room = blocks.min(self.longest).max(needed);
        let size = [form.heads, self.room, form.head_dim];
        if self.layers.is_empty() {
            let empty = || Tensor::f_empty(size, (form.kind, form.device));
            for _ in 0..form.layers {
                self.layers.push([empty()?, empty()?]);
            }
            return Ok(());
        }
        for old in self.layers.iter_mut().flatten() {
            let new = Tensor::f_empty(size, (form.kind, form.device))?;
            new.f_narrow(1, 0, self.length)?.f_copy_(&old.f_narrow(1, 0, self.length)?)?;
            *old = new;
        }
        Ok(())
    }

    /// Writes a layer's keys and values of new tokens, head by token by number, behind those there are; gives
    /// those of all tokens from `first` on, with the new ones. There is room for them.
    pub(super) fn append(
        &mut self,
        layer: usize,
        new: [&Tensor; 2],
        first: i64,
    ) -> Result<[Tensor; 2], TchError> {
        let missing = || TchError::Kind("the sequence has no such layer".to_owned());
        let stored = self.layers.get(layer).ok_or_else(missing)?;
        let mut all = [Tensor::new(), Tensor::new()];
        for ((stored, new), all) in stored.iter().zip(new).zip(&mut all) {
            let count = new.size3()?.1;
            stored.f_narrow(1, self.length, count)?.f_copy_(new)?;
            *all = stored.f_narrow(1, first, self.length + count - first)?;
        }
        Ok(all)
    }

    /// The new tokens are part of the sequence, in all layers.
    pub(super) fn advance(&mut self, count: i64) {
        self.length += count;
    }
}

/// Tokens that room is made for at once.
const BLOCK: i64 = 256;
