//! Texts that end an answer, across the borders of tokens.

/// Looks for stop texts in a text that comes in parts, and holds back what may become one.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    texts: Vec<String>,
    held: String,
}

/// What a part of the text made certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Text that can be shown.
    pub(super) text: String,
    /// Whether a stop text followed it: then nothing more is shown.
    pub(super) stopped: bool,
}

impl Stop {
    /// Empty texts stop nothing.
    pub(super) fn new(mut texts: Vec<String>) -> Self {
        texts.retain(|text| !text.is_empty());
        Self { texts, held: String::new() }
    }

    /// Takes the next part.
    pub(super) fn push(&mut self, part: &str) -> Seen {
        self.held.push_str(part);
        let found = self.texts.iter().filter_map(|text| self.held.find(text.as_str())).min();
        if let Some(at) = found {
            self.held.truncate(at);
            return Seen { text: std::mem::take(&mut self.held), stopped: true };
        }
        let begun = self.texts.iter().map(|text| overlap(&self.held, text)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - begun);
        Seen { text: std::mem::replace(&mut self.held, rest), stopped: false }
    }

    /// What was held back: nothing follows that could complete it.
    pub(super) fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length of the longest end of `text` that `stop` begins with, and goes on after.
fn overlap(text: &str, stop: &str) -> usize {
    let lengths = stop.char_indices().map(|(at, _)| at).rev();
    lengths.into_iter().find(|length| text.ends_with(&stop[..*length])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of a text that comes in these parts.
    fn shown(stops: &[&str], parts: &[&str]) -> (String, bool) {
        let mut stop = Stop::new(stops.iter().map(|text| (*text).to_owned()).collect());
        let mut all = String::new();
        for part in parts {
            let seen = stop.push(part);
            all += &seen.text;
            if seen.stopped {
                return (all, true);
            }
        }
        (all + &stop.rest(), false)
    }

    #[test]
    fn a_text_stops_wherever_its_parts_end() {
        let text = "naïve: one\n\n\u{1f600}User: two";
        for stops in [&["\n\n\u{1f600}User:"][..], &["zzz", "User:"], &["ve: one\n\n\u{1f600}Us"]] {
            let at = stops.iter().filter_map(|stop| text.find(stop)).min().unwrap();
            let cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            for (index, first) in cuts.iter().enumerate() {
                for second in &cuts[index..] {
                    let parts = [&text[..*first], &text[*first..*second], &text[*second..]];
                    assert_eq!(shown(stops, &parts), (text[..at].to_owned(), true), "{parts:?}");
                }
            }
        }
    }

    #[test]
    fn what_only_began_is_shown_in_the_end() {
        assert_eq!(shown(&["abc"], &["xa", "b", "ab"]), ("xabab".to_owned(), false));
        let mut stop = Stop::new(vec!["aab".to_owned()]);
        assert_eq!(stop.push("aaa"), Seen { text: "a".to_owned(), stopped: false });
        assert_eq!(stop.push("b"), Seen { text: String::new(), stopped: true });
    }

    #[test]
    fn the_first_of_two_stops_wins_and_the_empty_one_is_none() {
        assert_eq!(shown(&["d", "bc", ""], &["abcd"]), ("a".to_owned(), true));
        assert_eq!(shown(&[""], &["abcd"]), ("abcd".to_owned(), false));
    }
}
