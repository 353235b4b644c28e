//! What a person can do about a refusal, by its code.

/// A hint for a code, where one helps.
pub(super) fn of(code: &str) -> Option<&'static str> {
    Some(match code {
        "attestation-certificate-expired" => {
            "the enclave's certificate lives about three hours: ask for a fresh receipt, or verify with --archived"
        }
        "attestation-outside-window" => {
            "the receipt was attested at another time than the policy's archived window says"
        }
        "attestation-root-mismatch" => {
            "the attestation is not from the root that the policy names; a development attester must be named by accept_root_other_than_aws"
        }
        "attestation-timestamp-too-old" => {
            "ask for a fresh receipt, or verify with --archived if an old one is what you mean to check"
        }
        "caller-value-missing" => "give what you sent with --value NAME=FILE",
        "definition" => "see the example in models/digits/operation.toml",
        "evidence-pending" => "the proof is not attached yet: fetch the receipt again later",
        "folder-circuit" => "the folder was compiled by another version: compile and set up again",
        "folder-file-changed" => "copy the folder again, or compile and set up again",
        "folder-incomplete" => {
            "assay compile writes model and manifest, then assay setup the key and its card"
        }
        "folder-index" => "name a folder that assay compile wrote",
        "nonce-mismatch" => "run the operation again with --nonce and the policy's nonce",
        "policy-unreviewed" => {
            "read the policy; when it says what you mean, remove the line \"unreviewed\""
        }
        "setup-single-party" => {
            "a single party made the proving key and could forge; accept_single_party_setup accepts that"
        }
        "store-missing" => {
            "--state and --config say which service's jobs are meant; --stage chooses among them"
        }
        "unreadable" => "check the path; `make build` puts assay and assay-engine side by side",
        _ => return None,
    })
}
