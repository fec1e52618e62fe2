//! `iotcap interfaces`: what can be captured on, with addresses.

use crate::source::live::{self, Interface};
use anyhow::Result;
use std::io::{self, Write};

/// Prints the interfaces to standard output, one a line.
///
/// # Errors
/// Where they cannot be listed, or standard output fails.
pub fn print() -> Result<()> {
    let route = live::default_route();
    let table = table(&live::interfaces()?, route.as_deref());
    Ok(io::stdout().write_all(table.as_bytes())?)
}

fn table(interfaces: &[Interface], route: Option<&str>) -> String {
    let width = interfaces.iter().map(|interface| interface.name.len()).max().unwrap_or_default();
    let line = |interface: &Interface| {
        let state = if interface.is_up { "up  " } else { "down" };
        let addresses: Vec<_> = interface.addresses.iter().map(ToString::to_string).collect();
        let mut about = addresses.join(" ");
        let mut add = |text: &str| {
            about.push_str(if about.is_empty() { "" } else { "  " });
            about.push_str(text);
        };
        if route == Some(interface.name.as_str()) {
            add("(default route)");
        }
        if !interface.description.is_empty() {
            add(&format!("({})", interface.description));
        }
        format!("{:width$}  {state}  {about}", interface.name).trim_end().to_owned() + "\n"
    };
    interfaces.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn names_states_and_addresses_stand_in_columns() {
        let interface = |name: &str, is_up, addresses| Interface {
            name: name.to_owned(),
            description: String::new(),
            addresses,
            is_up,
            is_loopback: false,
        };
        let interfaces = [
            interface("wlan0", true, vec![Ipv4Addr::new(192, 0, 2, 7).into()]),
            interface("lo", true, vec![Ipv4Addr::LOCALHOST.into()]),
            Interface { description: "serial".to_owned(), ..interface("eth0", false, vec![]) },
        ];
        assert_eq!(
            table(&interfaces, Some("wlan0")),
            "wlan0  up    192.0.2.7  (default route)\nlo     up    127.0.0.1\neth0   down  (serial)\n"
        );
    }
}
