//! Measures one Rust peer once: the plan is the argument, as JSON, and so is the answer.
//!
//! # Theory of operation
//!
//! `measure` knows what is measured and nothing of the peers; each peer is a `Pool` in a file of
//! its own. The program is its own worker: procspawn starts it again by itself, and ipc-channel's
//! child is started with `child` in front of where it shall connect.

mod ipc_channel_peer;
mod measure;
mod procspawn_peer;

use std::env;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::ipc_channel_peer::IpcChannel;
use crate::measure::{Failure, Outcome, Plan, measure};
use crate::procspawn_peer::Procspawn;

fn main() -> ExitCode {
    // In a process that procspawn started this does its jobs and never returns.
    procspawn::init();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["child", server] => ipc_channel_peer::child(server),
        [plan] => run(plan).map(|line| println!("{line}")),
        _ => Err(Failure::Failed(
            "expected one argument: the plan, as JSON".into(),
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Unable(reason) | Failure::Failed(reason)) => {
            eprintln!("greenroom-peers: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(plan: &str) -> Outcome<Value> {
    let plan: Plan = serde_json::from_str(plan)?;
    let measured = match plan.peer.as_str() {
        "ipc-channel" => measure::<IpcChannel>(&plan),
        "procspawn" => measure::<Procspawn>(&plan),
        other => Err(Failure::Failed(format!("no peer '{other}' in Rust"))),
    };
    let Plan {
        peer,
        what,
        payload,
        workers,
        depth,
        jobs,
        ..
    } = &plan;
    match measured {
        Ok((figures, note)) => Ok(json!({
            "peer": peer, "what": what, "payload": payload, "workers": workers, "depth": depth, "jobs": jobs,
            "version": version(peer)?, "kind": "process",
            "p50_us": figures.p50_us, "p99_us": figures.p99_us, "per_second": figures.per_second.map(f64::round), "note": note,
        })),
        Err(Failure::Unable(reason)) => {
            Ok(json!({ "peer": peer, "what": what, "skipped": reason }))
        }
        Err(failed) => Err(failed),
    }
}

/// The version that the manifest pins, which is the one that was built.
fn version(name: &str) -> Outcome<&'static str> {
    include_str!("../Cargo.toml")
        .lines()
        .find_map(|line| {
            line.strip_prefix(name)?
                .strip_prefix(" = \"=")?
                .strip_suffix('"')
        })
        .ok_or_else(|| Failure::Failed(format!("the manifest pins no version of {name}")))
}
