//! Stub.
pub(crate) mod codec;
