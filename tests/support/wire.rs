//! A wire in memory: TCP segments in raw IPv4 frames as a capture at some place would have them, and the TLS in them.
//!
//! What is encrypted is made of zeros: without keys only its length counts.

use iotcap::analyzer::{Analyzer, Config};
use iotcap::decode::Interest;
use iotcap::diagnosis::{CaptureState, Thresholds, Verdict, diagnose};
use iotcap::frame::{Frame, FrameId, LinkType};
use iotcap::time::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};

/// When the captures begin: 2026-06-01.
const BEGIN: i64 = 1_780_272_000;
const MILLI: i64 = 1_000_000;
const MSS: usize = 1460;

/// A frame of a capture, with its time in nanoseconds.
#[derive(Clone)]
pub(crate) struct Captured {
    pub(crate) at: i64,
    pub(crate) link_type: LinkType,
    pub(crate) data: Vec<u8>,
}

/// What iotcap says of each connection, in the order of their first frames.
pub(crate) fn verdicts(frames: &[Captured]) -> Vec<Verdict> {
    let interest = Interest { ports: vec![8883, 443], ..Interest::default() };
    let mut analyzer = Analyzer::new(Config { interest, ..Config::default() });
    for (number, captured) in (1..).zip(frames) {
        analyzer.push(&Frame {
            id: FrameId::new(0, number),
            at: Timestamp::from_nanos(captured.at),
            link_type: captured.link_type,
            original_len: u32::try_from(captured.data.len()).expect("a short frame"),
            data: &captured.data,
        });
    }
    analyzer.finish();
    let mut records: Vec<_> = std::iter::from_fn(|| analyzer.poll()).collect();
    records.sort_by_key(|record| record.ordinal);
    records.iter().map(|record| diagnose(record, CaptureState::default(), &Thresholds::default())).collect()
}

/// A side of the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// The certificate that a client shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It was not asked.
    Nothing,
    /// It was, and has none.
    Empty,
    /// One with this first and last day, counted from the capture.
    Valid(i64, i64),
}

/// One connection to port 8883, as it passes the place of the capture.
pub(crate) struct Wire {
    frames: Vec<(i64, Vec<u8>)>,
    now: i64,
    /// From the capture to the server and back, and to the client and back, in nanoseconds.
    to_server: i64,
    to_client: i64,
    next: [u32; 2],
    last_begin: [u32; 2],
}

impl Wire {
    pub(crate) fn beside_the_client() -> Self {
        Self::at(20 * MILLI, MILLI / 20)
    }

    pub(crate) fn beside_the_server() -> Self {
        Self::at(MILLI / 20, 20 * MILLI)
    }

    pub(crate) fn between() -> Self {
        Self::at(10 * MILLI, 10 * MILLI)
    }

    fn at(to_server: i64, to_client: i64) -> Self {
        let next = [1000, 5000];
        Self { frames: Vec::new(), now: BEGIN * 1000 * MILLI, to_server, to_client, next, last_begin: next }
    }

    /// SYN, SYN-ACK, ACK.
    pub(crate) fn handshake(&mut self) -> &mut Self {
        self.segment(Side::Client, 0x02, &[]);
        self.next[0] += 1;
        self.round_trip().segment(Side::Server, 0x12, &[]);
        self.next[1] += 1;
        self.way().ack(Side::Client);
        self.now += MILLI / 2;
        self
    }

    /// The time until the server's answer to what just passed.
    pub(crate) fn round_trip(&mut self) -> &mut Self {
        self.now += self.to_server;
        self
    }

    /// The time until the client's answer to what just passed.
    pub(crate) fn way(&mut self) -> &mut Self {
        self.now += self.to_client;
        self
    }

    /// Lets so many milliseconds pass.
    pub(crate) fn wait(&mut self, millis: i64) -> &mut Self {
        self.now += millis * MILLI;
        self
    }

    /// Bytes of one side.
    pub(crate) fn send(&mut self, side: Side, bytes: &[u8]) -> &mut Self {
        self.last_begin[side as usize] = self.next[side as usize];
        for piece in bytes.chunks(MSS) {
            self.segment(side, 0x18, piece);
            self.next[side as usize] += u32::try_from(piece.len()).expect("a short segment");
        }
        self
    }

    /// The last bytes of one side once more.
    pub(crate) fn resend(&mut self, side: Side, bytes: &[u8]) -> &mut Self {
        let next = std::mem::replace(&mut self.next[side as usize], self.last_begin[side as usize]);
        self.send(side, bytes);
        self.next[side as usize] = next;
        self
    }

    pub(crate) fn ack(&mut self, side: Side) -> &mut Self {
        self.segment(side, 0x10, &[]);
        self
    }

    pub(crate) fn fin(&mut self, side: Side) -> &mut Self {
        self.segment(side, 0x11, &[]);
        self.next[side as usize] += 1;
        self
    }

    pub(crate) fn reset(&mut self, side: Side) -> &mut Self {
        self.segment(side, 0x14, &[]);
        self
    }

    /// TCP and TLS 1.3 up to the server's flight, which asks for a certificate.
    pub(crate) fn tls13_server_flight(&mut self) -> &mut Self {
        self.handshake().send(Side::Client, &client_hello(&hello().name("broker.example").tls13())).round_trip();
        self.send(Side::Server, &[server_hello_tls13(), tls13_flight()].concat()).ack(Side::Client)
    }

    /// The client's flight of TLS 1.2.
    pub(crate) fn tls12_client_flight(&mut self, certificate: Shown) -> &mut Self {
        let mut messages = Vec::new();
        let days = match certificate {
            Shown::Valid(from, to) => Some((from, to)),
            Shown::Nothing | Shown::Empty => None,
        };
        if certificate != Shown::Nothing {
            let chain: Vec<Vec<u8>> =
                days.map(|days| leaf("device", "Example", "Example CA", days)).into_iter().collect();
            messages.extend(message(11, &certificate_list(&chain)));
        }
        messages.extend(message(16, &[0; 66]));
        if days.is_some() {
            messages.extend(message(15, &[&[4, 3, 0, 70][..], &[0; 70]].concat()));
        }
        let flight = [record(22, &messages), change_cipher_spec(), record(22, &[0; 40])].concat();
        self.send(Side::Client, &flight)
    }

    /// The server's end of the handshake of TLS 1.2.
    pub(crate) fn tls12_server_end(&mut self) -> &mut Self {
        self.send(Side::Server, &[change_cipher_spec(), record(22, &[0; 40])].concat())
    }

    /// A short session of TLS 1.2 that the client ends well.
    pub(crate) fn session(&mut self) -> &mut Self {
        for (request, answer) in [(80, 28), (100, 28)] {
            self.send(Side::Client, &record(23, &vec![0; request])).round_trip();
            self.send(Side::Server, &record(23, &vec![0; answer])).way();
        }
        self.send(Side::Client, &[record(23, &[0; 26]), record(21, &[0; 26])].concat()).fin(Side::Client);
        self.round_trip().fin(Side::Server).way().ack(Side::Client)
    }

    /// What iotcap says of it.
    pub(crate) fn verdict(&self) -> Verdict {
        let captured = |(at, data): &(i64, Vec<u8>)| Captured { at: *at, link_type: LinkType::RAW, data: data.clone() };
        let frames: Vec<_> = self.frames.iter().map(captured).collect();
        let mut verdicts = verdicts(&frames);
        assert_eq!(verdicts.len(), 1, "one connection");
        verdicts.remove(0)
    }

    fn segment(&mut self, side: Side, flags: u8, payload: &[u8]) {
        let (us, them) = (side as usize, 1 - side as usize);
        let ports: [u16; 2] = [40_000, 8883];
        let acknowledged = if flags & 0x10 == 0 { 0 } else { self.next[them] };
        let options: &[u8] = if flags & 0x02 == 0 { &[] } else { &[2, 4, 5, 0xb4] };
        let mut tcp = [ports[us].to_be_bytes(), ports[them].to_be_bytes()].concat();
        tcp.extend(self.next[us].to_be_bytes());
        tcp.extend(acknowledged.to_be_bytes());
        let words = u8::try_from(5 + options.len() / 4).expect("a short header");
        tcp.extend([words << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend(options);
        tcp.extend(payload);
        let hosts = [[192, 0, 2, 10], [192, 0, 2, 20]];
        let length = u16::try_from(20 + tcp.len()).expect("a short packet");
        let mut frame = [&[0x45, 0][..], &length.to_be_bytes(), &[0, 0, 0x40, 0, 64, 6, 0, 0]].concat();
        frame.extend(hosts[us].into_iter().chain(hosts[them]));
        frame.extend(tcp);
        self.frames.push((self.now, frame));
        // No two frames at once.
        self.now += 1000;
    }
}

/// A ClientHello in the making.
#[derive(Clone)]
pub(crate) struct Hello {
    name: Option<String>,
    alpn: Option<String>,
    ciphers: Vec<u16>,
    tls13: bool,
    encrypt_then_mac: bool,
    padding: usize,
}

/// A ClientHello of TLS 1.2 without a name; it offers encrypt-then-MAC, as OpenSSL does.
pub(crate) fn hello() -> Hello {
    Hello {
        name: None,
        alpn: None,
        ciphers: vec![0x1301, 0xc02f, 0xc013],
        tls13: false,
        encrypt_then_mac: true,
        padding: 0,
    }
}

impl Hello {
    pub(crate) fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    pub(crate) fn alpn(mut self, protocol: &str) -> Self {
        self.alpn = Some(protocol.to_owned());
        self
    }

    pub(crate) fn ciphers(mut self, ciphers: &[u16]) -> Self {
        self.ciphers = ciphers.to_vec();
        self
    }

    pub(crate) fn tls13(mut self) -> Self {
        self.tls13 = true;
        self
    }

    /// As Go's library does.
    pub(crate) fn without_encrypt_then_mac(mut self) -> Self {
        self.encrypt_then_mac = false;
        self
    }

    pub(crate) fn padded(mut self, bytes: usize) -> Self {
        self.padding = bytes;
        self
    }
}

/// Its record (RFC 8446, 4.1.2).
pub(crate) fn client_hello(hello: &Hello) -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut add = |kind: u16, body: &[u8]| extensions.extend([&kind.to_be_bytes()[..], &vec16(body)].concat());
    if let Some(name) = &hello.name {
        add(0, &vec16(&[&[0][..], &vec16(name.as_bytes())].concat()));
    }
    add(10, &vec16(&[0, 29, 0, 23]));
    add(13, &vec16(&[4, 3, 8, 4, 4, 1]));
    if hello.encrypt_then_mac {
        add(22, &[]);
    }
    if let Some(protocol) = &hello.alpn {
        add(16, &vec16(&vec8(protocol.as_bytes())));
    }
    if hello.tls13 {
        add(43, &vec8(&[3, 4, 3, 3]));
        add(51, &vec16(&[&[0, 29][..], &vec16(&[9; 32])].concat()));
    }
    if hello.padding > 0 {
        add(21, &vec![0; hello.padding]);
    }
    let ciphers: Vec<u8> = hello.ciphers.iter().flat_map(|cipher| cipher.to_be_bytes()).collect();
    let body = [&[3, 3][..], &[7; 32], &[0], &vec16(&ciphers), &[1, 0], &vec16(&extensions)].concat();
    record(22, &message(1, &body))
}

/// ServerHello and dummy ChangeCipherSpec of TLS 1.3, TLS_AES_128_GCM_SHA256, x25519.
pub(crate) fn server_hello_tls13() -> Vec<u8> {
    let key_share = [&[0, 51][..], &vec16(&[&[0, 29][..], &vec16(&[9; 32])].concat())].concat();
    let extensions = [&[0, 43, 0, 2, 3, 4][..], &key_share].concat();
    let hello = message(2, &[&[3, 3][..], &[8; 32], &[0, 0x13, 1, 0], &vec16(&extensions)].concat());
    [record(22, &hello), change_cipher_spec()].concat()
}

/// A HelloRetryRequest for a group: its random is SHA-256 of the name (RFC 8446, 4.1.3).
pub(crate) fn hello_retry(group: u16) -> Vec<u8> {
    let random = [
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
        0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    ];
    let extensions = [&[0, 43, 0, 2, 3, 4, 0, 51, 0, 2][..], &group.to_be_bytes()].concat();
    message(2, &[&[3, 3][..], &random, &[0, 0x13, 1, 0], &vec16(&extensions)].concat())
}

/// EncryptedExtensions, CertificateRequest, Certificate, CertificateVerify, Finished, by their lengths.
pub(crate) fn tls13_flight() -> Vec<u8> {
    [23, 62, 958, 281, 53].into_iter().flat_map(sealed).collect()
}

/// An encrypted record of TLS 1.3 of so many bytes.
pub(crate) fn sealed(length: usize) -> Vec<u8> {
    record(23, &vec![0; length])
}

/// An alert in clear.
pub(crate) fn alert(level: u8, description: u8) -> Vec<u8> {
    record(21, &[level, description])
}

pub(crate) fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &vec16(body)].concat()
}

fn change_cipher_spec() -> Vec<u8> {
    record(20, &[1])
}

/// Whether a server sends its issuer's certificate along.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authority {
    Sent,
    Omitted,
}

/// A server of TLS 1.2 and its certificate.
pub(crate) struct TlsServer {
    name: String,
    days: (i64, i64),
    organisation: String,
    issuer: String,
    authority: Authority,
    asks: bool,
    version: u16,
}

impl TlsServer {
    pub(crate) fn new() -> Self {
        Self {
            name: "broker.example".to_owned(),
            days: (-100, 265),
            organisation: "Example".to_owned(),
            issuer: "Example CA".to_owned(),
            authority: Authority::Sent,
            asks: false,
            version: 0x0303,
        }
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The first and the last day of the certificate, counted from the capture.
    pub(crate) fn valid_days(mut self, from: i64, to: i64) -> Self {
        self.days = (from, to);
        self
    }

    pub(crate) fn signed_by(mut self, organisation: &str, issuer: &str) -> Self {
        (self.organisation, self.issuer) = (organisation.to_owned(), issuer.to_owned());
        self
    }

    pub(crate) fn sends(mut self, authority: Authority) -> Self {
        self.authority = authority;
        self
    }

    pub(crate) fn asks(mut self) -> Self {
        self.asks = true;
        self
    }

    pub(crate) fn version(mut self, version: u16) -> Self {
        self.version = version;
        self
    }

    /// ServerHello to ServerHelloDone in one record.
    pub(crate) fn flight(&self) -> Vec<u8> {
        record(22, &self.messages().concat())
    }

    /// The same with a record for each message.
    pub(crate) fn flight_in_records(&self) -> Vec<u8> {
        self.messages().iter().flat_map(|message| record(22, message)).collect()
    }

    /// RFC 5246, 7.4.
    fn messages(&self) -> Vec<Vec<u8>> {
        let cipher: u16 = if self.version < 0x0303 { 0xc013 } else { 0xc02f };
        let hello = [&self.version.to_be_bytes()[..], &[8; 32], &[0], &cipher.to_be_bytes(), &[0]].concat();
        let mut chain = vec![leaf(&self.name, &self.organisation, &self.issuer, self.days)];
        if self.authority == Authority::Sent {
            chain.push(authority(&self.organisation, &self.issuer).0.der().to_vec());
        }
        let mut messages = vec![message(2, &hello)];
        messages.push(message(11, &certificate_list(&chain)));
        messages.push(message(12, &[&[3, 0, 29, 32][..], &[9; 32], &[4, 3, 0, 70], &[0; 70]].concat()));
        if self.asks {
            messages.push(message(13, &[&vec8(&[1, 64])[..], &vec16(&[4, 3]), &vec16(&[])].concat()));
        }
        messages.push(message(14, &[]));
        messages
    }
}

fn leaf(name: &str, organisation: &str, issuer: &str, (from, to): (i64, i64)) -> Vec<u8> {
    let (_, issuer) = authority(organisation, issuer);
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.not_before = day(from);
    params.not_after = day(to);
    let key = KeyPair::generate().expect("a key");
    params.signed_by(&key, &issuer).expect("a certificate").der().to_vec()
}

fn authority(organisation: &str, name: &str) -> (rcgen::Certificate, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, organisation);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = day(-2000);
    params.not_after = day(2000);
    let key = KeyPair::generate().expect("a key");
    (params.self_signed(&key).expect("a certificate"), Issuer::new(params, key))
}

fn day(number: i64) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(BEGIN + number * 86_400).expect("a date")
}

fn certificate_list(chain: &[Vec<u8>]) -> Vec<u8> {
    vec24(&chain.iter().flat_map(|der| vec24(der)).collect::<Vec<u8>>())
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &vec24(body)].concat()
}

fn vec8(body: &[u8]) -> Vec<u8> {
    [&[u8::try_from(body.len()).expect("a short list")][..], body].concat()
}

fn vec16(body: &[u8]) -> Vec<u8> {
    [&u16::try_from(body.len()).expect("a short list").to_be_bytes()[..], body].concat()
}

fn vec24(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).expect("a short list").to_be_bytes()[1..], body].concat()
}
