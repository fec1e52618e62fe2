//! A second handshake within a session of TLS 1.2 and before (RFC 5246, 7.4.1.1): its messages are sealed by the old keys, and
//! each side takes to the new ones at its ChangeCipherSpec. Opened messages come in; the keys that open a side's next record
//! go out.

use super::Session;
use super::opened::decryptor;
use crate::net::{PerSide, Side};
use crate::pack::packed;
use crate::tls::decrypt::Decryptor;
use crate::tls::hello::{ClientHello, ServerHello};
use crate::tls::keylog::KeyLog;
use std::sync::Arc;

/// A handshake that has begun within a session.
#[derive(Debug)]
pub(super) struct Renegotiation {
    client_hello: Arc<ClientHello>,
    /// What opens records sealed by the new keys; none as long as there is no ServerHello, or no secret.
    decryptor: Option<Box<Decryptor>>,
    /// Who has taken to the new keys.
    taken: PerSide<bool>,
}

packed! { struct Renegotiation { client_hello, decryptor, taken } }

impl Session {
    /// A ClientHello came within a session.
    pub(super) fn renegotiate(&mut self, client_hello: &Arc<ClientHello>) {
        let client_hello = Arc::clone(client_hello);
        let renegotiation = Renegotiation { client_hello, decryptor: None, taken: PerSide::default() };
        self.renegotiation = Some(Box::new(renegotiation));
    }

    /// The server's answer to that.
    pub(super) fn agree_anew(&mut self, hello: &ServerHello, key_log: Option<&KeyLog>) {
        let Some((renegotiation, key_log)) = self.renegotiation.as_mut().zip(key_log) else { return };
        let secrets = key_log.lookup(&renegotiation.client_hello.random);
        let Some(secrets) = secrets.or_else(|| key_log.lookup_session(&hello.session_id)) else { return };
        secrets.mark_used();
        renegotiation.decryptor = decryptor(&renegotiation.client_hello, hello, secrets).map(Box::new);
    }

    /// A sealed ChangeCipherSpec was opened: this side takes to the new keys. Once both have, the old ones are dropped.
    pub(super) fn take_new_keys(&mut self, side: Side) {
        let Some(renegotiation) = self.renegotiation.as_mut() else { return };
        renegotiation.taken[side] = true;
        if let Some(decryptor) = &mut renegotiation.decryptor {
            decryptor.change_cipher_spec(side);
        }
        if renegotiation.taken.client && renegotiation.taken.server {
            self.decryptor = self.renegotiation.take().and_then(|renegotiation| renegotiation.decryptor);
        }
    }

    /// What opens the next record of a side.
    pub(super) fn decryptor_of(&mut self, side: Side) -> Option<&mut Decryptor> {
        match &mut self.renegotiation {
            Some(renegotiation) if renegotiation.taken[side] => renegotiation.decryptor.as_deref_mut(),
            _ => self.decryptor.as_deref_mut(),
        }
    }
}
