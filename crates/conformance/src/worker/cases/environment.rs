//! Where the protocol is spoken (section 1.2).

use tokio::time::{Instant, timeout_at};

use crate::case::{Case, Finding};
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "environment/standard-input-is-the-socket",
                requirements: &["GR-1.2-1", "GR-1.2-2", "GR-1.2-3", "GR-2.1-1", "GR-2.1-2"],
                sends: "InitializeRequest and a Ping over the socket that is the standard input, with \
                        GREENROOM_WORKER=1 and GREENROOM_HOST_PID in the environment",
                expects: "InitializeResponse and the Pong over the same socket",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(speaks_on_standard_input(session)),
        },
        WorkerCase {
            about: Case {
                id: "environment/standard-output-is-no-protocol",
                requirements: &["GR-1.2-4"],
                sends: "the job conformance.log, which writes a line to standard output, between two \
                        Pings",
                expects: "both Pongs on the socket, and nothing else than messages there",
            },
            needs: &["conformance.log"],
            closing: Closing::Orderly,
            run: |session| Box::pin(keeps_lines_apart(session)),
        },
        WorkerCase {
            about: Case {
                id: "environment/grandchild-does-not-hold-the-socket",
                requirements: &["GR-1.2-5"],
                sends: "the job conformance.grandchild, and then a kill of the worker alone",
                expects: "the end of the stream at once, though the grandchild lives",
            },
            needs: &["conformance.grandchild"],
            closing: Closing::Judged,
            run: |session| Box::pin(grandchild(session)),
        },
        WorkerCase {
            about: Case {
                id: "environment/started-by-hand",
                requirements: &["GR-1.2-6"],
                sends: "nothing: the program is started once more without GREENROOM_WORKER",
                expects: "words on standard error, and exit with 64",
            },
            needs: &[],
            closing: Closing::HostGone,
            run: |session| Box::pin(by_hand(session)),
        },
    ]
}

async fn speaks_on_standard_input(session: &mut Session) -> Result<(), Stop> {
    let response = session.ready().await?;
    if response.pid != session.pid() {
        let expected = format!("its own process number, {}, as pid", session.pid());
        session.remark(Finding::new("GR-1.2-1", expected, response.pid.to_string()));
    }
    session.barrier().await?;
    Ok(())
}

async fn keeps_lines_apart(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    session.barrier().await?;
    session
        .run_well("conformance.log", "00 00 no frame", &[])
        .await?;
    session.barrier().await?;
    Ok(())
}

async fn grandchild(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    session.run_well("conformance.grandchild", "", &[]).await?;
    session.kill()?;
    let expected = "the end of the stream, whatever the worker has started";
    // It comes at once or when the grandchild ends.
    let deadline = Instant::now() + session.timeout() / 2;
    loop {
        match timeout_at(
            deadline,
            session.arrival(deadline + session.timeout(), "GR-1.2-5", expected),
        )
        .await
        {
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(stop)) => return Err(stop),
            Err(_) => {
                let got = "no end: the grandchild holds the socket";
                return Err(Finding::new("GR-1.2-5", expected, got).into());
            }
        }
    }
}

async fn by_hand(session: &mut Session) -> Result<(), Stop> {
    let (exit, said) = session.run_by_hand().await.map_err(|error| {
        let expected = "a program that can be started by hand";
        Stop::from(Finding::new("GR-1.2-6", expected, error.to_string()))
    })?;
    let not_strict = |expected, got: String| Err(Finding::new("GR-1.2-6", expected, got).into());
    match exit {
        None => not_strict("exit", "a program that waits for something".into()),
        Some(exit) if exit.code() != Some(64) => not_strict("exit with 64", exit.to_string()),
        Some(_) if said.iter().all(|line| line.trim().is_empty()) => {
            not_strict("words on standard error", "nothing there".into())
        }
        Some(_) => Ok(()),
    }
}
