//! A host of daemons as a program of its own, so that tests can stop and kill it.
//!
//! `unit_host <scenario> <daemon>` says on stdout how far it is, and waits on stdin for its test.

use std::time::Duration;

use greenroom::supervisor::{Notice, SupervisorBuilder, UnitNotice};
use greenroom::unit::{Check, OnFailure, Ready, Regex};
use greenroom::{Command, Daemon, Probe, Supervisor, Unit};

type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["frozen", daemon] => frozen(daemon).await,
        ["crowd", daemon] => crowd(daemon).await,
        ["idle", daemon] => idle(daemon).await,
        _ => Err(format!("no such scenario: {arguments:?}").into()),
    }
}

fn daemon(program: &str, steps: &str) -> Daemon {
    let program = program.to_owned();
    let steps: Vec<String> = steps.split(' ').map(str::to_owned).collect();
    Daemon::new(move || {
        Command::new(&program)
            .args(&steps)
            .inherit_env("GREENROOM_TEST_MARK")
    })
}

/// Units that a stall could be held against: one must notify, one must print, one is checked. Says
/// `ready`; once it is told to go on, and after longer than the limits, how many runs have ended.
async fn frozen(program: &str) -> Result {
    let limit = Duration::from_secs(2);
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let check = Check {
        period: Duration::from_millis(100),
        timeout: limit,
        threshold: 1,
        on_failure: OnFailure::Restart,
        ..Check::new("port")
    };
    let talker = "complain here sleep 100 ".repeat(100);
    let units = [
        Unit::new("beats", daemon(program, "beat 100 WATCHDOG=1 wait")).watchdog(limit),
        Unit::new("talks", daemon(program, &format!("{talker}wait")))
            .activity(limit, OnFailure::Restart),
        Unit::new(
            "listens",
            daemon(program, &format!("listen {port} print up wait")),
        )
        .ready_when(Ready::LogLine(Regex::new("up")?))
        .check(check, Probe::tcp(format!("127.0.0.1:{port}"))?),
    ];
    let builder = units
        .into_iter()
        .fold(Supervisor::builder(), SupervisorBuilder::unit);
    let supervisor = builder.build()?;
    let mut events = supervisor.events();
    supervisor.start().await?;
    println!("ready");
    told().await?;
    // Whoever is to be ended for the stall is ended while this lasts.
    tokio::time::sleep(limit * 3 / 2).await;
    println!("ends {}", ends(&mut events));
    println!("healthy {}", u8::from(supervisor.all_healthy().await));
    supervisor.stop("the test").await;
    Ok(())
}

/// What has happened so far, without waiting for more.
fn ends(events: &mut greenroom::supervisor::SupervisorEvents) -> usize {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};
    let mut ends = 0;
    loop {
        let mut next = Box::pin(events.next());
        let Poll::Ready(Some(event)) = next.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        else {
            return ends;
        };
        if let Notice::Unit { notice, .. } = event.notice {
            ends += usize::from(matches!(
                notice,
                UnitNotice::Stopping { .. } | UnitNotice::Exited(_)
            ));
        }
    }
}

/// Five daemons, each with one in a session of its own. Says `ready` and waits.
async fn crowd(program: &str) -> Result {
    let units = (0..5).map(|number| {
        Unit::new(
            format!("parent-{number}"),
            daemon(program, "escape print up wait"),
        )
        .ready_when(Ready::LogLine(Regex::new("up").expect("a pattern")))
    });
    let supervisor = units
        .fold(Supervisor::builder(), SupervisorBuilder::unit)
        .build()?;
    supervisor.start().await?;
    println!("ready");
    told().await
}

/// Many units that nothing is expected of. Says `ready` and waits.
async fn idle(program: &str) -> Result {
    let units = (0..200).map(|number| {
        Unit::new(format!("idle-{number}"), daemon(program, "print up wait"))
            .ready_when(Ready::LogLine(Regex::new("up").expect("a pattern")))
    });
    let supervisor = units
        .fold(Supervisor::builder(), SupervisorBuilder::unit)
        .build()?;
    supervisor.start().await?;
    println!("ready");
    told().await
}

/// Waits for a line from the test.
async fn told() -> Result {
    let (sender, line) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line).is_ok_and(|n| n > 0) {
            // The host may have something better to do by now.
            let _ = sender.send(());
        }
    });
    line.await.map_err(|_| "the test is gone".into())
}
