//! What a ClientHello offers: all of it but what is of one connection alone (the random, the name, key shares, tickets).
//!
//! The fields of a hello come in, a shared [`Offer`] goes out. Clients with the same library and the same settings offer the
//! same, byte for byte, so that it is read, and its fingerprints taken, once. Placeholders (GREASE, RFC 8701) are set aside.

use super::bytes::{Reader, u16_list};
use super::codes::{NamedGroup, SignatureScheme, Version, is_grease};
use super::fingerprint;
use super::hello::{MAX_LIST, extension, next_extension, numbers, protocol_names, real};
use super::interned::Interned;
use super::suite::CipherSuite;
use crate::pack::packed;
use std::sync::Arc;

/// How many offers are remembered: more than there are kinds of clients in most fleets.
const OFFERS: usize = 1024;

/// What a client offers.
#[expect(clippy::struct_excessive_bools, reason = "each is an extension that is there or is not")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The version in the hello itself; TLS 1.3 always says 1.2 here.
    pub legacy_version: Version,
    /// All versions that are offered, best first as the client wrote them.
    pub versions: Vec<Version>,
    /// The offered cipher suites.
    pub ciphers: Vec<CipherSuite>,
    /// The types of the extensions, in their order.
    pub extensions: Vec<u16>,
    /// The offered application protocols (RFC 7301).
    pub alpn: Vec<String>,
    /// The offered groups.
    pub groups: Vec<NamedGroup>,
    /// The groups for which a key share came along.
    pub key_shares: Vec<NamedGroup>,
    /// The accepted signatures.
    pub signature_schemes: Vec<SignatureScheme>,
    /// Whether a pre-shared key is offered: in TLS 1.3 mostly a session to resume.
    pub pre_shared_key: bool,
    /// Whether data follows at once, before the server's answer (RFC 8446, 4.2.10).
    pub early_data: bool,
    /// Whether the true hello is encrypted inside of this one, or pretends to be.
    pub encrypted_client_hello: bool,
    /// RFC 7627.
    pub extended_master_secret: bool,
    /// RFC 7366.
    pub encrypt_then_mac: bool,
    /// RFC 8446, 4.2.6.
    pub post_handshake_auth: bool,
    /// The code of the longest record that the client can take: 1 to 4 for 2^9 to 2^12 bytes (RFC 6066, 4).
    pub max_fragment_length: Option<u8>,
    /// The longest record that the client can take, in bytes (RFC 8449).
    pub record_size_limit: Option<u16>,
    /// Whether placeholders were sent (RFC 8701).
    pub grease: bool,
    /// MD5 of the JA3 string, in hex; empty for a hello of SSL 2.0.
    pub ja3: String,
    /// The JA4 fingerprint; empty for a hello of SSL 2.0.
    pub ja4: String,
}

packed! { shared Offer }

/// The fields of a hello that make an offer, as they stand in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offered<'a> {
    pub(super) legacy_version: Version,
    pub(super) ciphers: &'a [u8],
    pub(super) extensions: &'a [u8],
}

/// Offers that were seen before.
#[derive(Debug)]
pub(super) struct Offers {
    known: Interned<Offer>,
    /// Room for one signature; what it holds between calls does not matter.
    signature: Vec<u8>,
}

impl Offers {
    pub(super) fn new() -> Self {
        Self { known: Interned::new(OFFERS), signature: Vec::new() }
    }

    /// The offer in these fields, read now or earlier.
    pub(super) fn find_or_read(&mut self, offered: Offered<'_>) -> Arc<Offer> {
        let Self { known, signature } = self;
        offered.write_signature(signature);
        known.find(signature).unwrap_or_else(|| known.keep(signature, Offer::read(offered)))
    }
}

impl Offer {
    fn read(offered: Offered<'_>) -> Self {
        let Offered { legacy_version, ciphers, extensions } = offered;
        let mut offer = Self {
            legacy_version,
            ciphers: real(u16_list(ciphers)).map(CipherSuite).collect(),
            grease: u16_list(ciphers).any(is_grease),
            ..Self::default()
        };
        let mut reader = Reader::new(extensions);
        while let Some((kind, data)) = next_extension(&mut reader) {
            offer.read_extension(kind, data);
        }
        if offer.versions.is_empty() {
            offer.versions.push(legacy_version);
        }
        let ciphers: Vec<u16> = u16_list(ciphers).collect();
        offer.ja3 = fingerprint::ja3(legacy_version.0, &ciphers, extensions).1;
        offer.ja4 = fingerprint::ja4(legacy_version.0, &ciphers, extensions);
        offer
    }

    /// The offer of a hello in the form of SSL 2.0: of its kinds of ciphers, only those that begin with a zero are suites of
    /// SSL 3.0 and TLS.
    pub(super) fn of_ssl_v2(version: Version, kinds: &[[u8; 3]]) -> Self {
        let suites = kinds.iter().filter(|[first, ..]| *first == 0).take(MAX_LIST);
        Self {
            legacy_version: version,
            versions: vec![version],
            ciphers: suites.map(|[_, high, low]| CipherSuite(u16::from_be_bytes([*high, *low]))).collect(),
            ..Self::default()
        }
    }

    fn read_extension(&mut self, kind: u16, data: &[u8]) {
        if is_grease(kind) {
            self.grease = true;
            return;
        }
        if self.extensions.len() < MAX_LIST {
            self.extensions.push(kind);
        }
        let mut reader = Reader::new(data);
        match kind {
            extension::ALPN => self.alpn = protocol_names(&mut reader),
            extension::SUPPORTED_GROUPS => self.groups = numbers(reader.vec16()).map(NamedGroup).collect(),
            extension::SIGNATURE_ALGORITHMS => {
                self.signature_schemes = numbers(reader.vec16()).map(SignatureScheme).collect();
            }
            extension::SUPPORTED_VERSIONS => self.versions = numbers(reader.vec8()).map(Version).collect(),
            extension::KEY_SHARE => self.key_shares = real(key_share_groups(data)).map(NamedGroup).collect(),
            extension::PRE_SHARED_KEY => self.pre_shared_key = true,
            extension::EARLY_DATA => self.early_data = true,
            extension::ENCRYPTED_CLIENT_HELLO => self.encrypted_client_hello = true,
            extension::EXTENDED_MASTER_SECRET => self.extended_master_secret = true,
            extension::ENCRYPT_THEN_MAC => self.encrypt_then_mac = true,
            extension::POST_HANDSHAKE_AUTH => self.post_handshake_auth = true,
            extension::MAX_FRAGMENT_LENGTH => self.max_fragment_length = reader.u8(),
            extension::RECORD_SIZE_LIMIT => self.record_size_limit = reader.u16(),
            _ => {}
        }
    }
}

impl Offered<'_> {
    /// Writes what decides about the offer, and nothing else: hellos with the same signature offer the same.
    fn write_signature(&self, signature: &mut Vec<u8>) {
        signature.clear();
        signature.extend(self.legacy_version.0.to_be_bytes());
        write_field(signature, self.ciphers);
        let mut reader = Reader::new(self.extensions);
        while let Some((kind, data)) = next_extension(&mut reader) {
            signature.extend(kind.to_be_bytes());
            match kind {
                extension::KEY_SHARE => {
                    let length = signature.len();
                    signature.extend([0; 2]);
                    key_share_groups(data).for_each(|group| signature.extend(group.to_be_bytes()));
                    // The groups are shorter than the extension, whose length has two bytes.
                    let groups = u16::try_from(signature.len() - length - 2).unwrap_or(u16::MAX);
                    if let Some(place) = signature.get_mut(length..length + 2) {
                        place.copy_from_slice(&groups.to_be_bytes());
                    }
                }
                extension::ALPN
                | extension::SUPPORTED_GROUPS
                | extension::EC_POINT_FORMATS
                | extension::SIGNATURE_ALGORITHMS
                | extension::SUPPORTED_VERSIONS
                | extension::MAX_FRAGMENT_LENGTH
                | extension::RECORD_SIZE_LIMIT => write_field(signature, data),
                // That it is there is all that is offered.
                _ => {}
            }
        }
    }
}

/// A field behind its length: fields in a row are told apart. None is longer than two bytes can say.
fn write_field(signature: &mut Vec<u8>, field: &[u8]) {
    signature.extend(u16::try_from(field.len()).unwrap_or(u16::MAX).to_be_bytes());
    signature.extend_from_slice(field);
}

fn key_share_groups(data: &[u8]) -> impl Iterator<Item = u16> + '_ {
    let mut list = Reader::new(Reader::new(data).vec16().unwrap_or_default());
    std::iter::from_fn(move || {
        let group = list.u16()?;
        list.vec16().map(|_| group)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Extensions with any content, those that are read among them.
    fn extensions() -> impl Strategy<Value = Vec<u8>> {
        let kind = prop_oneof![0..60_u16, Just(0x0a0a), Just(0xfe0d)];
        let one = (kind, prop_oneof![prop::collection::vec(0..4_u8, 0..12), prop::collection::vec(any::<u8>(), 0..12)]);
        prop::collection::vec(one, 0..6).prop_map(|list| {
            let mut bytes = Vec::new();
            for (kind, data) in list {
                bytes.extend(kind.to_be_bytes());
                write_field(&mut bytes, &data);
            }
            bytes
        })
    }

    proptest! {
        #[test]
        fn the_signature_decides_about_the_offer(
            ciphers in prop::collection::vec(any::<u8>(), 0..4),
            one in extensions(),
            other in extensions(),
            cut in 0..80_usize,
        ) {
            let mut offers = Offers::new();
            for extensions in [&one, &other, &one[..cut.min(one.len())].to_vec(), &one] {
                let offered = Offered { legacy_version: Version::TLS_1_2, ciphers: &ciphers, extensions };
                prop_assert_eq!(&*offers.find_or_read(offered), &Offer::read(offered));
            }
        }
    }

    #[test]
    fn what_is_of_one_connection_makes_no_offer_of_its_own() {
        let mut offers = Offers::new();
        // A name, a ticket, a key share of x25519.
        let hello = |name: &[u8], ticket: &[u8], share: u8| {
            let mut bytes = Vec::new();
            for (kind, data) in [(0_u16, name), (35, ticket), (51, &[0, 5, 0, 29, 0, 1, share])] {
                bytes.extend(kind.to_be_bytes());
                write_field(&mut bytes, data);
            }
            bytes
        };
        let [one, other] = [hello(b"\0\x04\0\0\x01a", b"", 1), hello(b"\0\x05\0\0\x02bc", b"ticket", 2)];
        let [one, other] = [one, other].map(|extensions| {
            offers.find_or_read(Offered { legacy_version: Version::TLS_1_2, ciphers: &[], extensions: &extensions })
        });
        assert!(Arc::ptr_eq(&one, &other));
        assert_eq!(one.key_shares, [NamedGroup(29)]);
    }
}
