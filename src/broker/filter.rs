//! Topic names and topic filters (MQTT 3.1.1 and 5.0, 4.7). mqttbytes' own matching panics on a topic whose first
//! character is not ASCII.

/// Whether a client may publish to this topic (4.7.1, 4.7.3).
pub(crate) fn is_topic_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['+', '#', '\0'])
}

/// Whether this is a topic filter: `+` is a whole level, `#` the whole last one (4.7.1).
pub(crate) fn is_topic_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    let mut well_formed = !filter.is_empty() && !filter.contains('\0');
    while let Some(level) = levels.next() {
        let wildcard = level.contains(['+', '#']);
        well_formed &= !wildcard || level == "+" || (level == "#" && levels.peek().is_none());
    }
    well_formed
}

/// Whether a message to `topic` goes to a subscriber of `filter`.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    // Wildcards at the front do not reach the server's own topics (4.7.2).
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut levels, mut names) = (filter.split('/'), topic.split('/'));
    loop {
        match (levels.next(), names.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(level), Some(name)) if level == name => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples of the specification, 4.7.1.2, 4.7.1.3, 4.7.2.
    #[test]
    fn matches_as_the_specification_s_examples_do() {
        for (filter, topic, expected) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sport", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/monitor/Clients", false),
            ("+/monitor/Clients", "$SYS/monitor/Clients", false),
            ("$SYS/#", "$SYS/monitor/Clients", true),
            ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
            ("é/+", "é/b", true),
            ("ACCOUNTS", "Accounts", false),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn filters_are_checked_as_the_specification_s_examples_are() {
        for valid in ["#", "+", "sport/tennis/#", "+/tennis/#", "sport/+/player1", "/", " "] {
            assert!(is_topic_filter(valid), "{valid}");
        }
        for invalid in ["", "sport/tennis#", "sport/tennis/#/ranking", "sport+", "a/b+/c", "a\0"] {
            assert!(!is_topic_filter(invalid), "{invalid}");
        }
        assert!(
            is_topic_name("a/b")
                && is_topic_name("/")
                && !is_topic_name("")
                && !is_topic_name("a/+")
                && !is_topic_name("#")
        );
    }
}
