//! How soon a supervisor knows of a death and has a replacement, and what it costs while nothing
//! happens.
//!
//! `cargo bench -p greenroom --bench units` prints every figure with its baseline from the same run:
//! a bare process descriptor and a blocking poll for the death, runit (where it is installed) for the
//! replacement. Both sides take turns, and medians are compared.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command as Raw, ExitCode, Stdio};
use std::time::{Duration, Instant};

use greenroom::supervisor::{Notice, SupervisorEvents, UnitNotice};
use greenroom::unit::{Backoff, Restart, RestartPolicy};
use greenroom::{Command, Daemon, Supervisor, Unit};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

const DEATHS: usize = 300;
const REPLACEMENTS: usize = 20;
const IDLE_UNITS: usize = 200;
const IDLE_SECONDS: u64 = 10;
/// runit waits a second before it starts a service again that has lived for less.
const LIVED: Duration = Duration::from_millis(1100);

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    // One worker thread, so that what it does while nothing happens can be counted.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let done = runtime.map_err(Into::into).and_then(|runtime| {
        // On the runtime's own thread, where a host's code runs.
        runtime.block_on(async { tokio::spawn(deaths()).await })??;
        runtime.block_on(async { tokio::spawn(replacements()).await })??;
        idle(&runtime)
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("units: {error}");
            ExitCode::FAILURE
        }
    }
}

// ---- a death is seen

async fn deaths() -> Outcome {
    let (supervisor, mut events) = one_daemon().await?;
    let (mut raw, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..DEATHS {
        raw.push(tokio::task::spawn_blocking(raw_death).await??);
        ours.push(our_death(&mut events).await?);
    }
    supervisor.kill("the benchmark is over").await;
    println!("From SIGKILL until the death is known, {DEATHS} in turn; in microseconds.\n");
    println!("{:<44}{:>8}{:>8}", "", "p50", "p99");
    let (raw, ours) = (percentiles(raw), percentiles(ours));
    row("raw: pidfd and a blocking poll", &raw);
    row("Exited event, with its report", &ours);
    println!(
        "{:<44}{:>7.2}x{:>7.2}x\n",
        "ratio",
        ours[0] / raw[0],
        ours[1] / raw[1]
    );
    Ok(())
}

fn raw_death() -> Outcome<Duration> {
    let mut child = sleeper()?;
    let pid = Pid::from_child(&child);
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let killed = Instant::now();
    kill_process(pid, Signal::KILL)?;
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], None)?;
    let seen = killed.elapsed();
    child.wait()?;
    Ok(seen)
}

async fn our_death(events: &mut SupervisorEvents) -> Outcome<Duration> {
    let pid = started(events).await?;
    let killed = Instant::now();
    kill(pid)?;
    loop {
        if let UnitNotice::Exited(_) = next(events).await? {
            return Ok(killed.elapsed());
        }
    }
}

// ---- a replacement runs

async fn replacements() -> Outcome {
    let (supervisor, mut events) = one_daemon().await?;
    let runit = Runit::start()?;
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    let mut pid = started(&mut events).await?;
    for _ in 0..REPLACEMENTS {
        tokio::time::sleep(LIVED).await;
        let killed = Instant::now();
        kill(pid)?;
        pid = started(&mut events).await?;
        ours.push(killed.elapsed());
        if let Some(runit) = &runit {
            theirs.push(runit.replacement()?);
        }
    }
    supervisor.kill("the benchmark is over").await;
    println!(
        "From SIGKILL until a replacement runs, without backoff, {REPLACEMENTS} in turn; in microseconds.\n"
    );
    println!("{:<44}{:>8}{:>8}", "", "p50", "p99");
    let ours = percentiles(ours);
    if runit.is_some() {
        let theirs = percentiles(theirs);
        row("runit: a new process number in its file", &theirs);
        row("Started event", &ours);
        println!(
            "{:<44}{:>7.2}x{:>7.2}x\n",
            "ratio",
            ours[0] / theirs[0],
            ours[1] / theirs[1]
        );
    } else {
        row("Started event", &ours);
        println!("runit is not installed: on Debian, apt-get install runit\n");
    }
    Ok(())
}

/// A service under runit, in a directory of its own.
struct Runit {
    directory: tempfile::TempDir,
    runsv: Child,
}

impl Runit {
    fn start() -> Outcome<Option<Self>> {
        let directory = tempfile::tempdir()?;
        let run = directory.path().join("run");
        fs::write(&run, "#!/bin/sh\nexec sleep 1000\n")?;
        fs::set_permissions(&run, fs::Permissions::from_mode(0o755))?;
        let Ok(runsv) = Raw::new("runsv").arg(directory.path()).spawn() else {
            return Ok(None);
        };
        let runit = Self { directory, runsv };
        runit.process_other_than(0)?;
        Ok(Some(runit))
    }

    fn replacement(&self) -> Outcome<Duration> {
        let pid = self.process_other_than(0)?;
        let killed = Instant::now();
        kill(pid)?;
        self.process_other_than(pid)?;
        Ok(killed.elapsed())
    }

    /// Looks at its file again and again: it has no event to wait for, and a pause would be measured.
    fn process_other_than(&self, old: u32) -> Outcome<u32> {
        let file = self.directory.path().join("supervise/pid");
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            match read_number(&file) {
                Some(pid) if pid != old => return Ok(pid),
                _ => std::thread::yield_now(),
            }
        }
        Err("runit started nothing for 10 s".into())
    }
}

impl Drop for Runit {
    fn drop(&mut self) {
        // On SIGTERM it ends its service, then itself.
        let _ = kill_process(Pid::from_child(&self.runsv), Signal::TERM);
        let _ = self.runsv.wait();
    }
}

// ---- nothing happens

fn idle(runtime: &tokio::runtime::Runtime) -> Outcome {
    let before = resources()?;
    let supervisor = runtime.block_on(async {
        let mut builder = Supervisor::builder();
        for number in 0..IDLE_UNITS {
            builder = builder.unit(Unit::new(format!("idle-{number}"), sleeping_daemon()));
        }
        let supervisor = builder.build()?;
        supervisor.start().await?;
        Outcome::Ok(supervisor)
    })?;
    // The threads that have built the commands go when they have had nothing to do for 10 s.
    std::thread::sleep(Duration::from_secs(12));
    let during = resources()?;
    let (before_idling, busy) = (sleeps()?, processor_ticks()?);
    std::thread::sleep(Duration::from_secs(IDLE_SECONDS));
    let after_idling = sleeps()?;
    let busy = processor_ticks()? - busy;
    let woken = |(thread, sleeps): (&u32, &u64)| sleeps - before_idling.get(thread).unwrap_or(&0);
    let switches: u64 = after_idling.iter().map(woken).sum();
    runtime.block_on(supervisor.kill("the benchmark is over"));
    println!(
        "{IDLE_UNITS} idle units for {IDLE_SECONDS} s: the host's threads woke {switches} times (this\n\
         measurement itself wakes its own once) and used {busy} ticks of processor time.\n\
         Each unit costs {:.1} KiB of resident memory and {:.2} descriptors; threads: {} more for all.",
        (during.memory - before.memory) / 1024.0 / IDLE_UNITS as f64,
        (during.descriptors - before.descriptors) / IDLE_UNITS as f64,
        during.threads - before.threads,
    );
    Ok(())
}

struct Resources {
    memory: f64,
    descriptors: f64,
    threads: f64,
}

fn resources() -> Outcome<Resources> {
    let count = |what: &str| fs::read_dir(format!("/proc/self/{what}")).map(Iterator::count);
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split_whitespace().nth(1).ok_or("an odd statm")?;
    Ok(Resources {
        memory: pages.parse::<f64>()? * rustix::param::page_size() as f64,
        descriptors: count("fd")? as f64,
        threads: count("task")? as f64,
    })
}

/// How often each thread of this process has gone to sleep so far.
fn sleeps() -> Outcome<HashMap<u32, u64>> {
    let mut sleeps = HashMap::new();
    for thread in fs::read_dir("/proc/self/task")? {
        let thread = thread?;
        let number = thread.file_name().to_string_lossy().parse()?;
        let status = fs::read_to_string(thread.path().join("status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sleeps.insert(number, line.ok_or("an odd status")?.trim().parse()?);
    }
    Ok(sleeps)
}

/// Hundredths of a second that this process has computed so far.
fn processor_ticks() -> Outcome<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(") ").ok_or("an odd stat")?.1;
    let fields: Vec<&str> = fields.split(' ').collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

// ---- what both sides supervise

async fn one_daemon() -> Outcome<(Supervisor, SupervisorEvents)> {
    let policy = RestartPolicy {
        restart: Restart::Always,
        max_restarts: None,
        backoff: Backoff {
            initial: Duration::from_micros(1),
            max: Duration::from_micros(1),
        },
        ..RestartPolicy::default()
    };
    let unit = Unit::new("sleeper", sleeping_daemon()).restart_policy(policy);
    let supervisor = Supervisor::builder().unit(unit).build()?;
    let events = supervisor.events();
    supervisor.start().await?;
    Ok((supervisor, events))
}

fn sleeping_daemon() -> Daemon {
    Daemon::new(|| Command::new("sleep").arg("1000"))
}

fn sleeper() -> std::io::Result<Child> {
    // The same streams as a unit has.
    Raw::new("sleep")
        .arg("1000")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

async fn started(events: &mut SupervisorEvents) -> Outcome<u32> {
    loop {
        if let UnitNotice::Started { pid: Some(pid) } = next(events).await? {
            return Ok(pid);
        }
    }
}

async fn next(events: &mut SupervisorEvents) -> Outcome<UnitNotice> {
    loop {
        let event = events.next().await.ok_or("the supervisor has ended")?;
        if let Notice::Unit { notice, .. } = event.notice {
            return Ok(notice);
        }
    }
}

fn kill(pid: u32) -> Outcome {
    let pid = Pid::from_raw(pid.cast_signed()).ok_or("not a process")?;
    Ok(kill_process(pid, Signal::KILL)?)
}

fn read_number(file: &Path) -> Option<u32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

// ---- numbers

fn row(title: &str, figures: &[f64]) {
    println!("{title:<44}{:>8.0}{:>8.0}", figures[0], figures[1]);
}

/// The median and the 99th percentile, in microseconds.
fn percentiles(mut times: Vec<Duration>) -> Vec<f64> {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    vec![micros(at(0.5)), micros(at(0.99))]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
