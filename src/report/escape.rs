//! Text from the wire, made harmless: in come names, topics and messages that a stranger may have written, out goes text
//! that cannot move a cursor, change a colour, hide itself or turn the reading direction.
//!
//! For people, not for machines: a backslash stays as it is, so the result is not meant to be read back.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with control characters as `\n`, `\t`, `\x1b`, and invisible or direction-changing ones as `\u{202e}`.
pub fn escape(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(must_be_escaped) else { return Cow::Borrowed(text) };
    let (clean, rest) = text.split_at(first);
    let mut shown = String::with_capacity(text.len() + 8);
    shown.push_str(clean);
    for character in rest.chars() {
        push_escaped(&mut shown, character);
    }
    Cow::Owned(shown)
}

fn push_escaped(shown: &mut String, character: char) {
    if !must_be_escaped(character) {
        shown.push(character);
        return;
    }
    match character {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        _ => {
            let code = u32::from(character);
            let written = if code < 0x100 { write!(shown, "\\x{code:02x}") } else { write!(shown, "\\u{{{code:x}}}") };
            debug_assert!(written.is_ok(), "a String takes everything");
        }
    }
}

/// What a terminal, a browser or an editor acts upon in place of showing it.
pub(super) const fn must_be_escaped(character: char) -> bool {
    matches!(character,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'    // C0, DEL, C1 (0x9b alone begins a terminal's escape sequence)
        | '\u{ad}'                           // soft hyphen
        | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // bidi, zero width (UAX 9)
        | '\u{2028}' | '\u{2029}'            // line and paragraph separators
        | '\u{180e}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}' // invisible or deprecated format characters
        | '\u{3164}' | '\u{115f}' | '\u{1160}' | '\u{ffa0}' // Hangul fillers: letters that show nothing
        | '\u{fff9}'..='\u{fffb}'            // interlinear annotation
        | '\u{e0000}'..='\u{e007f}'          // tags
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_borrowed_as_it_is() {
        for text in ["", "sensors/kitchen", r"CN=a\,b", "müller/温度", "👍"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn a_terminal_receives_no_escape_sequence() {
        assert_eq!(escape("a\x1b[31mred\x07"), r"a\x1b[31mred\x07");
        assert_eq!(escape("\u{9b}2J"), r"\x9b2J");
        assert_eq!(escape("line\r\nline\tx\0\x7f"), r"line\r\nline\tx\x00\x7f");
    }

    #[test]
    fn text_cannot_turn_or_hide_itself() {
        assert_eq!(escape("exe.\u{202e}gpj"), r"exe.\u{202e}gpj");
        assert_eq!(escape("a\u{2066}b\u{200b}c\u{feff}d\u{e0041}"), r"a\u{2066}b\u{200b}c\u{feff}d\u{e0041}");
    }
}
