//! Breaks the protocol on demand.

fn main() {}
