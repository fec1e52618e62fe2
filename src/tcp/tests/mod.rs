//! Whole connections, told segment by segment in the manner of tcpdump and packetdrill.

mod analysis;
mod closing;
mod handshake;
mod invariance;
mod script;
mod stream;
