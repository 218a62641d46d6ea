//! What must hold for any bytes that a peer may send.
//!
//! # Theory of operation
//!
//! Each target is a function from bytes to nothing that panics when a promise is broken. The fuzzer
//! (`libfuzzer/`, a workspace of its own, because it needs another way of linking) calls it with
//! bytes that it grows by coverage; `tests/corpus.rs` calls it with the committed corpus and with all
//! vectors of `proto-spec/`, on a stable compiler, in every test run. What the fuzzer finds is added
//! to the corpus with the fix.
//!
//! | target | the bytes are | promised |
//! |---|---|---|
//! | [`frames`] | a limit, cuts, then a stream | as a second, naive reader of the stream finds them, however it is cut |
//! | [`messages`] | a type number, then a body | what decodes encodes to the same bytes; what does not is a typed error |
//! | [`host`] | a script: what a worker sends and what else happens | a host's machine ends every worker and every job, once, in bounded time |
#![forbid(unsafe_code)]

mod frames;
mod host;
mod messages;

pub use frames::frames;
pub use host::host;
pub use messages::messages;
