//! What a verification does that costs, counted in tests: FORMAT.md §10.7 bounds it, and nothing here is timed.

/// Something that takes time in proportion to how often it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// An element of a tensor that glue takes.
    Element,
    /// A byte that is hashed with SHA-256.
    Hashed,
    /// A term of a product of pairings.
    Pairing,
    /// A permutation of Poseidon.
    Permutation,
    /// A point of a key or a proof, decoded and held to be in its subgroup.
    Point,
    /// A term of a sum of products of points.
    Product,
    /// A signature over P-384.
    Signature,
}

/// Notes work that is about to be done.
#[cfg(not(test))]
pub(crate) const fn does(_: Work, _: usize) {}

#[cfg(test)]
pub(crate) use counted::does;

#[cfg(test)]
mod counted {
    use std::cell::Cell;

    use super::Work;

    thread_local! {
        static DONE: [Cell<usize>; 7] = const { [const { Cell::new(0) }; 7] };
    }

    pub(crate) fn does(work: Work, times: usize) {
        DONE.with(|done| {
            let cell = &done[work as usize];
            cell.set(cell.get() + times);
        });
    }

    /// What `act` does, by kind.
    pub(super) fn count(act: impl FnOnce()) -> Counts {
        let now = || DONE.with(|done| done.each_ref().map(Cell::get));
        let before = now();
        act();
        let after = now();
        Counts(std::array::from_fn(|kind| after[kind] - before[kind]))
    }

    pub(super) struct Counts([usize; 7]);

    impl Counts {
        pub(super) fn of(&self, work: Work) -> usize {
            self.0[work as usize]
        }
    }
}

#[cfg(test)]
mod tests;
