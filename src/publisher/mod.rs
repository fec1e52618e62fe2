//! Stub.
mod backoff;
mod error;
mod options;
pub use backoff::Backoff;
pub use error::{ConnectCause, PublishError, SessionCause, TlsCause};
pub use options::{Options, TlsVersion};
