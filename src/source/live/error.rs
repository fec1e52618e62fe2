//! Why an interface cannot be captured on: one sentence each, that says what to do.

use super::device::{self, Interface};
use thiserror::Error;

/// Why an interface cannot be captured on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LiveError {
    /// Nothing has this name.
    #[error("there is no interface {name}: {hint}")]
    NoSuchInterface {
        /// What was named.
        name: String,
        /// The near one, or what there is.
        hint: String,
    },
    /// The interface is down.
    #[error("{0} is down: bring it up first, for example with: ip link set {0} up")]
    Down(String),
    /// The system does not let this user capture.
    #[error("no permission to capture on {name}: {}", remedy())]
    Permission {
        /// The interface.
        name: String,
    },
    /// libpcap does not understand the filter for this interface.
    #[error("the filter '{filter}' cannot be used on {name}: {message} (see `man pcap-filter`)")]
    Filter {
        /// The interface.
        name: String,
        /// The filter.
        filter: String,
        /// libpcap's words.
        message: String,
    },
    /// Something else; libpcap's words.
    #[error("cannot capture on {name}: {message}")]
    Other {
        /// The interface.
        name: String,
        /// libpcap's words.
        message: String,
    },
    /// The interfaces cannot be listed; libpcap's words.
    #[error("the interfaces cannot be listed: {0}")]
    List(String),
}

/// What lets a user capture.
const fn remedy() -> &'static str {
    if cfg!(target_os = "macos") {
        "run with sudo, or install ChmodBPF (it comes with Wireshark) and log in again"
    } else if cfg!(target_os = "linux") {
        "run with sudo, or give the binary the right once: sudo setcap cap_net_raw+ep $(command -v iotcap)"
    } else {
        "run as root, or as a user who may read /dev/bpf*"
    }
}

impl LiveError {
    /// What libpcap meant when it would not open the interface: its words differ between versions, the state of the
    /// interface does not.
    pub(super) fn on_open(name: &str, error: pcap::Error) -> Self {
        let (name, message) = (name.to_owned(), words(error));
        if ["permitted", "ermission", "CAP_NET_RAW"].iter().any(|word| message.contains(word)) {
            return Self::Permission { name };
        }
        let Ok(interfaces) = device::interfaces() else { return Self::Other { name, message } };
        match interfaces.iter().find(|interface| interface.name == name) {
            None => Self::NoSuchInterface { hint: hint(&name, &interfaces), name },
            Some(interface) if !interface.is_up => Self::Down(name),
            Some(_) => Self::Other { name, message },
        }
    }
}

/// libpcap's words.
pub(super) fn words(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message,
        other => other.to_string(),
    }
}

fn hint(name: &str, interfaces: &[Interface]) -> String {
    if let Some(near) = nearest(name, interfaces.iter().map(|interface| interface.name.as_str())) {
        return format!("did you mean {near}?");
    }
    let names: Vec<_> = interfaces.iter().filter(|i| i.is_up).map(|i| i.name.as_str()).collect();
    format!("there are {} (see: iotcap interfaces)", names.join(", "))
}

/// The name that a user may have meant: at most a third of it is wrong.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, near) = names.map(|other| (distance(name, other), other)).min()?;
    (distance <= (near.len() / 3).max(1)).then_some(near)
}

/// How many characters have to be put in, taken out or changed to make one text from the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, left) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        for (right, cell) in other.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal + usize::from(left != *right);
            diagonal = *cell;
            before = changed.min(before + 1).min(diagonal + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        for (one, other, expected) in
            [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("eth0", "eth0", 0), ("flaw", "lawn", 2)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn a_wrong_name_suggests_the_near_one_only() {
        let names = ["lo", "eth0", "wlan0"];
        assert_eq!(nearest("etho", names.into_iter()), Some("eth0"));
        assert_eq!(nearest("wlan1", names.into_iter()), Some("wlan0"));
        assert_eq!(nearest("l0", names.into_iter()), Some("lo"));
        assert_eq!(nearest("bridge7", names.into_iter()), None);
    }

    #[test]
    fn no_permission_says_what_to_run() {
        let error = pcap::Error::PcapError("socket: Operation not permitted".to_owned());
        let shown = LiveError::on_open("eth0", error).to_string();
        assert!(shown.starts_with("no permission to capture on eth0: ") && shown.contains("sudo"), "{shown}");
    }

    #[test]
    fn an_unknown_interface_is_told_from_one_that_is_down() {
        let error = || pcap::Error::PcapError("No such device exists".to_owned());
        let shown = LiveError::on_open("no-such-interface", error()).to_string();
        assert!(shown.starts_with("there is no interface no-such-interface: there are "), "{shown}");
    }
}
