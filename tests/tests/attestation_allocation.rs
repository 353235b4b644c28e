//! Checking a document takes at most 64 KiB of memory in all, whatever arrives. Alone in its
//! file, because the count is of the whole process.

use std::alloc::System;

use assay_tests::nitro::{World, cases};
use assay_verifier::attestation::{Document, verify_archived};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn memory_is_bounded_before_anything_is_believed() {
    let mut all: Vec<World> = cases::all().into_iter().map(|case| case.world).collect();
    all.extend((2..=8).map(World::with_authorities));
    let mut most = 0;
    for world in all {
        let bytes = world.document();
        most = most.max(allocated(&bytes, &world));
        for at in (0..bytes.len()).step_by(13) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x5f;
            most = most.max(allocated_in_parsing(&bytes));
        }
    }
    assert!(most <= 64 * 1024, "{most} bytes");
}

fn allocated(bytes: &[u8], world: &World) -> usize {
    let region = Region::new(ALLOCATOR);
    let outcome = Document::parse(bytes)
        .and_then(|document| verify_archived(&document, &world.policy).map(|_| ()));
    let change = region.change();
    drop(outcome);
    change.bytes_allocated
}

fn allocated_in_parsing(bytes: &[u8]) -> usize {
    let region = Region::new(ALLOCATOR);
    let outcome = Document::parse(bytes).map(|_| ());
    let change = region.change();
    drop(outcome);
    change.bytes_allocated
}
