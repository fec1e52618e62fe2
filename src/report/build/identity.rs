//! Which connection this is, for whoever saw it at another place as well: a record comes in, its identity goes out.
//!
//! It rests on what both ends see alike, the strongest first. Addresses and ports of the client are no part of it: NAT replaces
//! them; the server's address neither, so that nobody can try all addresses to find the one behind a pseudonym. What the two
//! ends may see differently, such as an answer that was lost on the way, is no part of it either.
//!
//! 1. The random of the first ClientHello (RFC 8446, 4.1.2): 32 bytes that nothing on the path can change unnoticed.
//! 2. Both initial sequence numbers, where the TCP handshake was completed; proxies and some firewalls replace them.
//! 3. The client's, and the server's port, where it was not.
//! 4. Where not even the start was captured: when and where its first frame was. No other capture shows the same.

use crate::connection::Record;
use crate::report::model::TraceId;
use sha2::{Digest, Sha256};

/// The identity of a connection.
#[must_use]
pub fn trace_id(record: &Record) -> TraceId {
    let mut hash = Sha256::new();
    let mut add = |label: &str, parts: &[&[u8]]| {
        hash.update(label);
        for part in parts {
            hash.update(part);
        }
    };
    let tcp = &record.tcp;
    if let Some(random) = client_random(record) {
        add("tls client random", &[random]);
    } else if let (Some(client), Some(server), Some(_)) = (tcp.client.isn, tcp.server.isn, tcp.established) {
        add("tcp both isn", &[&client.0.to_be_bytes(), &server.0.to_be_bytes()]);
    } else if let (Some(client), false) = (tcp.client.isn, tcp.midstream) {
        add("tcp client isn", &[&client.0.to_be_bytes(), &record.endpoints.server.port.to_be_bytes()]);
    } else {
        let (client, server) = (record.endpoints.client.port, record.endpoints.server.port);
        let at = record.first.at.as_nanos().to_be_bytes();
        add("midstream", &[&at, &record.ordinal.to_be_bytes(), &client.to_be_bytes(), &server.to_be_bytes()]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    TraceId::from_digest(&digest)
}

/// The random of its first ClientHello; one of zeros, as a hello of SSL 2.0 leaves it, tells nothing apart.
fn client_random(record: &Record) -> Option<&[u8; 32]> {
    let hello = record.tls.as_ref()?.client_hello.as_ref()?;
    Some(&hello.random).filter(|random| **random != [0; 32])
}
