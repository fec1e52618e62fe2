//! Evidence: the frames of connections that went wrong, so that the answer to "it failed last night" is a file. In come
//! frames of all connections, out go pcapng files of the bad ones. Memory and disk are bounded; what gives way is counted.

mod file;
mod folder;
mod keeper;
mod writer;

pub(super) use keeper::{Keeper, Kept, MemoryLimits};
pub(super) use writer::{Evidence, Writer};
