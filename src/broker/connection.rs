//! One client's connection: bytes between its stream and the hub. It knows keep-alive, timeouts and goodbyes, and
//! nothing of TLS.

use super::Limits;
use super::clock::now;
use super::codec::{
    CodecError, ConnAck, Connect, ConnectCode, Disconnect, MqttVersion, Packet, ReasonCode, ServerLimits,
};
use super::hub::Hub;
use super::seat::{Departure, Outgoing, Reaction, Seat, Welcome};
use super::stop::Stop;
use super::wire::{Wire, WireError};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};

/// How long a client may take for its CONNECT, and for taking what is written to it.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Packets for the client that are written at once, in bytes.
const BATCH: usize = 64 * 1024;

/// Serves a client from its CONNECT to its end.
pub(super) async fn serve<S>(stream: S, hub: &Mutex<Hub>, limits: Limits, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = Wire::new(stream, MqttVersion::V311, limits.packet_size);
    let Some(connect) = receive_connect(&mut wire, &mut stop).await else { return wire.close().await };
    let keep_alive = connect.keep_alive;
    wire.set_version(connect.version);
    let version = connect.version;
    let welcome = lock(hub).connect(*connect, now());
    let connack = connack(&welcome, version, limits);
    if wire.queue(&connack).is_err() || !flush(&mut wire).await {
        if let Ok(welcome) = welcome {
            lock(hub).leave(&welcome.seat, Departure::Abrupt, now());
        }
        return;
    }
    if let Ok(Welcome { seat, .. }) = welcome {
        tracing::debug!(client_id = seat.client_id, %version, keep_alive, "client connected");
        let mut session = Connection { wire: &mut wire, hub, seat: &seat, keep_alive: grace(keep_alive) };
        let end = session.run(&mut stop).await;
        tracing::debug!(client_id = seat.client_id, ?end, "client gone");
        let departure = match end {
            End::Goodbye(departure) => departure,
            End::Lost => Departure::Abrupt,
            End::Closed(reason) => {
                say_why(&mut wire, version, reason).await;
                Departure::Abrupt
            }
        };
        lock(hub).leave(&seat, departure, now());
    }
    wire.close().await;
}

/// Why a session's connection ended.
#[derive(Debug)]
enum End {
    /// By the client's DISCONNECT.
    Goodbye(Departure),
    /// By the client or the network, without a word.
    Lost,
    /// By the broker.
    Closed(ReasonCode),
}

struct Connection<'a, S> {
    wire: &'a mut Wire<S>,
    hub: &'a Mutex<Hub>,
    seat: &'a Seat,
    keep_alive: Option<Duration>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    async fn run(&mut self, stop: &mut Stop) -> End {
        let mut heard = now();
        loop {
            if let Some(end) = self.deliver().await {
                return end;
            }
            let deadline = self.keep_alive.and_then(|grace| heard.checked_add(grace));
            let received = tokio::select! {
                received = self.wire.receive() => received,
                () = self.seat.bell.notified() => continue,
                () = until(deadline) => return End::Closed(ReasonCode::KEEP_ALIVE_TIMEOUT),
                () = stop.requested() => return End::Closed(ReasonCode::SERVER_SHUTTING_DOWN),
            };
            heard = now();
            let packet = match received {
                Ok(Some(packet)) => packet,
                Ok(None) | Err(WireError::Io(_)) => return End::Lost,
                Err(WireError::Codec(error)) => return End::Closed(reason_of(error)),
            };
            let reaction = lock(self.hub).handle(self.seat, packet, heard);
            match reaction {
                Reaction::Silence => {}
                Reaction::Reply(packet) => {
                    // What the hub answers can always be written: its parts came in packets of the same form.
                    if self.wire.queue(&packet).is_err() {
                        return End::Closed(ReasonCode::UNSPECIFIED_ERROR);
                    }
                }
                Reaction::Goodbye(departure) => return End::Goodbye(departure),
                Reaction::Close(reason) => return End::Closed(reason),
            }
        }
    }

    /// Writes answers and what the hub has, until it has no more.
    async fn deliver(&mut self) -> Option<End> {
        loop {
            let mut more = false;
            while self.wire.queued() < BATCH {
                let outgoing = lock(self.hub).poll(self.seat, now());
                match outgoing {
                    Outgoing::Packet(packet) => more = self.wire.queue(&packet).is_ok(),
                    Outgoing::Nothing => {
                        more = false;
                        break;
                    }
                    Outgoing::TakenOver => return Some(End::Closed(ReasonCode::SESSION_TAKEN_OVER)),
                }
            }
            if self.wire.queued() > 0 && !flush(self.wire).await {
                return Some(End::Lost);
            }
            if !more {
                return None;
            }
        }
    }
}

/// The client's CONNECT, or None if it did not come in time or cannot be served; the refusal is then queued already.
async fn receive_connect<S>(wire: &mut Wire<S>, stop: &mut Stop) -> Option<Box<Connect>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let raw = tokio::select! {
        raw = timeout(PATIENCE, wire.receive_raw()) => raw.ok()?.ok()??,
        () = stop.requested() => return None,
    };
    match raw.decode_connect() {
        Ok(Packet::Connect(connect)) => Some(connect),
        Err(CodecError::UnsupportedVersion(level)) => {
            // In the client's own tongue, as far as it can be known (5.0, 3.1.2.2).
            let version = if level < 5 { MqttVersion::V311 } else { MqttVersion::V5 };
            wire.set_version(version);
            let code = ConnectCode::unacceptable_version(version);
            let refusal = ConnAck { session_present: false, code, limits: ServerLimits::default() };
            let _ = wire.queue(&Packet::ConnAck(refusal));
            flush(wire).await;
            None
        }
        _ => None,
    }
}

fn connack(welcome: &Result<Welcome, ConnectCode>, version: MqttVersion, own: Limits) -> Packet {
    Packet::ConnAck(match welcome {
        Ok(welcome) => {
            let limits = ServerLimits {
                receive_maximum: own.in_flight,
                maximum_packet_size: u32::try_from(own.packet_size).ok(),
                client_id: (welcome.assigned_id && version == MqttVersion::V5).then(|| welcome.seat.client_id.clone()),
                ..ServerLimits::default()
            };
            ConnAck { session_present: welcome.session_present, code: ConnectCode::ACCEPTED, limits }
        }
        Err(code) => ConnAck { session_present: false, code: *code, limits: ServerLimits::default() },
    })
}

/// Only 5.0 lets the server say why it closes (3.14).
async fn say_why<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, version: MqttVersion, reason: ReasonCode) {
    if version == MqttVersion::V5 && wire.queue(&Packet::Disconnect(Disconnect::new(reason))).is_ok() {
        flush(wire).await;
    }
}

/// False if the client is gone or does not take it.
async fn flush<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>) -> bool {
    let written: Result<io::Result<()>, _> = timeout(PATIENCE, wire.flush()).await;
    matches!(written, Ok(Ok(())))
}

fn reason_of(error: CodecError) -> ReasonCode {
    match error {
        CodecError::TooLarge { .. } => ReasonCode::PACKET_TOO_LARGE,
        CodecError::UnsupportedVersion(_) => ReasonCode::PROTOCOL_ERROR,
        CodecError::Malformed(_) => ReasonCode::MALFORMED_PACKET,
    }
}

/// One and a half times the keep-alive (3.1.2.10); 0 turns it off.
fn grace(keep_alive: u16) -> Option<Duration> {
    (keep_alive > 0).then(|| Duration::from_millis(1500 * u64::from(keep_alive)))
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The hub never panics half way through a change, so a poisoned lock is as good as any.
pub(super) fn lock(hub: &Mutex<Hub>) -> MutexGuard<'_, Hub> {
    hub.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Policy, stop};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const CONNECT_V5: &[u8] = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x03dev";

    /// All that the broker says to a client that sends this and no more.
    async fn said(bytes: &[u8]) -> Vec<u8> {
        let limits = Limits { packet_size: 100, ..Limits::default() };
        let hub = Mutex::new(Hub::new(limits, Policy::default()));
        let (_stopper, stop) = stop::channel();
        let (mut client, server) = duplex(64 * 1024);
        let mut said = Vec::new();
        let talk = async {
            client.write_all(bytes).await.unwrap();
            client.shutdown().await.unwrap();
            client.read_to_end(&mut said).await.unwrap();
        };
        tokio::join!(serve(server, &hub, limits, stop), talk);
        said
    }

    async fn said_after_connack(bytes: &[u8]) -> Vec<u8> {
        let said = said(&[CONNECT_V5, bytes].concat()).await;
        assert_eq!(said[0], 0x20, "a CONNACK comes first");
        said[2 + usize::from(said[1])..].to_vec()
    }

    // 3.1.1, 3.1.2.2 and 5.0, 3.1.2.2: the refusal is one that the client understands.
    #[tokio::test]
    async fn clients_of_other_versions_are_refused_in_words_they_know() {
        assert_eq!(said(b"\x10\x11\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x03abc").await, [0x20, 2, 0, 1]);
        assert_eq!(said(b"\x10\x0f\x00\x04MQTT\x06\x02\x00\x3c\x00\x03abc").await, [0x20, 3, 0, 0x84, 0]);
    }

    #[tokio::test]
    async fn who_does_not_begin_with_connect_gets_no_answer() {
        assert_eq!(said(b"GET / HTTP/1.1\r\n\r\n").await, b"");
        assert_eq!(said(b"\xc0\x00").await, b"");
    }

    #[tokio::test]
    async fn what_ends_a_session_is_said_by_its_reason() {
        assert_eq!(said_after_connack(CONNECT_V5).await, [0xe0, 1, 0x82]);
        assert_eq!(said_after_connack(b"\x30\xff\x7f").await, [0xe0, 1, 0x95]);
        assert_eq!(said_after_connack(b"\x82\x01\x00").await, [0xe0, 1, 0x81]);
        assert_eq!(said_after_connack(b"\x30\x06\x00\x00\x03\x23\x00\x01").await, [0xe0, 1, 0x94]);
        assert_eq!(said_after_connack(b"\xc0\x00\xe0\x00").await, [0xd0, 0]);
    }
}
