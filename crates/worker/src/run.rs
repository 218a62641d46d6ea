//! From `main` to the exit code.

use std::fmt::Display;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::rc::Rc;

use tokio::runtime::{Builder, LocalOptions};

use crate::boot::{self, Host, NoHost};
use crate::connection::{Connection, Fault};
use crate::guard::{self, Guard};
use crate::handshake::shake_hands;
use crate::session::Session;
use crate::{Handler, logs, panics};

/// Says what it is, if started by hand.
const BY_HAND: u8 = 64;
/// The host was gone before the worker began.
const NO_HOST: u8 = 69;
const PROTOCOL: u8 = 70;
const SYSTEM: u8 = 71;
const INITIALIZE_FAILED: u8 = 1;

/// How a worker ended that has begun.
pub(crate) enum End {
    /// The host told it to leave.
    Left,
    HostGone,
    /// The host has been told why.
    InitializeFailed,
}

/// Makes this process a worker: call it first in `main` and return what it returns.
///
/// It talks to the host until it is told to leave or the host is gone. Started by hand it says what
/// the program is and how to run it. The exit codes are listed in the [crate's text](crate#exit-codes).
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     worker::run(async |job: worker::JobContext| job.input().to_ascii_uppercase())
/// }
/// ```
///
/// With errors:
///
/// ```no_run
/// async fn double(job: worker::JobContext) -> worker::Result<String> {
///     let number: u32 = std::str::from_utf8(job.input())?.parse()?;
///     Ok((number * 2).to_string())
/// }
///
/// fn main() -> std::process::ExitCode {
///     worker::run(double)
/// }
/// ```
pub fn run<H: Handler>(handler: H) -> ExitCode {
    logs::start_clock();
    let host = match boot::find_host() {
        Ok(host) => host,
        Err(no_host) => {
            say(&no_host);
            return ExitCode::from(match no_host {
                NoHost::ByHand { .. } => BY_HAND,
                NoHost::HostGone { .. } => NO_HOST,
                NoHost::System { .. } => SYSTEM,
            });
        }
    };
    match serve(host, handler) {
        Ok(code) => code,
        Err(error) => {
            say(&format_args!(
                "the system refuses what a worker needs: {error}"
            ));
            ExitCode::from(SYSTEM)
        }
    }
}

/// For a person, before there are logs. Standard error may be closed: then nobody listens.
fn say(text: &dyn Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn serve<H: Handler>(host: Host, handler: H) -> io::Result<ExitCode> {
    panics::install_hook();
    let guard = Rc::new(Guard::watch(&host)?);
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    let connection = {
        let _inside = runtime.enter();
        Connection::new(host.socket)?
    };
    // As a task of its own it is woken by its jobs without a look at the socket in between.
    let life = runtime.spawn_local(live(connection, handler, Rc::clone(&guard)));
    let end = match runtime.block_on(life) {
        Ok(end) => end,
        // What the author wrote is caught where it runs, so this is a defect of ours.
        Err(defect) => resume_unwind(defect.into_panic()),
    };
    // Threads of blocking jobs are not waited for: their jobs have ended.
    runtime.shutdown_background();
    Ok(ExitCode::from(match end {
        Ok(End::Left) => 0,
        Ok(End::InitializeFailed) => INITIALIZE_FAILED,
        Ok(End::HostGone) | Err(Fault::HostGone) => {
            guard::end_group();
            0
        }
        Err(fault @ Fault::Protocol { .. }) => {
            guard.stand_down();
            // Does nothing if the handshake got as far as this.
            logs::install("");
            tracing::error!(target: "worker", "{fault}");
            PROTOCOL
        }
    }))
}

async fn live<H: Handler>(
    mut connection: Connection,
    handler: H,
    guard: Rc<Guard>,
) -> Result<End, Fault> {
    match shake_hands(&mut connection, handler, &guard).await? {
        ControlFlow::Continue(ready) => Session::new(connection, guard, ready).run().await,
        ControlFlow::Break(end) => Ok(end),
    }
}
