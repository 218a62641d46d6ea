//! The layouts of all messages a second time, as plain structs in wire order: for an implementation
//! that shares no code with the crate's.
#![allow(
    dead_code,
    reason = "fields are there to be read and written as a whole"
)]

use serde::Deserialize;
use wincode::{SchemaRead, SchemaWrite};

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct InitializeRequest {
    pub(crate) protocol_min: u16,
    pub(crate) protocol_max: u16,
    pub(crate) capabilities: u64,
    pub(crate) slot: u32,
    pub(crate) generation: u64,
    pub(crate) host_name: String,
    pub(crate) host_version: String,
    pub(crate) limits: Limits,
    pub(crate) ping_interval_ms: u64,
    pub(crate) ping_timeout_ms: u64,
    pub(crate) high_ping_ms: u64,
    pub(crate) initialize_timeout_ms: u64,
    pub(crate) close_timeout_ms: u64,
    pub(crate) log_filter: String,
    pub(crate) extensions: Vec<Extension>,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct Limits {
    pub(crate) max_frame: u32,
    pub(crate) max_payload: u64,
    pub(crate) output_window: u32,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct Extension {
    pub(crate) number: u32,
    pub(crate) content: Vec<u8>,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct InitializeResponse {
    pub(crate) error: Option<InitializeError>,
    pub(crate) protocol: u16,
    pub(crate) capabilities: u64,
    pub(crate) limits: Limits,
    pub(crate) slots: u32,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) build_id: String,
    pub(crate) sdk: String,
    pub(crate) pid: u32,
    pub(crate) extensions: Vec<Extension>,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct InitializeError {
    pub(crate) code: u16,
    pub(crate) message: String,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct Ping {
    pub(crate) seq: u64,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct Pong {
    pub(crate) seq: u64,
    pub(crate) jobs: u32,
    pub(crate) lag_us: u64,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct Shutdown {
    pub(crate) reason: u16,
    pub(crate) grace_ms: u64,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct ShuttingDown {
    pub(crate) jobs: u32,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct Exiting {
    pub(crate) reason: String,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct ExtendDeadline {
    pub(crate) which: u16,
    pub(crate) job: u64,
    pub(crate) extra_ms: u64,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct Retire {
    pub(crate) reason: String,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct StartJob {
    pub(crate) job: u64,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) metadata: Vec<Pair>,
    pub(crate) traceparent: String,
    pub(crate) deadline_ms: u64,
    pub(crate) attempt: u32,
    pub(crate) last: bool,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) value: String,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct JobInput {
    pub(crate) job: u64,
    pub(crate) last: bool,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct CancelJob {
    pub(crate) job: u64,
    pub(crate) reason: u16,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct JobWindow {
    pub(crate) job: u64,
    pub(crate) bytes: u32,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct JobAccepted {
    pub(crate) job: u64,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct JobOutput {
    pub(crate) job: u64,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct JobFinished {
    pub(crate) job: u64,
    pub(crate) cancelled: bool,
    pub(crate) failure: Option<JobFailure>,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct JobFailure {
    pub(crate) kind: u16,
    pub(crate) message: String,
    pub(crate) retryable: bool,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct CallRequest {
    pub(crate) call: u64,
    pub(crate) method: String,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct CallResponse {
    pub(crate) call: u64,
    pub(crate) error: Option<String>,
}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct DumpStacks {}

#[derive(Deserialize, SchemaRead, SchemaWrite)]
pub(crate) struct StackDump {
    pub(crate) text: String,
}
