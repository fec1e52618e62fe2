//! Stub.
pub mod bpf;
