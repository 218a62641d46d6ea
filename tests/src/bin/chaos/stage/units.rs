//! Units of all kinds under one supervisor: some are to be ready whenever they are left in peace,
//! some can never be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use greenroom::unit::{Backoff, Ready, Regex, Restart, RestartPolicy, UnitState};
use greenroom::{Command, Daemon, Supervisor, Task, Unit};

use super::house::{self, House};
use super::restarts::{MAX_RESTARTS, Restarts, Told};
use crate::processes;

type Error = Box<dyn std::error::Error>;

/// They end again and again by themselves, and must be given up.
const HOPELESS: [&str; 3] = ["crashes", "starves", "falters"];

/// Daemons that run when all is well: those without hope are given up most of the time.
pub(crate) const DAEMONS: usize = 5;

/// The window of restarts, after which a unit that was given up is tried again.
fn window(unit: &str) -> Duration {
    // Those without hope must be given up on any machine, however slowly they start.
    let seconds = if HOPELESS.contains(&unit) { 20 } else { 3 };
    Duration::from_secs(seconds)
}

/// Silence that no busy machine comes to.
const SILENCE: Duration = Duration::from_secs(4);

pub(super) struct Units {
    supervisor: Supervisor,
    restarts: Restarts,
}

impl Units {
    pub(super) async fn start() -> Result<Self, Error> {
        let mut builder = Supervisor::builder();
        for unit in all()? {
            builder = builder.unit(unit);
        }
        let supervisor = builder.build()?;
        let restarts = Restarts::watch(supervisor.events(), window);
        // Those without hope keep it from succeeding.
        let _ = supervisor.start().await;
        Ok(Self {
            supervisor,
            restarts,
        })
    }

    pub(super) fn house(&self) -> House {
        House::Unit(self.supervisor.clone())
    }

    /// Waits until every unit is ready that can be, and tells how often they were started.
    pub(super) async fn whole(&self, limit: Duration) -> Vec<String> {
        let mut faults = Vec::new();
        let begun = Instant::now();
        loop {
            let mut missing = self.missing().await;
            let told = self.restarts.tell().await;
            faults.extend(told.faults.iter().cloned());
            missing.extend(never_given_up(&told));
            if missing.is_empty() {
                println!("restarts {told}");
                break;
            }
            if begun.elapsed() >= limit {
                println!("restarts {told}");
                faults.push(format!(
                    "units are not as they should be after {limit:?}: {missing:?}"
                ));
                break;
            }
            // Units change places meanwhile: an event of one says nothing of the others.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        faults
    }

    async fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for name in self.supervisor.unit_names().await {
            match self.supervisor.status(&name).await {
                Ok(status) if HOPELESS.contains(&&*name) || status.state == UnitState::Ready => {}
                Ok(status) => missing.push(format!("{name} is {}: {}", status.state, status.why)),
                Err(error) => missing.push(error.to_string()),
            }
        }
        missing
    }
}

fn never_given_up(told: &Told) -> impl Iterator<Item = String> {
    let never = HOPELESS.into_iter().filter(|name| told.given_up(name) == 0);
    never.map(|name| format!("{name} was never given up"))
}

fn all() -> Result<Vec<Unit>, Error> {
    let up = || Regex::new("^up$").map(Ready::LogLine);
    let talk = "flood 2000 sleep 100 ".repeat(200);
    let units = [
        Unit::new("stays", daemon("print up wait")).ready_when(up()?),
        Unit::new("beats", daemon("notify READY=1 beat 100 WATCHDOG=1 wait"))
            .ready_when(Ready::Notify)
            .watchdog(SILENCE),
        Unit::new("talks", daemon(&format!("print up {talk} wait"))).ready_when(up()?),
        // With one in a session of its own.
        Unit::new("leaves", daemon("escape print up wait")).ready_when(up()?),
        Unit::new("reads", daemon("print up read").stdin(true)).ready_when(up()?),
        Unit::new(
            "turns",
            Task::new(async |token| {
                token.cancelled().await;
                Ok(())
            }),
        ),
        Unit::new(house::UNIT, house::rogues()),
        Unit::new("crashes", daemon("sleep 30 exit 3")),
        // The system grants it less than it takes.
        Unit::new("starves", limited_daemon("sleep 20 grow 500")),
        Unit::new(
            "falters",
            Task::new(async |_| {
                tokio::time::sleep(Duration::from_millis(30)).await;
                panic!("on purpose")
            }),
        ),
    ];
    let units = units.map(|unit| {
        let policy = policy(window(unit.name()));
        unit.restart_policy(policy)
    });
    Ok(units.into())
}

/// Given up within seconds, and tried again as soon as that is allowed.
fn policy(window: Duration) -> RestartPolicy {
    RestartPolicy {
        restart: Restart::Always,
        max_restarts: Some(MAX_RESTARTS),
        window,
        backoff: Backoff {
            initial: Duration::from_millis(20),
            max: Duration::from_millis(200),
        },
        retry_after: Some(window),
        ..RestartPolicy::default()
    }
}

fn steps(steps: &str) -> Arc<[String]> {
    steps.split_whitespace().map(str::to_owned).collect()
}

fn daemon(line: &str) -> Daemon {
    let steps = steps(line);
    let program = processes::beside("daemon");
    Daemon::new(move || Command::new(&program).args(steps.iter()))
}

fn limited_daemon(line: &str) -> Daemon {
    let steps = steps(line);
    let program = processes::beside("daemon");
    let limited = "ulimit -v 100000; exec \"$0\" \"$@\"";
    Daemon::new(move || {
        let shell = Command::new("/bin/sh").args(["-c", limited]).arg(&program);
        shell.args(steps.iter())
    })
}
