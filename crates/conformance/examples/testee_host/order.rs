//! What the kit orders, as one line of JSON.

use std::time::Duration;

use greenroom::{Bytes, Job};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Order {
    /// Launch a job.
    Job(Asked),
    /// Take the output that was held back.
    Take { key: String },
    /// Stop a job.
    Cancel { key: String },
}

/// A job that is to be launched.
#[derive(Deserialize)]
pub(crate) struct Asked {
    pub(crate) key: String,
    name: String,
    #[serde(default)]
    input: String,
    /// So many bytes instead of the text.
    size: Option<usize>,
    #[serde(default)]
    metadata: Vec<(String, String)>,
    deadline_ms: Option<u64>,
    /// Whether its output waits for a `take`.
    #[serde(default)]
    pub(crate) hold: bool,
}

impl Asked {
    pub(crate) fn to_job(&self) -> Job {
        let input = match self.size {
            Some(size) => (0..=250u8).cycle().take(size).collect(),
            None => Bytes::copy_from_slice(self.input.as_bytes()),
        };
        let mut job = Job::new(input).id(&self.key).name(&self.name);
        for (key, value) in &self.metadata {
            job = job.metadata(key, value);
        }
        match self.deadline_ms {
            Some(limit) => job.deadline(Duration::from_millis(limit)),
            None => job,
        }
    }
}
