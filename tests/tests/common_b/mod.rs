//! What the tests of misbehaviour share: the programs, a bound for every wait, processes from outside.

#![allow(dead_code, reason = "each test file uses a part")]

use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use greenroom::{
    Bytes, Call, CrashReport, Event, EventKind, Events, Job, JobError, Process, Worker,
    WorkerPolicy,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

/// Says no to the library: `rogue <greeting>`.
pub(crate) fn rogue(greeting: &str) -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_rogue")).arg(greeting)
}

/// Abuses the machine: its jobs' inputs say how.
pub(crate) fn brute() -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_brute"))
}

/// Far beyond anything that is expected, and before anybody gives up on the test.
const BOUND: Duration = Duration::from_secs(60);

/// The end of a wait that should long be over.
pub(crate) async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(BOUND, wait).await {
        Ok(value) => value,
        Err(_) => panic!("waited {BOUND:?} in vain for {what}"),
    }
}

/// Limits that nobody meets by chance, on a machine that is busy with other tests.
pub(crate) fn patient() -> WorkerPolicy {
    WorkerPolicy {
        initialize_timeout: Duration::from_secs(30),
        ..WorkerPolicy::default()
    }
}

/// A worker that has answered the handshake, or how it ended instead.
pub(crate) async fn ready(
    worker: &Worker,
    policy: WorkerPolicy,
) -> Result<Process, Arc<CrashReport>> {
    let mut process = Process::new(worker, policy).expect("it can be tried");
    soon("the start", process.start()).await.expect("a process");
    match soon("the handshake", process.initialize()).await {
        Ok(()) => Ok(process),
        Err(_) => Err(soon("the end", process.join()).await.expect("a report")),
    }
}

/// How a worker ends that greets its host like this.
pub(crate) async fn end_of_greeting(greeting: &str, policy: WorkerPolicy) -> Arc<CrashReport> {
    match ready(&rogue(greeting), policy).await {
        // It may have been ready for a moment.
        Ok(process) => soon(greeting, process.join()).await.expect("a report"),
        Err(report) => report,
    }
}

/// How a job of this name ends, and how its worker does.
pub(crate) async fn end_of_job(
    name: &str,
    policy: WorkerPolicy,
) -> (Result<Bytes, JobError>, Arc<CrashReport>) {
    let process = ready(&rogue("serve"), policy).await.expect("ready");
    let job = Job::new("").name(name);
    let handle = soon("the launch", process.launch(job))
        .await
        .expect("a job");
    let result = soon(name, handle.output()).await;
    (
        result,
        soon("the end", process.join()).await.expect("a report"),
    )
}

/// The report in a job's error.
pub(crate) fn lost(error: &JobError) -> &CrashReport {
    match error {
        JobError::Lost { report, .. } => report,
        other => panic!("the job was not lost with its worker, but {other}"),
    }
}

/// Serves the calls named `begun` and passes their arguments on.
pub(crate) fn begun() -> (
    impl Fn(Call) -> std::future::Ready<Result<Bytes, String>> + Send + Sync + 'static,
    mpsc::UnboundedReceiver<String>,
) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let serve = move |call: Call| {
        let _ = sender.send(String::from_utf8_lossy(&call.argument).into_owned());
        std::future::ready(Ok(Bytes::new()))
    };
    (serve, receiver)
}

/// The first event that `choose` takes.
pub(crate) async fn event<T>(
    events: &mut Events,
    what: &str,
    choose: impl Fn(&EventKind) -> Option<T>,
) -> T {
    soon(what, async {
        loop {
            let Event { kind, .. } = events.next().await.expect("the pool lives");
            if let Some(found) = choose(&kind) {
                return found;
            }
        }
    })
    .await
}

/// A program that is a host, so that a host can be stopped, killed and measured.
pub(crate) struct Host {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<pipe::Receiver>>,
}

impl Host {
    /// `mark` is in the environment of the host and of everything that it starts.
    pub(crate) fn start(arguments: &[&str], mark: &str) -> Self {
        Self::start_program(env!("CARGO_BIN_EXE_host_under_test"), arguments, mark)
    }

    /// As [`start`](Self::start), of another program that is a host.
    pub(crate) fn start_program(program: &str, arguments: &[&str], mark: &str) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .env(MARK, mark)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the host starts");
        let stdout = OwnedFd::from(child.stdout.take().expect("it is piped"));
        let stdout = pipe::Receiver::from_owned_fd(stdout).expect("it is a pipe");
        Self {
            stdin: child.stdin.take(),
            lines: BufReader::new(stdout).lines(),
            child,
        }
    }

    /// The rest of its next line, which begins with `key`.
    pub(crate) async fn says(&mut self, key: &str) -> String {
        let line = soon(key, self.lines.next_line()).await.expect("utf-8");
        let line = line.unwrap_or_else(|| panic!("the host ended before it said {key:?}"));
        match line.strip_prefix(key) {
            Some(rest) => rest.trim().to_owned(),
            None => panic!("the host was to say {key:?}, it said {line:?}"),
        }
    }

    pub(crate) async fn says_number(&mut self, key: &str) -> u64 {
        let number = self.says(key).await;
        number.parse().unwrap_or_else(|_| panic!("{key}: {number}"))
    }

    /// Lets it go on.
    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("it is piped");
        writeln!(stdin, "{line}").expect("the host listens");
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("it can be signalled");
    }

    /// As the system would, or an impatient operator.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it has ended");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const MARK: &str = "GREENROOM_TEST_MARK";

/// A mark that nobody else uses.
pub(crate) fn mark(test: &str) -> String {
    format!("{test}-{}", std::process::id())
}

/// All living processes with this mark.
pub(crate) fn marked(mark: &str) -> Vec<Pid> {
    let wanted = format!("{MARK}={mark}");
    let processes = fs::read_dir("/proc").expect("there is /proc");
    processes
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let environment = fs::read(entry.path().join("environ")).ok()?;
            let mut variables = environment.split(|byte| *byte == 0);
            variables
                .any(|variable| variable == wanted.as_bytes())
                .then_some(())?;
            Pid::from_raw(pid)
        })
        .collect()
}

/// Waits until `living` finds nobody, and says how long that took; those that are left after
/// `limit`.
pub(crate) fn extinction(
    living: impl Fn() -> Vec<Pid>,
    limit: Duration,
) -> Result<Duration, Vec<Pid>> {
    let begun = Instant::now();
    loop {
        let pids = living();
        if pids.is_empty() {
            return Ok(begun.elapsed());
        }
        for pid in pids {
            // One that has gone meanwhile is what is waited for.
            if let Ok(pidfd) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
                let left = limit.saturating_sub(begun.elapsed());
                let left = rustix::event::Timespec::try_from(left).expect("it is short");
                let mut wait = [PollFd::new(&pidfd, PollFlags::IN)];
                if matches!(poll(&mut wait, Some(&left)), Ok(0)) {
                    return Err(living());
                }
            }
        }
    }
}

/// Ends what a failed test would leave behind.
pub(crate) fn sweep(mark: &str) {
    for pid in marked(mark) {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}

pub(crate) fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Ends a process that nobody else does.
pub(crate) fn end(pid: &[u8]) {
    let pid = std::str::from_utf8(pid)
        .ok()
        .and_then(|pid| pid.parse().ok());
    let pid = pid.and_then(Pid::from_raw).expect("a process number");
    rustix::process::kill_process(pid, Signal::KILL).expect("it was there");
}

/// Who is in this process group and no zombie.
pub(crate) fn living_in_group(group: u32) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").expect("there is /proc");
    processes
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
            let (state, _parent, its_group) = (fields.next()?, fields.next()?, fields.next()?);
            let lives = state != "Z" && its_group == group.to_string();
            lives.then(|| Pid::from_raw(pid))?
        })
        .collect()
}

/// What a process is doing, for the message of a failed test.
pub(crate) fn describe(pid: Pid) -> String {
    let read = |file| fs::read(format!("/proc/{}/{file}", pid.as_raw_nonzero()));
    let command = read("cmdline").unwrap_or_default();
    let stat = read("stat").unwrap_or_default();
    let (command, stat) = (
        String::from_utf8_lossy(&command),
        String::from_utf8_lossy(&stat),
    );
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.get(..1));
    format!("{pid:?} {} {state:?}", command.replace('\0', " "))
}
