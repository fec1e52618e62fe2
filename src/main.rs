//! Arguments, one call into the library, exit status.

fn main() {}
