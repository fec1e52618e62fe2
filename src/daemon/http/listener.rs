//! The listening socket: bound before root is left, and at most so many connections at once.

use crate::daemon::config::Listen;
use axum::serve::Listener;
use std::fs::Permissions;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A socket that listens.
#[derive(Debug)]
pub(in crate::daemon) enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Binds where the configuration says; nothing where it says nowhere.
pub(in crate::daemon) fn bind(listen: &Listen) -> io::Result<Option<Bound>> {
    let bound = match listen {
        Listen::Nowhere => return Ok(None),
        Listen::Tcp(address) => {
            let socket = TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            Bound::Tcp(socket)
        }
        Listen::Unix(path) => {
            remove_stale(path)?;
            let socket = UnixListener::bind(path)?;
            // Owner and group; the folder says who else.
            std::fs::set_permissions(path, Permissions::from_mode(0o660))?;
            socket.set_nonblocking(true)?;
            Bound::Unix(socket)
        }
    };
    Ok(Some(bound))
}

/// What a run left that was killed.
fn remove_stale(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(about) if about.file_type().is_socket() => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

/// A listener that accepts only while it has room.
pub(super) struct Limited<L> {
    listener: L,
    room: Arc<Semaphore>,
}

/// A connection that takes a place.
pub(super) struct Placed<T> {
    io: T,
    _place: Option<OwnedSemaphorePermit>,
}

impl<L> Limited<L> {
    pub(super) fn new(listener: L, clients: u16) -> Self {
        Self { listener, room: Arc::new(Semaphore::new(clients.into())) }
    }
}

impl<L: Listener> Listener for Limited<L> {
    type Io = Placed<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // It is never closed.
        let place = Arc::clone(&self.room).acquire_owned().await.ok();
        let (io, address) = self.listener.accept().await;
        (Placed { io, _place: place }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Placed<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, into)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Placed<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
