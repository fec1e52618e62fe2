//! What the connections of a capture have in common: the certificates of brokers and fleets, what brokers ask for, what
//! clients offer. Each is parsed once and shared.

use super::certificate::CertificateStore;
use super::codes::Version;
use super::interned::Interned;
use super::message::{self, CertificateRequest};
use super::offer::Offers;
use std::sync::Arc;

/// How many requests for certificates are remembered: brokers ask for the same in every connection.
const REQUESTS: usize = 256;

/// What was seen before, in any connection.
#[derive(Debug)]
pub struct Known {
    pub(super) certificates: CertificateStore,
    pub(super) offers: Offers,
    requests: Interned<CertificateRequest>,
    /// Room for one key of a request; what it holds between calls does not matter.
    key: Vec<u8>,
}

impl Known {
    /// Nothing yet, and room for so many certificates.
    #[must_use]
    pub fn new(certificates: usize) -> Self {
        Self {
            certificates: CertificateStore::new(certificates),
            offers: Offers::new(),
            requests: Interned::new(REQUESTS),
            key: Vec::new(),
        }
    }

    /// The certificates that are kept.
    #[must_use]
    pub const fn certificates(&self) -> &CertificateStore {
        &self.certificates
    }

    /// What a CertificateRequest asks for, read now or earlier; none where it is malformed.
    pub(super) fn request(&mut self, body: &[u8], version: Version) -> Option<Arc<CertificateRequest>> {
        let Self { requests, key, .. } = self;
        // The version decides how the body is read.
        key.clear();
        key.extend(version.0.to_be_bytes());
        key.extend_from_slice(body);
        requests
            .find(key)
            .or_else(|| message::certificate_request(body, version).map(|request| requests.keep(key, request)))
    }
}
