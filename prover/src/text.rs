//! Text that was received, as it may be shown.

use std::{borrow::Cow, fmt::Write as _};

/// The text, with every character that changes how others look, or that nobody sees, written as `\u{…}`: control
/// characters, those that turn the direction of writing, and invisible ones.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(hides) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match hides(character) {
            true => {
                let _ = write!(shown, "{}", character.escape_unicode()); // a string takes everything
            }
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Control characters, line and paragraph separators, and Unicode's format characters.
fn hides(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_written_out() {
        for (text, shown) in [
            ("plain, ä and 漢字", "plain, ä and 漢字"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("\u{1b}[31m\r\n", "\\u{1b}[31m\\u{d}\\u{a}"),
            ("a\u{200b}\u{2066}b\u{feff}", "a\\u{200b}\\u{2066}b\\u{feff}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }
}
