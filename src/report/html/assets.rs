//! The page's own style and script, and the policy that lets nothing else run.

use sha2::{Digest, Sha256};

/// The style of every page, for light, dark and paper.
pub const STYLE: &str = include_str!("style.css");

/// Functions that show connections: `table(container, rows, options)` and `details(connection, options)`. They start
/// nothing by themselves and build elements, never markup.
pub const SCRIPT: &str = concat!(
    include_str!("script/base.js"),
    include_str!("script/waterfall.js"),
    include_str!("script/ladder.js"),
    include_str!("script/facts.js"),
    include_str!("script/details.js"),
    include_str!("script/table.js"),
);

/// What makes them a report: reads the data in the page and begins.
pub const START: &str =
    concat!(include_str!("script/inflate.js"), include_str!("script/data.js"), include_str!("script/report.js"));

/// The content security policy of a page with this style and this script: no other code, no request, no frame, no form.
pub(super) fn policy(style: &str, script: &str) -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        digest(style),
        digest(script)
    )
}

/// The same for a page that runs nothing.
pub(crate) fn policy_without_script(style: &str) -> String {
    format!("default-src 'none'; style-src '{}'; base-uri 'none'; form-action 'none'", digest(style))
}

/// The digest of an inline element's content (CSP Level 3, 2.3.1, hash-source).
fn digest(content: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(content)))
}

/// RFC 4648, section 4.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, &byte| group << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = ALPHABET[(group >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        // Section 10.
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn nothing_in_the_script_makes_markup_or_asks_a_network() {
        for script in [SCRIPT, START] {
            for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "http:"] {
                let allowed = script.replace("\"http://www.w3.org/2000/svg\"", "");
                assert!(!allowed.contains(word), "{word}");
            }
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
