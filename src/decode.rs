//! Frame to segment.
