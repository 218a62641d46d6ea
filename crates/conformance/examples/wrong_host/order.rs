//! What the kit orders, as one line of JSON.

use bytes::Bytes;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Order {
    Job(Asked),
    Take { key: String },
    Cancel { key: String },
}

/// A job that is to be launched.
#[derive(Deserialize)]
pub(crate) struct Asked {
    pub(crate) key: String,
    pub(crate) name: String,
    #[serde(default)]
    input: String,
    size: Option<usize>,
    #[serde(default)]
    pub(crate) metadata: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) deadline_ms: u64,
    #[serde(default)]
    pub(crate) hold: bool,
}

impl Asked {
    pub(crate) fn input(&self) -> Bytes {
        match self.size {
            Some(size) => pattern(size),
            None => Bytes::copy_from_slice(self.input.as_bytes()),
        }
    }
}

/// Quick in a debug build too: meanwhile no pong is looked at.
fn pattern(size: usize) -> Bytes {
    let once: Vec<u8> = (0..=250).collect();
    let mut bytes = once.repeat(size / once.len() + 1);
    bytes.truncate(size);
    bytes.into()
}
