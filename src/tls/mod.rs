//! Stub.
pub mod codes;
pub mod decrypt;
pub mod keylog;
pub mod suite;
