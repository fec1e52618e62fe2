//! Text made harmless for Markdown as GitHub and GitLab read it: it shows itself, and is no markup, no HTML, no link, and
//! mentions nobody.

use crate::report::escape;

/// A character that shows nothing and keeps its neighbours apart.
const APART: &str = "&#8203;";

/// A sentence. What stands in backticks becomes code, as in the texts of the findings; all else is plain text.
pub(crate) fn prose(text: &str) -> String {
    with_code(text, code)
}

/// A sentence in a cell of a table, where even code may not hold a bare `|`.
pub(crate) fn cell(text: &str) -> String {
    with_code(text, |text| code(text).replace('|', "\\|"))
}

fn with_code(text: &str, code: impl Fn(&str) -> String) -> String {
    let text = escape(text);
    let parts: Vec<&str> = text.split('`').collect();
    // Pairs of single backticks with something in and between them; anything else could be read in another way.
    let is_paired = parts.len() % 2 == 1 && parts.iter().skip(1).rev().skip(1).all(|part| !part.is_empty());
    if !is_paired {
        return plain(&text);
    }
    let part = |(index, part): (usize, &&str)| if index % 2 == 0 { plain(part) } else { code(part) };
    parts.iter().enumerate().map(part).collect()
}

/// A name, an address, an expression: as code, in fences that it cannot end.
pub(crate) fn code(text: &str) -> String {
    let text = escape(text);
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Text inside of an HTML element, where Markdown is not read.
pub(crate) fn html(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in escape(text).chars() {
        push_html(&mut shown, character);
    }
    shown
}

fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            // At the beginning of a line they would begin a list, a heading, or a rule.
            '-' | '+' | '=' if shown.is_empty() => shown.extend(['\\', character]),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '|' | '~' | '$' | '!' => shown.extend(['\\', character]),
            _ => push_html(&mut shown, character),
        }
    }
    shown
}

/// A character that neither begins HTML, nor ends the beginning of a link, nor mentions a person or an issue.
fn push_html(shown: &mut String, character: char) {
    match character {
        '&' => shown.push_str("&amp;"),
        '<' => shown.push_str("&lt;"),
        '>' => shown.push_str("&gt;"),
        '/' if shown.ends_with(':') => shown.extend([APART, "/"]),
        '@' | '#' => {
            shown.push(character);
            shown.push_str(APART);
        }
        _ => shown.push(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_markup() {
        assert_eq!(prose("*a* _b_ [c](d) <e> & |f|"), r"\*a\* \_b\_ \[c\](d) &lt;e&gt; &amp; \|f\|");
        assert_eq!(prose("- not a list"), r"\- not a list");
        assert_eq!(
            prose("see http://evil.example, @all, #12"),
            "see http:&#8203;//evil.example, @&#8203;all, #&#8203;12"
        );
        assert_eq!(prose("a\r\n# b\u{202e}"), r"a\\r\\n#&#8203; b\\u\{202e\}");
    }

    #[test]
    fn pairs_of_backticks_are_code_and_others_are_text() {
        assert_eq!(prose("run `openssl s_client` first"), "run `openssl s_client` first");
        assert_eq!(prose("`<b>`"), "`<b>`");
        assert_eq!(prose("one ` alone <b>"), r"one \` alone &lt;b&gt;");
        assert_eq!(prose("``double``"), r"\`\`double\`\`");
        assert_eq!(prose("`a``b`"), r"\`a\`\`b\`");
    }

    #[test]
    fn a_cell_holds_no_bar_even_in_code() {
        assert_eq!(cell("a|b `c|d`"), r"a\|b `c\|d`");
    }

    #[test]
    fn code_cannot_be_ended_from_within() {
        assert_eq!(code("plain"), "`plain`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`x"), "`` `x ``");
    }
}
