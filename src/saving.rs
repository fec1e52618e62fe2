//! `-w FILE`: the frames that were looked at, saved as pcapng. From an interface they are written while they come
//! ([`LiveFile`]); from captures the file is made at the end, and the findings are part of it ([`AnnotatedFile`]).

mod annotated;
mod live;
mod remarks;
mod spool;

pub use annotated::{AnnotatedFile, Ending, Hiding};
pub use live::LiveFile;
