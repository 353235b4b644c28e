//! Text made from received bytes, as a terminal, a page and a log may show it (FORMAT.md §10.4).

use std::borrow::Cow;

/// `text` with every character that shows nothing, moves the cursor or turns the direction of what follows written
/// as `\u{…}`: controls, bidirectional and other format characters, separators other than the space, unassigned ones.
///
/// Which these are is the standard library's list, the one that `{:?}` escapes by, and four letters that are blank; quotes and
/// backslashes stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(shows) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match shows(c) {
            true => out.push(c),
            false => out.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(out)
}

fn shows(c: char) -> bool {
    /// Hangul fillers: letters by their category, and ignorable.
    const BLANK: [char; 4] = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'];
    (' '..='~').contains(&c)
        || (!c.is_ascii() && c.escape_debug().count() == 1 && !BLANK.contains(&c))
}

/// The first of them, and how many there are: a receipt may have a thousand.
pub(crate) fn joined(count: usize, each: impl Iterator<Item = String>) -> String {
    const MOST: usize = 32;
    let mut text = each.take(MOST).collect::<Vec<_>>().join(", ");
    if count > MOST {
        text.push_str(&format!(", … ({count} in all)"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unicode's own lists: general category Cc, the property Bidi_Control, and format characters that show nothing.
    fn hidden(c: char) -> bool {
        matches!(c,
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
            | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}')
    }

    #[test]
    fn plain_text_stays_and_tricks_become_visible() {
        for plain in ["", "refused: plan-steps", "größer als 3 \"x\" \\ 日本語 × 2^-4"] {
            assert!(matches!(printable(plain), Cow::Borrowed(same) if same == plain));
        }
        assert_eq!(printable("\x1b[2A\x1b[Jaccepted"), "\\u{1b}[2A\\u{1b}[Jaccepted");
        assert_eq!(printable("a\nb\u{202e}c\u{200b}"), "a\\u{a}b\\u{202e}c\\u{200b}");
    }

    #[test]
    fn no_hidden_character_of_unicode_is_left() {
        for c in ('\0'..=char::MAX).filter(|c| hidden(*c)) {
            let shown = printable(c.encode_utf8(&mut [0; 4])).into_owned();
            assert!(shown.starts_with("\\u{") && shown.is_ascii(), "{:x}", u32::from(c));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_keeps_a_hidden_character(text in "\\PC*|[\\x00-\\u{2100}]*") {
            assert!(!printable(&text).chars().any(hidden));
        }
    }
}
