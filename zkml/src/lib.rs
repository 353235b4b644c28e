//! Assay.
