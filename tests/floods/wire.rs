//! What a flood is made of: frames one after the other, built when they are asked for, so that a flood takes no memory.

use std::net::Ipv4Addr;

const MICRO: i64 = 1_000;
/// When the floods begin: 2026-06-01.
pub(crate) const BEGIN: i64 = 1_780_272_000_000_000_000;
/// The server that is flooded.
const SERVER: [u8; 4] = [203, 0, 113, 7];
const PORT: u16 = 8883;

const FIN: u8 = 1;
const SYN: u8 = 2;
const ACK: u8 = 16;

/// What comes in masses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flood {
    /// SYNs from random addresses, each the only one.
    Syns,
    /// Handshakes that the client never completes.
    HalfOpen,
    /// Handshakes, then nothing.
    Idle,
    /// Handshakes whose endpoints differ by the same bits in address and port: what simple hashes fold onto one value.
    Folding,
    /// One connection whose server sends segments of 60,000 bytes, of which the capture kept the headers.
    Huge,
    /// One connection that repeats a pattern: bytes that make records of one byte.
    TinyRecords,
    /// One connection that announces a handshake message of 16 MB, and sends it.
    LongMessage,
    /// One connection whose server sends a chain of so many certificates, each another one.
    Chain,
    /// One connection of which every second segment is missing.
    OutOfOrder,
}

/// A frame of raw IPv4: when, how long it was, and what was kept.
pub(crate) struct Packet<'a> {
    pub(crate) at: i64,
    pub(crate) original_len: u32,
    pub(crate) data: &'a [u8],
}

impl Flood {
    /// Sends `count` of them, each microsecond a frame.
    pub(crate) fn play(self, count: u64, mut send: impl FnMut(&Packet<'_>)) {
        let mut wire = Wire { now: BEGIN, buffer: Vec::new(), send: &mut send };
        match self {
            Self::Syns => {
                let mut random = 0x9e37_79b9_7f4a_7c15_u64;
                for _ in 0..count {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let [high, middle, low, port @ ..] = random.to_be_bytes();
                    wire.client([10, high, middle, low], 1024 + u16::from_be_bytes([port[0], port[1]]) / 2).syn();
                }
            }
            Self::HalfOpen => each(count, |address, port| {
                wire.client(address, port).syn().syn_ack();
            }),
            Self::Idle => each(count, |address, port| {
                wire.client(address, port).syn().syn_ack().ack();
            }),
            Self::Folding => {
                for number in 0..count {
                    let bits = u32::try_from(number % (1 << 24)).expect("24 bits");
                    let address = Ipv4Addr::from_bits(0x0a00_0000 | bits).octets();
                    let port = 1024 + u16::try_from(bits & 0x7fff).expect("15 bits");
                    wire.client(address, port).syn().syn_ack().ack();
                }
            }
            Self::Huge => {
                let mut client = wire.client([10, 0, 0, 1], 40_000).syn().syn_ack().ack();
                for _ in 0..count {
                    client = client.answered(60_000, &[]);
                }
            }
            Self::TinyRecords => {
                let mut client = wire.client([10, 0, 0, 1], 40_000).syn().syn_ack().ack();
                // A ClientHello of 65,531 bytes, of which each record holds one.
                let hello = [1, 0, 0xff, 0xfb, 3, 3].into_iter().chain(std::iter::repeat(0));
                let mut records = Vec::new();
                for byte in hello.take(usize::try_from(count).expect("few")) {
                    records.extend([22, 3, 1, 0, 1, byte]);
                }
                for piece in records.chunks(1_400) {
                    client = client.said(piece);
                }
            }
            Self::LongMessage => {
                let mut client = wire.client([10, 0, 0, 1], 40_000).syn().syn_ack().ack();
                client = client.said(&[22, 3, 3, 0x40, 0, 11, 0xff, 0xff, 0xff]);
                let record = [&[22, 3, 3, 0x40, 0][..], &[0; 16_384]].concat();
                let mut sent = record[9..].to_vec();
                for _ in 0..count {
                    sent.extend_from_slice(&record);
                    for piece in sent.chunks(1_400) {
                        client = client.said(piece);
                    }
                    sent.clear();
                }
            }
            Self::Chain => {
                let mut client = wire.client([10, 0, 0, 1], 40_000).syn().syn_ack().ack();
                for piece in chain(count).chunks(1_400) {
                    client = client.answered(piece.len(), piece);
                }
            }
            Self::OutOfOrder => {
                let mut client = wire.client([10, 0, 0, 1], 40_000).syn().syn_ack().ack();
                for _ in 0..count {
                    client.next_seq = client.next_seq.wrapping_add(10);
                    client = client.said(&[0x17; 10]);
                }
            }
        }
    }
}

/// The records of a ServerHello of TLS 1.2, and of a Certificate with so many certificates (RFC 5246, 7.4.1.3 and 7.4.2).
fn chain(count: u64) -> Vec<u8> {
    let message = |kind: u8, body: &[u8]| [&[kind][..], &length(body), body].concat();
    let hello = message(2, &[&[3, 3][..], &[8; 32], &[0, 0xc0, 0x2f, 0]].concat());
    let mut certificate =
        rcgen::generate_simple_self_signed(["flood.example".to_owned()]).expect("one").cert.der().to_vec();
    let mut list = Vec::new();
    for number in 0..count {
        // The end of its signature makes it another one.
        let end = certificate.len() - 4;
        certificate[end..].copy_from_slice(&u32::try_from(number).expect("few").to_be_bytes());
        list.extend([&length(&certificate)[..], &certificate].concat());
    }
    let chain = message(11, &[&length(&list)[..], &list].concat());
    let records = [hello, chain].concat();
    let record = |piece: &[u8]| [&[22, 3, 3][..], &length(piece)[1..], piece].concat();
    records.chunks(16_384).flat_map(record).collect()
}

/// The length of something in three bytes.
fn length(of: &[u8]) -> [u8; 3] {
    let [_, bytes @ ..] = u32::try_from(of.len()).expect("less than 16 MB").to_be_bytes();
    bytes
}

/// Calls with one client after the other: another port, then another address.
fn each(count: u64, mut client: impl FnMut([u8; 4], u16)) {
    for number in 0..count {
        let address = u32::try_from(number / 50_000 % (1 << 24)).expect("24 bits");
        let port = u16::try_from(number % 50_000).expect("a port");
        client(Ipv4Addr::from_bits(0x0a00_0000 | address).octets(), 10_000 + port);
    }
}

struct Wire<'s, S> {
    now: i64,
    buffer: Vec<u8>,
    send: &'s mut S,
}

impl<'s, S: FnMut(&Packet<'_>)> Wire<'s, S> {
    fn client(&mut self, address: [u8; 4], port: u16) -> Client<'_, 's, S> {
        Client { wire: self, address, port, next_seq: 1_000, server_seq: 5_000 }
    }
}

/// One connection to the server.
struct Client<'w, 's, S> {
    wire: &'w mut Wire<'s, S>,
    address: [u8; 4],
    port: u16,
    next_seq: u32,
    server_seq: u32,
}

impl<S: FnMut(&Packet<'_>)> Client<'_, '_, S> {
    fn syn(mut self) -> Self {
        self.segment(true, SYN, 0, &[]);
        self
    }

    fn syn_ack(mut self) -> Self {
        self.segment(false, SYN | ACK, 0, &[]);
        self
    }

    fn ack(mut self) -> Self {
        self.segment(true, ACK, 0, &[]);
        self
    }

    fn said(mut self, data: &[u8]) -> Self {
        self.segment(true, ACK, data.len(), data);
        self
    }

    fn answered(mut self, length: usize, kept: &[u8]) -> Self {
        self.segment(false, ACK, length, kept);
        self
    }

    /// A segment that carries `length` bytes, of which the capture kept some.
    fn segment(&mut self, from_client: bool, flags: u8, length: usize, kept: &[u8]) {
        let (seq, ack) = if from_client { (self.next_seq, self.server_seq) } else { (self.server_seq, self.next_seq) };
        let ends = [(self.address, self.port), (SERVER, PORT)];
        let (from, to) = if from_client { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
        let total = u16::try_from(40 + length).expect("a datagram");
        let buffer = &mut self.wire.buffer;
        buffer.clear();
        buffer.extend([0x45, 0]);
        buffer.extend(total.to_be_bytes());
        buffer.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        buffer.extend(from.0.into_iter().chain(to.0));
        buffer.extend(from.1.to_be_bytes().into_iter().chain(to.1.to_be_bytes()));
        buffer.extend(seq.to_be_bytes());
        buffer.extend((if flags & ACK == 0 { 0 } else { ack }).to_be_bytes());
        buffer.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        buffer.extend_from_slice(kept);
        let taken = u32::try_from(length).expect("a datagram") + u32::from(flags & (SYN | FIN) != 0);
        let next = if from_client { &mut self.next_seq } else { &mut self.server_seq };
        *next = next.wrapping_add(taken);
        (self.wire.send)(&Packet { at: self.wire.now, original_len: total.into(), data: &self.wire.buffer });
        self.wire.now += MICRO;
    }
}
