//! Packets over a stream of bytes: what both the broker and the publisher read from and write to.

use super::codec::{self, CodecError, MqttVersion, Packet, RawPacket};
use bytes::BytesMut;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How long [`Wire::close`] waits for the peer's own close.
const LINGER: Duration = Duration::from_secs(1);
/// How much of what the peer still had to say is thrown away meanwhile, in bytes.
const LINGER_BYTES: usize = 1 << 20;

/// Why no more packets come.
#[derive(Debug)]
pub(crate) enum WireError {
    /// The stream broke; rustls' errors are inside.
    Io(io::Error),
    /// The peer sent what is no packet.
    Codec(CodecError),
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<CodecError> for WireError {
    fn from(error: CodecError) -> Self {
        Self::Codec(error)
    }
}

/// A stream that carries control packets.
pub(crate) struct Wire<S> {
    stream: S,
    version: MqttVersion,
    /// Bytes after the fixed header of a packet that is taken.
    limit: usize,
    inbound: BytesMut,
    outbound: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S, version: MqttVersion, limit: usize) -> Self {
        Self { stream, version, limit, inbound: BytesMut::new(), outbound: BytesMut::new() }
    }

    /// The version of the session, once the client has said it.
    pub(crate) fn set_version(&mut self, version: MqttVersion) {
        self.version = version;
    }

    /// The next packet; None when the peer has closed. Dropping the future loses nothing.
    pub(crate) async fn receive(&mut self) -> Result<Option<Packet>, WireError> {
        let raw = self.receive_raw().await?;
        Ok(raw.map(|raw| raw.decode(self.version)).transpose()?)
    }

    /// As [`Wire::receive`], not decoded yet: the first packet says the version itself.
    pub(crate) async fn receive_raw(&mut self) -> Result<Option<RawPacket>, WireError> {
        loop {
            if let Some(packet) = RawPacket::split_from(&mut self.inbound, self.limit)? {
                return Ok(Some(packet));
            }
            match self.stream.read_buf(&mut self.inbound).await {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                // How rustls says FIN without close_notify.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Queues a packet for the next [`Wire::flush`].
    pub(crate) fn queue(&mut self, packet: &Packet) -> Result<(), CodecError> {
        codec::encode(packet, self.version, &mut self.outbound)
    }

    /// Bytes that wait for [`Wire::flush`].
    pub(crate) fn queued(&self) -> usize {
        self.outbound.len()
    }

    /// Writes what was queued. Not to be dropped half way, unless the connection is given up.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all_buf(&mut self.outbound).await?;
        self.stream.flush().await
    }

    /// Says goodbye (close_notify, FIN) and reads on until the peer has closed too, for a second at most: closing with
    /// unread bytes would send a reset, which can take the last packet from the peer.
    pub(crate) async fn close(mut self) {
        let goodbye = async {
            self.stream.shutdown().await?;
            let mut thrown_away = 0;
            while thrown_away < LINGER_BYTES {
                self.inbound.clear();
                match self.stream.read_buf(&mut self.inbound).await? {
                    0 => break,
                    length => thrown_away += length,
                }
            }
            io::Result::Ok(())
        };
        // A peer that has gone already, or that never goes, changes nothing for us.
        let _ = tokio::time::timeout(LINGER, goodbye).await;
    }
}
