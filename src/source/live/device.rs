//! The interfaces of this machine, and how one of them is opened.

use super::error::{LiveError, words};
use crate::frame::LinkType;
use nix::net::if_::{InterfaceFlags, if_indextoname, if_nametoindex};
use pcap::{Active, Capture, Linktype};
use std::net::IpAddr;

/// Linux's device that captures on all interfaces at once.
pub const ANY: &str = "any";

/// An interface of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// What the system calls it; empty where it does not.
    pub description: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether it is up.
    pub is_up: bool,
    /// Whether it is the loopback interface.
    pub is_loopback: bool,
}

/// All interfaces that libpcap knows, in its order: the likeliest ones first.
///
/// # Errors
/// libpcap's words where it cannot tell.
pub fn interfaces() -> Result<Vec<Interface>, LiveError> {
    let devices = pcap::Device::list().map_err(|error| LiveError::List(words(error)))?;
    Ok(devices
        .into_iter()
        .map(|device| Interface {
            is_up: device.flags.is_up(),
            is_loopback: device.flags.is_loopback(),
            addresses: device.addresses.iter().map(|address| address.addr).collect(),
            description: device.desc.unwrap_or_default(),
            name: device.name,
        })
        .collect())
}

/// Whether an interface is there and up.
fn is_up(name: &str) -> bool {
    let Ok(mut addresses) = nix::ifaddrs::getifaddrs() else { return true };
    name == ANY
        || addresses.any(|address| address.interface_name == name && address.flags.contains(InterfaceFlags::IFF_UP))
}

/// An interface that is followed when its name changes: while there is one of the name that was given it is that one, else
/// the one that had the name before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    name: String,
    /// The system's number for it, which stays when it is renamed.
    index: Option<u32>,
}

impl Link {
    /// The interface that has this name now, or will have it.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), index: if_nametoindex(name).ok() }
    }

    /// What it is called now; the name that was given where it is gone.
    #[must_use]
    pub fn called(&self) -> String {
        if if_nametoindex(self.name.as_str()).is_ok() {
            return self.name.clone();
        }
        let renamed = self.index.and_then(|index| if_indextoname(index).ok()?.into_string().ok());
        renamed.unwrap_or_else(|| self.name.clone())
    }

    /// Takes note of the interface that has the name that was given, if there is one.
    pub fn follow(&mut self) {
        self.index = if_nametoindex(self.name.as_str()).ok().or(self.index);
    }

    /// Whether it is there and up. Where the system cannot tell, it is.
    #[must_use]
    pub fn is_up(&self) -> bool {
        is_up(&self.called())
    }
}

/// The name of the loopback interface.
#[must_use]
pub fn loopback() -> Option<String> {
    interfaces().ok()?.into_iter().find(|interface| interface.is_loopback).map(|interface| interface.name)
}

/// The interface that carries the default route of IPv4, where the system says so in a file (Linux).
#[must_use]
pub fn default_route() -> Option<String> {
    default_route_in(&std::fs::read_to_string("/proc/net/route").ok()?)
}

/// The first column of the line whose destination and mask are 0, with the lowest metric.
fn default_route_in(routes: &str) -> Option<String> {
    let default = |line: &str| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let [name, "00000000", _, _, _, _, metric, "00000000", ..] = columns[..] else { return None };
        Some((metric.parse::<u32>().ok()?, name.to_owned()))
    };
    routes.lines().filter_map(default).min().map(|(_, name)| name)
}

/// How to capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the kernel lets through, in libpcap's language.
    pub filter: String,
    /// The most bytes that are kept of a frame.
    pub snaplen: u32,
    /// The kernel's buffer, in bytes, for each interface.
    pub buffer: usize,
    /// Each frame as it comes, at many times the cost.
    pub immediate: bool,
}

/// Snaplen: more than the largest frame that loopback or an offloading card hands over.
pub const SNAPLEN: u32 = 262_144;
/// The kernel's buffer: a second of a busy gigabit link.
pub const BUFFER: usize = 32 << 20;

/// Nanoseconds where the system has them. macOS refuses them without a word, and its microseconds would be read for
/// nanoseconds; there is no safe way to ask, so that all but Linux are asked for microseconds.
const PRECISION: pcap::Precision =
    if cfg!(target_os = "linux") { pcap::Precision::Nano } else { pcap::Precision::Micro };

/// Nanoseconds in a unit of a timestamp's fraction.
pub(super) const FRACTION: i64 = if cfg!(target_os = "linux") { 1 } else { 1_000 };

/// How long the kernel may keep a frame to itself, in milliseconds: what a user sees is not older.
const TIMEOUT: i32 = 20;

/// Opens an interface and gives the kernel its filter.
pub(super) fn open(name: &str, options: &Options) -> Result<Capture<Active>, LiveError> {
    let mut capture = Capture::from_device(name)
        .map(|capture| {
            capture
                // `any` knows no promiscuous mode, and newer versions of libpcap say so, which the crate takes for an error.
                .promisc(name != ANY)
                .snaplen(i32::try_from(options.snaplen).unwrap_or(i32::MAX))
                .buffer_size(i32::try_from(options.buffer).unwrap_or(i32::MAX))
                .immediate_mode(options.immediate)
                .timeout(TIMEOUT)
                .precision(PRECISION)
        })
        .and_then(Capture::open)
        .map_err(|error| LiveError::on_open(name, error))?;
    capture.filter(&options.filter, true).map_err(|error| LiveError::Filter {
        name: name.to_owned(),
        filter: options.filter.clone(),
        message: words(error),
    })?;
    Ok(capture)
}

/// How often the kernel hands a frame of an interface over. Linux hands those of loopback over on their way out and on their
/// way in; libpcap passes over the first, but both take room in the buffer, and both count when there is none. (The filter
/// cannot keep them away: libpcap runs it once more by itself for what comes first, and does not know the direction there.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Copies {
    /// Once.
    #[default]
    One,
    /// Twice.
    Two,
    /// Some once and some twice.
    Mixed,
}

impl Copies {
    /// Those of the interface with this name.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "lo" if cfg!(target_os = "linux") => Self::Two,
            ANY => Self::Mixed,
            _ => Self::One,
        }
    }
}

/// What files call the link type that libpcap has for a device: most numbers are the same, some differ between systems.
pub(super) fn link_type(Linktype(number): Linktype) -> LinkType {
    const DLT_ATM_RFC1483: i32 = 11;
    const DLT_PKTAP: i32 = 149;
    const OPENBSD: bool = cfg!(target_os = "openbsd");

    match number {
        14 if OPENBSD => LinkType::RAW,
        12 if OPENBSD => LinkType::LOOP,
        12 => LinkType::RAW,
        DLT_ATM_RFC1483 => LinkType(100),
        DLT_PKTAP if cfg!(target_os = "macos") => LinkType(258),
        number => LinkType(u16::try_from(number).unwrap_or(u16::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_is_the_one_with_the_lowest_metric() {
        const HEAD: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let routes = format!(
            "{HEAD}wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
             eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
             eth0\t0002A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
        );
        assert_eq!(default_route_in(&routes).as_deref(), Some("eth0"));
        assert_eq!(default_route_in(HEAD), None);
    }

    #[test]
    fn link_types_are_those_of_files() {
        assert_eq!(link_type(Linktype::ETHERNET), LinkType::ETHERNET);
        assert_eq!(link_type(Linktype(if cfg!(target_os = "openbsd") { 14 } else { 12 })), LinkType::RAW);
        assert_eq!(link_type(Linktype(276)), LinkType::LINUX_SLL2);
    }

    #[test]
    fn the_loopback_interface_is_listed() {
        assert!(loopback().is_some_and(|name| name.starts_with("lo") && is_up(&name)));
        assert!(!is_up("no-such-interface"));
    }
}
