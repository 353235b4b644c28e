//! Every check that a report lists, with the section of FORMAT.md that states its rule.

/// Writes the enum, its names and its sections from one table: a check is stated once.
macro_rules! checks {
    ($($(#[$doc:meta])* $variant:ident => $id:literal, $section:literal;)*) => {
        /// A check. Names are stable, and the same wherever a report is read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum CheckId {
            $($(#[$doc])* $variant,)*
        }

        impl CheckId {
            /// Stable name, in kebab case.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)*
                }
            }

            /// The section of FORMAT.md that states the rule.
            pub(crate) const fn section(self) -> &'static str {
                match self {
                    $(Self::$variant => $section,)*
                }
            }

            #[cfg(test)]
            const NAMES: &[&str] = &[$($id),*];
        }
    };
}

checks! {
    /// A value that the caller brought is one of the operation's, and opened.
    CallerValue => "caller-value", "9.4";
    /// A card is sound and fits its steps.
    Card => "card", "6.4";
    /// An input is what the policy says.
    Input => "input", "9.4";
    /// More failures than a report lists.
    More => "more", "10.4";
    /// The nonce is the policy's and the caller's.
    Nonce => "nonce", "9.3";
    /// A disclosed value matches its commitment.
    Opening => "opening", "4.3";
    /// It is the very operation that the policy pins.
    OperationDigest => "operation-digest", "9.3";
    /// It is the operation that the policy names.
    OperationName => "operation-name", "9.3";
    /// The policy accepts how it ended.
    Outcome => "outcome", "9.3";
    /// Evidence that is promised and absent.
    Pending => "pending", "4.2";
    /// Steps, functions, settings, wiring and types.
    Plan => "plan", "9.2";
    /// The policy has the section for the clock.
    PolicyClock => "policy-clock", "9.6";
    /// Its owner has read the policy.
    PolicyReviewed => "policy-reviewed", "9.7";
    /// The receipt is in the format.
    ReceiptForm => "receipt-form", "4.1";
    /// A step of glue, done again.
    Recompute => "recompute", "7";
    /// The release is accepted still.
    Release => "release", "9.8";
    /// What the policy demands of a step holds.
    Requirement => "requirement", "9.5";
    /// A result comes from an opening.
    Result => "result", "9.2";
    /// An attestation holds for its steps.
    TeeEvidence => "tee-evidence", "5.2";
    /// A proof holds for its step.
    ZkProof => "zk-proof", "6.1";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_alphabetical() {
        assert!(CheckId::NAMES.windows(2).all(|pair| pair[0] < pair[1]), "not in order");
    }
}
