//! What the tests of all parts share: keys with known secrets, chains and documents, receipts.

pub mod enclave;
pub mod nitro;
pub mod receipts;
pub mod seeds;
pub mod service;
pub mod trapdoor;
