//! How `greenroom status` and the others talk to a running `greenroom up`.
//!
//! Over a local socket that only its owner and root may use, in lines of JSON. Both sides first say
//! which version they speak: `{"greenroom":1}`. Then the client asks ([`message::Request`]), and the
//! answer is any number of lines ([`message::Answer`]) that end with `done` or `error`. A request
//! that follows something goes on until one side hangs up.
//!
//! The host trusts no client: lines and connections are bounded, everything has a time limit, and
//! one that does not read is cut off; one that follows something misses what comes meanwhile, and is
//! told how much. See [`connection`].

pub(crate) mod claim;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod lines;
pub(crate) mod message;
pub(crate) mod peer;
pub(crate) mod place;
pub(crate) mod server;
