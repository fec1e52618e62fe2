//! The one copy of what a finding means: the `//!` comment at the top of its rule's file.
//!
//! `iotcap explain`, the reports and docs/findings.md all print it. Its sections are fixed: a title line, then
//! `## What it means`, `## On the wire`, `## Likely causes` (a list, the likeliest first), `## What to do` (a list),
//! `## References` (a list). Below causes and remedies, `### AWS IoT Core` and the like hold what is that service's own.

use std::fmt::Write as _;

/// A rule's documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doc {
    /// The first line.
    pub title: String,
    /// The sections, in order.
    pub sections: Vec<Section>,
}

/// A section of the documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// The service that it is for; none for all.
    pub service: Option<String>,
    /// Its lines, as written.
    pub lines: Vec<String>,
}

/// The headings that every rule has, in order.
pub const HEADINGS: [&str; 5] = ["What it means", "On the wire", "Likely causes", "What to do", "References"];

impl Doc {
    /// Reads the comment at the top of a rule's source.
    #[must_use]
    pub fn parse(source: &str) -> Self {
        let mut doc = Self::default();
        for line in source.lines().map_while(|line| line.strip_prefix("//!")) {
            let line = line.strip_prefix(' ').unwrap_or(line);
            if let Some(service) = line.strip_prefix("### ") {
                let heading = doc.sections.last().map(|section| section.heading.clone()).unwrap_or_default();
                doc.sections.push(Section { heading, service: Some(service.to_owned()), lines: Vec::new() });
            } else if let Some(heading) = line.strip_prefix("## ") {
                doc.sections.push(Section { heading: heading.to_owned(), service: None, lines: Vec::new() });
            } else if let Some(section) = doc.sections.last_mut() {
                section.lines.push(line.to_owned());
            } else if doc.title.is_empty() {
                line.trim_end_matches('.').clone_into(&mut doc.title);
            }
        }
        doc
    }

    /// The items of a list section; those of the service first, where it has its own.
    #[must_use]
    pub fn items(&self, heading: &str, service: Option<&str>) -> Vec<String> {
        let own = self
            .sections
            .iter()
            .filter(|s| s.heading == heading && s.service.is_some() && s.service.as_deref() == service);
        let general = self.sections.iter().filter(|s| s.heading == heading && s.service.is_none());
        own.chain(general).flat_map(Section::items).collect()
    }

    /// The text of a section, its lines joined.
    #[must_use]
    pub fn text(&self, heading: &str) -> String {
        let lines = self.sections.iter().filter(|s| s.heading == heading && s.service.is_none()).flat_map(|s| &s.lines);
        lines.map(|line| line.trim()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The whole comment as Markdown, its headings one level below `level`.
    #[must_use]
    pub fn markdown(&self, level: usize) -> String {
        let mut text = String::new();
        for section in &self.sections {
            let (depth, heading) = match &section.service {
                Some(service) => (level + 2, service),
                None => (level + 1, &section.heading),
            };
            let lines = section.lines.join("\n");
            let _ = write!(text, "{} {heading}\n\n{}\n\n", "#".repeat(depth), lines.trim());
        }
        text
    }
}

impl Section {
    /// The list's items: lines that begin with `* ` or a number, with their continuation lines.
    fn items(&self) -> Vec<String> {
        let mut items: Vec<String> = Vec::new();
        for line in self.lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()) {
            match (list_item(line), items.last_mut()) {
                (Some(item), _) => items.push(item.to_owned()),
                (None, Some(last)) => {
                    last.push(' ');
                    last.push_str(line);
                }
                (None, None) => {}
            }
        }
        items
    }
}

fn list_item(line: &str) -> Option<&str> {
    let rest =
        line.strip_prefix("* ").or_else(|| line.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(". "))?;
    Some(rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
//! The SYN is not answered.
//!
//! ## What it means
//! Nobody answers
//! the first packet.
//!
//! ## Likely causes
//! 1. A firewall on
//!    the way out.
//! 2. A wrong address.
//!
//! ### AWS IoT Core
//! 1. A wrong region.
//!
//! ## What to do
//! * Open 8883.

use x;
";

    #[test]
    fn sections_and_lists_are_read() {
        let doc = Doc::parse(SOURCE);
        assert_eq!(doc.title, "The SYN is not answered");
        assert_eq!(doc.text("What it means"), "Nobody answers the first packet.");
        assert_eq!(doc.items("Likely causes", None), ["A firewall on the way out.", "A wrong address."]);
        assert_eq!(doc.items("What to do", None), ["Open 8883."]);
    }

    #[test]
    fn what_is_a_services_own_comes_first() {
        let causes = Doc::parse(SOURCE).items("Likely causes", Some("AWS IoT Core"));
        assert_eq!(causes, ["A wrong region.", "A firewall on the way out.", "A wrong address."]);
    }
}
