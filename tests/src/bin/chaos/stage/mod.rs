//! The host that lives through it: a pool, units, and those who launch jobs without end.
//!
//! It obeys lines on its standard input and answers on standard output:
//!
//! - `flood N`: so many jobs at once
//! - `reload`: the pool's program is replaced by itself
//! - `quiet`: no more jobs; when all have ended and everything is whole again it says what it has
//!   found, and `quiet`
//! - `go`: jobs again
//! - `lower WHAT`, `lift`: does without something until it is given back
//!
//! Its log goes to standard error.

mod crew;
mod deaths;
mod house;
mod perform;
mod restarts;
mod shortage;
mod task;
mod units;

use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::args::{Part, Stage};
use crew::{Crew, Kind};
use house::House;
use shortage::Short;
use units::Units;

pub(crate) use house::{PUPPETS, ROGUES};
pub(crate) use units::DAEMONS;

/// Until everything is whole again after the worst. Only a hang exceeds it: units are tried again 3 s
/// after they were given up.
const WHOLE: Duration = Duration::from_secs(60);

pub(crate) fn play(stage: Stage) -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // It would print what it could not write to the same place, and panic when that fails.
        .log_internal_errors(false)
        .init();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(conduct(stage)),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("fault jobs the stage cannot be set: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn conduct(stage: Stage) -> Result<(), Box<dyn std::error::Error>> {
    let mut commands = commands()?;
    let mut crew = Crew::new(&stage);
    let pool = if stage.parts.contains(&Part::Pool) {
        Some(house::pool().await?)
    } else {
        None
    };
    if let Some(pool) = &pool {
        crew.enter(Kind::Puppet, House::Own(pool.clone()));
    }
    let units = if stage.parts.contains(&Part::Units) {
        Some(Units::start().await?)
    } else {
        None
    };
    if let Some(units) = &units {
        crew.enter(Kind::Rogue, units.house());
    }
    // Held until it is given back.
    let mut _short = None;
    crew.go();
    println!("ready");
    while let Some(line) = commands.recv().await {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["flood", jobs] => crew.flood(jobs.parse()?),
            ["reload"] => crew.reload(),
            ["go"] => crew.go(),
            ["lower", ref what @ ..] => _short = Some(Short::of(what)?),
            ["lift"] => _short = None,
            ["quiet"] => {
                tell("jobs", crew.rest().await);
                if let Some(units) = &units {
                    tell("units", units.whole(WHOLE).await);
                }
                tell("jobs", crew.whole(WHOLE).await);
                println!("quiet");
            }
            _ => return Err(format!("no such command: {line}").into()),
        }
    }
    Ok(())
}

fn tell(of: &str, faults: Vec<String>) {
    for fault in faults {
        println!("fault {of} {}", fault.replace('\n', " / "));
    }
}

/// The judge's lines, from a thread that is there from the start: later there may be no more.
fn commands() -> std::io::Result<mpsc::Receiver<String>> {
    let (sender, commands) = mpsc::channel(16);
    let thread = std::thread::Builder::new().name("commands".into());
    thread.spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    })?;
    Ok(commands)
}
