//! Conversations that a grammar makes: questions about this project, and what its documents answer.

use crate::{
    sentences::{
        ASKS, ASKS_WHY, DO_NOT_KNOW, GREETING, GREETS, SELF, SYSTEMS, THANKED, THANKS, THINGS,
        UNKNOWN, WHO,
    },
    tokens::{ASSISTANT, END, SYSTEM, USER},
    topics::TOPICS,
};

/// Makes conversations, the same ones from the same seed.
pub(crate) struct Grammar(u64);

impl Grammar {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A conversation of one to three questions, as the template writes it.
    pub(crate) fn conversation(&mut self) -> String {
        let mut text = String::new();
        if self.below(4) == 0 {
            text += &format!("{SYSTEM}{}{END}", self.one(SYSTEMS));
        }
        for _ in 0..=self.below(3) {
            for (question, answer) in self.exchange() {
                text += &format!("{USER}{question}{END}{ASSISTANT}{answer}{END}");
            }
        }
        text
    }

    /// A question and its answer, or two.
    fn exchange(&mut self) -> Vec<(String, String)> {
        match self.below(12) {
            0 => vec![(self.one(GREETS).to_owned(), GREETING.to_owned())],
            1 => vec![(self.one(WHO).to_owned(), SELF.to_owned())],
            2 => vec![(self.one(THANKS).to_owned(), THANKED.to_owned())],
            3 | 4 => {
                let thing = self.one(THINGS);
                vec![(filled(self.one(UNKNOWN), thing), DO_NOT_KNOW.to_owned())]
            }
            _ => {
                let topic = &TOPICS[self.below(TOPICS.len())];
                let asked = filled(self.one(ASKS), self.one(topic.names));
                let mut exchange = vec![(asked, topic.says[0].to_owned())];
                if self.below(3) == 0 {
                    exchange.push((self.one(ASKS_WHY).to_owned(), topic.says[1].to_owned()));
                }
                exchange
            }
        }
    }

    fn one(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    /// A number below `bound`: SplitMix64 (Steele, Lea and Flood 2014).
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % u64::try_from(bound.max(1)).unwrap_or(1)).unwrap_or(0)
    }
}

fn filled(sentence: &str, name: &str) -> String {
    let text = sentence.replace("{}", name);
    let mut letters = text.chars();
    // A name that begins a sentence is written large.
    match letters.next() {
        Some(first) if sentence.starts_with("{}") => first.to_uppercase().chain(letters).collect(),
        _ => text,
    }
}
