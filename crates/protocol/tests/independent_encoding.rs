//! An implementation that shares no code with this crate's produces the same bytes: wincode, with
//! integers of variable length.
//!
//! The layouts stand here a second time, as plain structs in wire order that are filled from the
//! vectors.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod vector_file;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use vector_file::{hex, load, text};
use wincode::SchemaWrite;
use wincode::config::{Configuration, DEFAULT_PREALLOCATION_SIZE_LIMIT};
use wincode::int_encoding::{LittleEndian, VarInt};
use wincode::len::BincodeLen;

type Layout =
    Configuration<true, DEFAULT_PREALLOCATION_SIZE_LIMIT, BincodeLen, LittleEndian, VarInt>;

/// The bytes of a `T` that is written in JSON.
fn written<T>(value: &Value) -> Vec<u8>
where
    T: DeserializeOwned + SchemaWrite<Layout, Src = T>,
{
    let fields: T = serde_json::from_value(value.clone()).unwrap();
    let layout = Configuration::default().with_varint_encoding();
    wincode::config::serialize(&fields, layout).unwrap()
}

#[test]
fn every_primitive() {
    for entry in load("primitives.json") {
        if entry.get("error").is_some() {
            continue;
        }
        let value = &entry["value"];
        let bytes = match text(&entry, "type") {
            "u8" => written::<u8>(value),
            "u16" => written::<u16>(value),
            "u32" => written::<u32>(value),
            "u64" => written::<u64>(value),
            "i64" => written::<i64>(value),
            "bool" => written::<bool>(value),
            "String" => written::<String>(value),
            "bytes" => written::<Vec<u8>>(value),
            "Option<String>" => written::<Option<String>>(value),
            "Vec<Pair>" => written::<Vec<Pair>>(value),
            "Limits" => written::<Limits>(value),
            other => panic!("no type {other}"),
        };
        assert_eq!(bytes, hex(&entry, "hex"), "{entry}");
    }
}

#[test]
fn every_message() {
    for file in ["handshake.json", "messages.json"] {
        for entry in load(file) {
            if entry.get("skipped").is_some() {
                continue;
            }
            let bytes = hex(&entry, "hex");
            let data = entry
                .get("data_hex")
                .map_or_else(Vec::new, |_| hex(&entry, "data_hex"));
            let body = [fields(text(&entry, "message"), &entry["fields"]), data].concat();
            assert_eq!(bytes[6..], body, "{entry}");
        }
    }
}

fn fields(message: &str, value: &Value) -> Vec<u8> {
    match message {
        "InitializeRequest" => written::<InitializeRequest>(value),
        "InitializeResponse" => written::<InitializeResponse>(value),
        "Ping" => written::<Ping>(value),
        "Pong" => written::<Pong>(value),
        "Shutdown" => written::<Shutdown>(value),
        "ShuttingDown" => written::<ShuttingDown>(value),
        "Exiting" => written::<Exiting>(value),
        "ExtendDeadline" => written::<ExtendDeadline>(value),
        "Retire" => written::<Retire>(value),
        "StartJob" => written::<StartJob>(value),
        "JobInput" => written::<JobInput>(value),
        "CancelJob" => written::<CancelJob>(value),
        "JobWindow" => written::<JobWindow>(value),
        "JobAccepted" => written::<JobAccepted>(value),
        "JobOutput" => written::<JobOutput>(value),
        "JobFinished" => written::<JobFinished>(value),
        "CallRequest" => written::<CallRequest>(value),
        "CallResponse" => written::<CallResponse>(value),
        "DumpStacks" => written::<DumpStacks>(value),
        "StackDump" => written::<StackDump>(value),
        other => panic!("no message {other}"),
    }
}

#[derive(Deserialize, SchemaWrite)]
struct InitializeRequest {
    protocol_min: u16,
    protocol_max: u16,
    capabilities: u64,
    slot: u32,
    generation: u64,
    host_name: String,
    host_version: String,
    limits: Limits,
    ping_interval_ms: u64,
    ping_timeout_ms: u64,
    high_ping_ms: u64,
    initialize_timeout_ms: u64,
    close_timeout_ms: u64,
    log_filter: String,
    extensions: Vec<Extension>,
}

#[derive(Deserialize, SchemaWrite)]
struct Limits {
    max_frame: u32,
    max_payload: u64,
    output_window: u32,
}

#[derive(Deserialize, SchemaWrite)]
struct Extension {
    number: u32,
    content: Vec<u8>,
}

#[derive(Deserialize, SchemaWrite)]
struct InitializeResponse {
    error: Option<InitializeError>,
    protocol: u16,
    capabilities: u64,
    limits: Limits,
    slots: u32,
    name: String,
    version: String,
    build_id: String,
    sdk: String,
    pid: u32,
    extensions: Vec<Extension>,
}

#[derive(Deserialize, SchemaWrite)]
struct InitializeError {
    code: u16,
    message: String,
}

#[derive(Deserialize, SchemaWrite)]
struct Ping {
    seq: u64,
}

#[derive(Deserialize, SchemaWrite)]
struct Pong {
    seq: u64,
    jobs: u32,
    lag_us: u64,
}

#[derive(Deserialize, SchemaWrite)]
struct Shutdown {
    reason: u16,
    grace_ms: u64,
}

#[derive(Deserialize, SchemaWrite)]
struct ShuttingDown {
    jobs: u32,
}

#[derive(Deserialize, SchemaWrite)]
struct Exiting {
    reason: String,
}

#[derive(Deserialize, SchemaWrite)]
struct ExtendDeadline {
    which: u16,
    job: u64,
    extra_ms: u64,
}

#[derive(Deserialize, SchemaWrite)]
struct Retire {
    reason: String,
}

#[derive(Deserialize, SchemaWrite)]
struct StartJob {
    job: u64,
    id: String,
    name: String,
    metadata: Vec<Pair>,
    traceparent: String,
    deadline_ms: u64,
    attempt: u32,
    last: bool,
}

#[derive(Deserialize, SchemaWrite)]
struct Pair {
    key: String,
    value: String,
}

#[derive(Deserialize, SchemaWrite)]
struct JobInput {
    job: u64,
    last: bool,
}

#[derive(Deserialize, SchemaWrite)]
struct CancelJob {
    job: u64,
    reason: u16,
}

#[derive(Deserialize, SchemaWrite)]
struct JobWindow {
    job: u64,
    bytes: u32,
}

#[derive(Deserialize, SchemaWrite)]
struct JobAccepted {
    job: u64,
}

#[derive(Deserialize, SchemaWrite)]
struct JobOutput {
    job: u64,
}

#[derive(Deserialize, SchemaWrite)]
struct JobFinished {
    job: u64,
    cancelled: bool,
    failure: Option<JobFailure>,
}

#[derive(Deserialize, SchemaWrite)]
struct JobFailure {
    kind: u16,
    message: String,
    retryable: bool,
}

#[derive(Deserialize, SchemaWrite)]
struct CallRequest {
    call: u64,
    method: String,
}

#[derive(Deserialize, SchemaWrite)]
struct CallResponse {
    call: u64,
    error: Option<String>,
}

#[derive(Deserialize, SchemaWrite)]
struct DumpStacks {}

#[derive(Deserialize, SchemaWrite)]
struct StackDump {
    text: String,
}
