//! A parent that ends everything, in one window, when one of its children dies.
//!
//! # Theory of operation
//!
//! A container runs one service: an API worker and a background worker, each a process of its own,
//! and a small HTTP server in the parent for the orchestrator's health checks. If any of them dies the
//! container is of no use, and restarting it is the orchestrator's business. So nothing is restarted
//! here: the three are **significant** units with the policy *never*. The first death drains the
//! others, all at once and within one window, and the parent exits with the dead child's code, having
//! named it first.
//!
//! The workers are this same program with another first argument ([`api`], [`background`]); the parent
//! is [`parent`]. [`http`] is the server that both use.

mod api;
mod background;
mod http;
mod parent;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Runs an API worker, a background worker and a health server, and ends them all when one dies.
///
/// Try `curl localhost:PORT/health`, then `curl localhost:PORT/crash` on the API's port, or kill one.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit code: 0 if it was ended by a signal, otherwise that of the \
    child that died first (128 and its number if a signal ended it), 2 for wrong usage."
)]
struct Options {
    #[command(subcommand)]
    role: Option<Role>,
    /// The port of the API worker on 127.0.0.1; 0 takes a free one and prints it.
    #[arg(long, default_value_t = 0)]
    api_port: u16,
    /// The port of the health server on 127.0.0.1; 0 takes a free one and prints it.
    #[arg(long, default_value_t = 0)]
    health_port: u16,
    /// The window in seconds within which everything is drained, then killed.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    window: u64,
    /// Makes the background worker fail after so many items.
    #[arg(long)]
    fail_after: Option<u32>,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Serves the API. Started by the parent.
    #[command(hide = true)]
    Api { port: u16 },
    /// Works in the background. Started by the parent.
    #[command(hide = true)]
    Background { fail_after: Option<u32> },
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        match options.role {
            Some(Role::Api { port }) => api::run(port).await,
            Some(Role::Background { fail_after }) => background::run(fail_after).await,
            None => parent::run(parent::Settings {
                api_port: options.api_port,
                health_port: options.health_port,
                window: Duration::from_secs(options.window),
                fail_after: options.fail_after,
            })
            .await
            .unwrap_or_else(|problem| {
                eprintln!("error: {problem}");
                ExitCode::FAILURE
            }),
        }
    })
}
