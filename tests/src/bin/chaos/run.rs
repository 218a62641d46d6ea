//! The judge: rounds of trouble, a look after each, and the verdict.

use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::USAGE;
use crate::args::{Options, Part};
use crate::host::Host;
use crate::map;
use crate::plan::{Plan, Trouble, Victim};
use crate::processes::{self, beside};
use crate::state::Found;
use crate::trouble::Done;
use crate::verdict::Verdict;

/// A round of trouble; then there is a look.
const ROUND: Duration = Duration::from_secs(12);
/// After the host was killed. The promise is 1 s; this leaves room for a busy machine.
const ORPHANS: Duration = Duration::from_secs(10);

pub(crate) fn run(options: &Options) -> ExitCode {
    println!("seed {}", options.seed);
    if let Some(missing) = missing(options) {
        eprintln!("chaos: {missing}");
        return ExitCode::from(USAGE);
    }
    let scratch = match tempfile::tempdir() {
        Ok(scratch) => scratch,
        Err(error) => {
            eprintln!("chaos: no temporary directory: {error}");
            return ExitCode::FAILURE;
        }
    };
    let verdict = thread::scope(|scope| {
        let with_map = options.parts.contains(&Part::Map);
        let map = with_map.then(|| scope.spawn(|| map::run(options)));
        let mut verdict = Verdict::default();
        if options.parts.iter().any(|part| *part != Part::Map) {
            host(options, scratch.path(), &mut verdict);
        }
        match map.map(thread::ScopedJoinHandle::join) {
            Some(Ok(found)) => verdict.add(found),
            Some(Err(_)) => verdict.fault("the judge of map has panicked"),
            None => {}
        }
        verdict
    });
    println!("{verdict}");
    if !verdict.passed() {
        keep(scratch);
        println!("the same plan again: chaos --seed {}", options.seed);
    }
    verdict.exit_code()
}

/// What must be built before.
fn missing(options: &Options) -> Option<String> {
    let mut needed = vec!["puppet", "rogue", "daemon"];
    if options.parts.contains(&Part::Map) {
        needed.push("greenroom");
    }
    let missing = needed.into_iter().find(|name| !beside(name).exists())?;
    Some(format!(
        "{} is missing: run cargo build -p greenroom-tests -p greenroom-cli --bins with the same \
         profile first, or leave map out with --only",
        beside(missing).display()
    ))
}

fn keep(scratch: TempDir) {
    println!("what the host has logged: {}", scratch.keep().display());
}

/// A pool and units.
fn host(options: &Options, directory: &Path, verdict: &mut Verdict) {
    let mut host = match Host::start(options, directory) {
        Ok(host) => host,
        Err(error) => return verdict.fault(format!("the host cannot be started: {error}")),
    };
    let mut found = Found::new(&options.parts);
    let mut done = Done::default();
    let begun = Instant::now();
    let played = play(options, begun, &mut host, &mut done, &mut found);
    if let Err(problem) = played {
        verdict.fault(problem);
    }
    println!("[{:4.0?}] {done}", begun.elapsed());
    for skipped in &done.skipped {
        println!("skipped: {skipped}");
    }
    end(host, directory, verdict);
    found.into(verdict);
}

fn play(
    options: &Options,
    begun: Instant,
    host: &mut Host,
    done: &mut Done,
    found: &mut Found,
) -> Result<(), String> {
    let mut plan = Plan::new(options.seed);
    listen(host, "ready", found)?;
    // The first round holds everything once: what belongs to the whole process is there after it.
    for (pause, trouble) in plan.one_of_each() {
        thread::sleep(pause);
        done.act(trouble, host, &mut plan);
    }
    look(begun, host, done, found, &mut plan)?;
    loop {
        host.tell("go");
        let end = (begun + options.lasts).min(Instant::now() + ROUND);
        loop {
            let (pause, trouble) = plan.next();
            thread::sleep(pause);
            done.act(trouble, host, &mut plan);
            if Instant::now() >= end {
                break;
            }
        }
        look(begun, host, done, found, &mut plan)?;
        if begun.elapsed() >= options.lasts {
            return Ok(());
        }
    }
}

/// Waits until the host says that all is well, and looks whether it is.
fn look(
    begun: Instant,
    host: &mut Host,
    done: &mut Done,
    found: &mut Found,
    plan: &mut Plan,
) -> Result<(), String> {
    // The only one that nobody kills before its silence is noticed.
    done.act(Trouble::Stop(Victim::Worker), host, plan);
    println!("[{:4.0?}] {done}", begun.elapsed());
    done.let_go_on();
    host.tell("quiet");
    listen(host, "quiet", found)?;
    found.silence(&done.stopped);
    let state = found.settle(host.pid());
    println!("[{:4.0?}] {state}", begun.elapsed());
    if !found.is_clean() {
        // What has led to it is still in the log.
        return Err("trouble ends here, because something was found".into());
    }
    host.trim_log()
        .map_err(|error| format!("the log cannot be trimmed: {error}"))
}

fn listen(host: &mut Host, until: &str, found: &mut Found) -> Result<(), String> {
    loop {
        let line = host.hear()?;
        if line == until {
            return Ok(());
        }
        found.hear(&line);
    }
}

/// Kills the host: nobody may be left of it.
fn end(host: Host, directory: &Path, verdict: &mut Verdict) {
    const PROMISE: &str = "nobody outlives a host that is killed";
    let mark = directory.display().to_string();
    let guards = processes::victims(host.pid(), Victim::Guard);
    let before = processes::marked(&mark).len();
    if let Err(error) = host.kill() {
        verdict.fault(format!("the host cannot be killed: {error}"));
    }
    let left = || {
        let mut left = processes::marked(&mark);
        left.extend(guards.iter().filter(|guard| processes::lives(**guard)));
        left
    };
    match processes::wait_until(ORPHANS, || left().is_empty()) {
        Some(took) => {
            verdict.promise(
                PROMISE,
                true,
                format!("{before} were gone after {took:.0?}"),
            );
        }
        None => {
            let left = left();
            let shown: Vec<_> = left.iter().map(|pid| processes::describe(*pid)).collect();
            verdict.promise(
                PROMISE,
                false,
                format!("{} are left: {shown:?}", left.len()),
            );
            for pid in left {
                processes::signal(pid, rustix::process::Signal::KILL);
            }
        }
    }
}
