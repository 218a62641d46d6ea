//! A worker that does odd things on demand, for the tests.
//!
//! # When it initializes: command line
//!
//! Done in this order, each at most once.
//!
//! | argument | what it does |
//! |---|---|
//! | `--counter FILE` | appends a line with its pid to the file, before anything else |
//! | `--initialize-print TEXT` | prints the text on standard error, as it is |
//! | `--initialize-extend-ms N` | asks for more time |
//! | `--initialize-sleep-ms N` | sleeps, awaiting |
//! | `--initialize-block-ms N` | sleeps, blocking the executor |
//! | `--initialize-fail-first N` | fails unless the counter file has more than N lines |
//! | `--initialize-fail MESSAGE` | fails |
//! | `--initialize-panic MESSAGE` | panics |
//! | `--initialize-exit CODE` | exits |
//! | `--initialize-abort` | aborts |
//! | `--slots N` | offers so many slots (default 1) |
//! | `--ignored TEXT` | nothing |
//! | `--version TEXT` | says that it is of this version |
//! | `--build TEXT` | says that it is this build; without that, what the library says by itself |
//! | `--on-leaving FILE` | appends the line `leaving <reason>` in `Handler::shutdown` |
//! | `--leaving-sleep-ms N` | then sleeps there, awaiting |
//!
//! # What a job does: its name, with parameters from its metadata
//!
//! | name | parameters | what it does, and its output |
//! |---|---|---|
//! | `echo` | | its input |
//! | `describe` | | `key=value` lines: id, name, attempt, pid, slot, generation, host, arguments, traceparent, deadline (`none` or ms), `meta.KEY` for each metadata entry, `env.NAME` for each variable's name |
//! | `sleep` | `ms` | awaits; `slept` |
//! | `block` | `ms` | blocks the executor; `blocked` |
//! | `busy` | `ms` | spins inside `run_blocking`; `busy` |
//! | `fail` | `kind`=`invalid_input`, `retryable`, `until`=attempt | fails with its input as message; from attempt `until` on it succeeds with the attempt's number |
//! | `panic` | | panics with its input as message |
//! | `panic_blocking` | | the same inside `run_blocking` |
//! | `abort` | `until`=attempt | aborts; from that attempt on it succeeds like `fail` |
//! | `abort_when_cancelled` | | waits until it is cancelled, then aborts |
//! | `exit` | `code` | exits |
//! | `signal` | `number` | sends itself that signal every 10 ms |
//! | `allocate` | `mb`, `ms` | touches so much memory, holds it for that long in `run_blocking`; `allocated` |
//! | `print` | `lines` (1), `to`=`stdout` or `stderr` | prints its input and the line's number so often; `printed` |
//! | `log` | `wait` | its input at every level as `tracing` events with a field `number=7`, and once as a `log` record, then waits for a cancel if asked; `logged` |
//! | `grandchild` | `setsid`, `seconds` (60) | starts a process that holds stdout and stderr for so many seconds, in a session of its own if asked; the pid, as text |
//! | `stream` | `bytes`, `chunk` (65,536), `file` | sends [`pattern`]; after each chunk appends its size to the file; output ends with nothing more |
//! | `result` | `bytes` | [`pattern`] as its result |
//! | `call` | `method` | what the host answers to that method with its input; a refusal is a failure |
//! | `calls` | `method`, `count` | so many at the same time; the answers, one a line |
//! | `extend` | `extend_ms`, `ms` | asks for more time, then sleeps; `slept` |
//! | `retire` | | asks to be replaced, with its input as reason; `retired` |
//! | `wait` | | waits until it is cancelled and ends with success: `cancelled: <reason>` |
//! | `hang` | | awaits for ever, deaf to a cancel |
//! | `hang_blocking` | | blocks the executor for 10 minutes, deaf to a cancel |
//! | `until_shutdown` | `then` = `finish`, `fail`, `panic`, `hang`, `hang_blocking`, `extend` | waits for the shutdown notice; `finish` returns the reason; `extend` asks for `extend_ms` more, sleeps for `ms` and returns it |
//!
//! Any other name fails with `unknown command`.
//!
//! # What every job does before that, if its metadata says so
//!
//! | key | what it does |
//! |---|---|
//! | `append`=FILE | appends the line `<name> <attempt>` |
//! | `grandchild`=1 | starts the grandchild of the command with that name; its pid is output first, as a line |
//! | `on_shutdown`=FILE | registers a shutdown callback that appends the line `callback <reason>` |
//! | `on_shutdown_ms`=N | the callback then sleeps so long and appends `callback done` |
//! | `announce`=1 | sends the output `begun` when all of that is done |
//!
//! Started as `puppet --grandchild SECONDS [--setsid]` it is the grandchild. It says `ready` on
//! standard input, which is a pipe there, once it is what it should be.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use worker::{Failure, Handler, JobContext, ShutdownReason, Start};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .first()
        .is_some_and(|first| first == "--grandchild")
    {
        return grandchild(&arguments[1..]);
    }
    match Puppet::parse(arguments) {
        Ok(puppet) => worker::run(puppet),
        Err(problem) => {
            eprintln!("puppet: {problem}");
            ExitCode::from(2)
        }
    }
}

#[derive(Default)]
struct Puppet {
    counter: Option<String>,
    print: Option<String>,
    extend: Option<Duration>,
    sleep: Option<Duration>,
    block: Option<Duration>,
    fail_first: Option<usize>,
    fail: Option<String>,
    panic: Option<String>,
    exit: Option<i32>,
    abort: bool,
    slots: Option<u32>,
    version: String,
    build: Option<String>,
    on_leaving: Option<String>,
    leaving_sleep: Option<Duration>,
    /// What the host said at the start, as `describe` tells it.
    start: String,
}

impl Puppet {
    fn parse(arguments: Vec<String>) -> Result<Self, String> {
        let mut puppet = Self::default();
        let mut rest = arguments.into_iter();
        while let Some(option) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{option} needs a value"));
            match option.as_str() {
                "--counter" => puppet.counter = Some(value()?),
                "--initialize-print" => puppet.print = Some(value()?),
                "--initialize-extend-ms" => puppet.extend = Some(millis(&value()?)?),
                "--initialize-sleep-ms" => puppet.sleep = Some(millis(&value()?)?),
                "--initialize-block-ms" => puppet.block = Some(millis(&value()?)?),
                "--initialize-fail-first" => puppet.fail_first = Some(number(&value()?)?),
                "--initialize-fail" => puppet.fail = Some(value()?),
                "--initialize-panic" => puppet.panic = Some(value()?),
                "--initialize-exit" => puppet.exit = Some(number(&value()?)?),
                "--initialize-abort" => puppet.abort = true,
                "--slots" => puppet.slots = Some(number(&value()?)?),
                "--ignored" => drop(value()?),
                "--version" => puppet.version = value()?,
                "--build" => puppet.build = Some(value()?),
                "--on-leaving" => puppet.on_leaving = Some(value()?),
                "--leaving-sleep-ms" => puppet.leaving_sleep = Some(millis(&value()?)?),
                _ => return Err(format!("unknown argument {option}")),
            }
        }
        Ok(puppet)
    }
}

impl Handler for Puppet {
    async fn initialize(&mut self, start: &Start) -> worker::Result<()> {
        if let Some(file) = &self.counter {
            append(file, &std::process::id().to_string())?;
        }
        if let Some(text) = &self.print {
            eprintln!("{text}");
        }
        if let Some(extra) = self.extend {
            start.extend_deadline(extra);
        }
        if let Some(time) = self.sleep {
            tokio::time::sleep(time).await;
        }
        if let Some(time) = self.block {
            std::thread::sleep(time);
        }
        if let (Some(times), Some(file)) = (self.fail_first, &self.counter) {
            let lines = std::fs::read_to_string(file)?.lines().count();
            if lines <= times {
                return Err(Failure::new(format!("start number {lines} is to fail")));
            }
        }
        if let Some(message) = &self.fail {
            return Err(Failure::new(message.clone()));
        }
        if let Some(message) = &self.panic {
            panic!("{message}");
        }
        if let Some(code) = self.exit {
            std::process::exit(code);
        }
        if self.abort {
            std::process::abort();
        }
        self.start = format!(
            "slot={}\ngeneration={}\nhost={}\narguments={}\n",
            start.slot(),
            start.generation(),
            start.host_name(),
            String::from_utf8_lossy(start.arguments()),
        );
        Ok(())
    }

    async fn handle(&self, job: JobContext) -> worker::Result {
        prelude(&job).await?;
        self.command(job).await
    }

    async fn shutdown(&self, reason: ShutdownReason) {
        if let Some(file) = &self.on_leaving {
            append(file, &format!("leaving {reason}")).expect("the file can be written");
        }
        if let Some(time) = self.leaving_sleep {
            tokio::time::sleep(time).await;
        }
    }

    fn slots(&self) -> u32 {
        self.slots.unwrap_or(1)
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn build_id(&self) -> Cow<'_, str> {
        match &self.build {
            Some(build) => build.into(),
            None => Unnamed.build_id(),
        }
    }
}

/// A handler that leaves to the library what it can.
struct Unnamed;

impl Handler for Unnamed {
    async fn handle(&self, job: JobContext) -> worker::Result {
        Ok(job.input().clone())
    }
}

/// What every job may do before its command.
async fn prelude(job: &JobContext) -> worker::Result<()> {
    if matches!(
        job.name(),
        "hang" | "hang_blocking" | "wait" | "abort_when_cancelled"
    ) {
        // Who looks is trusted to end by itself: no cancel drops it from here on.
        job.is_cancelled();
    }
    if let Some(file) = job.metadata("append") {
        append(file, &format!("{} {}", job.name(), job.attempt()))?;
    }
    if job.metadata("grandchild").is_some() {
        let pid = start_grandchild(job)?;
        job.output(format!("{pid}\n")).await?;
    }
    if let Some(file) = job.metadata("on_shutdown") {
        let file = file.to_owned();
        let time = parameter::<u64>(job, "on_shutdown_ms", 0)?;
        job.on_shutdown(async move |reason| {
            append(&file, &format!("callback {reason}")).expect("the file can be written");
            if time > 0 {
                tokio::time::sleep(Duration::from_millis(time)).await;
                append(&file, "callback done").expect("the file can be written");
            }
        });
    }
    if job.metadata("announce").is_some() {
        job.output("begun").await?;
        // A command that blocks the executor must not keep that from being sent.
        tokio::task::yield_now().await;
    }
    Ok(())
}

impl Puppet {
    async fn command(&self, job: JobContext) -> worker::Result {
        let time = Duration::from_millis(parameter(&job, "ms", 0)?);
        let input = || String::from_utf8_lossy(job.input()).into_owned();
        match job.name() {
            "echo" => Ok(job.input().clone()),
            "describe" => Ok(self.describe(&job).into()),
            "sleep" => {
                tokio::time::sleep(time).await;
                Ok("slept".into())
            }
            "block" => {
                std::thread::sleep(time);
                Ok("blocked".into())
            }
            "busy" => {
                job.run_blocking(move || spin(time)).await;
                Ok("busy".into())
            }
            "fail" => match succeed_at_last(&job)? {
                Some(output) => Ok(output),
                None => fail(&job),
            },
            "panic" => panic!("{}", input()),
            "panic_blocking" => {
                let message = input();
                job.run_blocking(move || panic!("{message}")).await
            }
            "abort" => match succeed_at_last(&job)? {
                Some(output) => Ok(output),
                None => std::process::abort(),
            },
            "abort_when_cancelled" => {
                job.cancelled().await;
                std::process::abort()
            }
            "exit" => std::process::exit(parameter(&job, "code", 0)?),
            "signal" => {
                let number = parameter(&job, "number", 0)?;
                // A Rust program's own handler swallows the first SIGSEGV.
                loop {
                    send_itself(number)?;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            "allocate" => {
                let size = parameter::<usize>(&job, "mb", 0)? * 1_000_000;
                job.run_blocking(move || hold_memory(size, time)).await;
                Ok("allocated".into())
            }
            "print" => {
                print(&job, &input())?;
                Ok("printed".into())
            }
            "log" => {
                log_at_every_level(&input());
                if job.metadata("wait").is_some() {
                    job.cancelled().await;
                }
                Ok("logged".into())
            }
            "grandchild" => Ok(start_grandchild(&job)?.to_string().into()),
            "stream" => stream(&job).await,
            "result" => Ok(pattern(0, parameter(&job, "bytes", 0)?).into()),
            "call" => Ok(job.call(method(&job), job.input().clone()).await?),
            "calls" => calls(&job).await,
            "extend" => {
                job.extend_deadline(Duration::from_millis(parameter(&job, "extend_ms", 0)?));
                tokio::time::sleep(time).await;
                Ok("slept".into())
            }
            "retire" => {
                job.retire(input());
                Ok("retired".into())
            }
            "wait" => Ok(format!("cancelled: {}", job.cancelled().await).into()),
            "hang" => std::future::pending().await,
            "hang_blocking" => {
                std::thread::sleep(Duration::from_secs(600));
                Ok("blocked".into())
            }
            "until_shutdown" => until_shutdown(&job).await,
            name => Err(Failure::invalid_input(format!("unknown command {name:?}"))),
        }
    }

    fn describe(&self, job: &JobContext) -> String {
        let mut text = format!(
            "id={}\nname={}\nattempt={}\npid={}\n{}traceparent={}\ndeadline={}\n",
            job.id(),
            job.name(),
            job.attempt(),
            std::process::id(),
            self.start,
            job.traceparent().unwrap_or("none"),
            job.remaining()
                .map_or("none".into(), |time| time.as_millis().to_string()),
        );
        for (key, value) in job.metadata_entries() {
            text += &format!("meta.{key}={value}\n");
        }
        for (name, _) in std::env::vars_os() {
            text += &format!("env.{}=\n", name.to_string_lossy());
        }
        text
    }
}

// ---- commands

/// The attempt's number if it is one that is to succeed.
fn succeed_at_last(job: &JobContext) -> worker::Result<Option<Bytes>> {
    let until = parameter(job, "until", u32::MAX)?;
    Ok((job.attempt() >= until).then(|| job.attempt().to_string().into()))
}

fn fail(job: &JobContext) -> worker::Result {
    let message = String::from_utf8_lossy(job.input());
    let failure = match job.metadata("kind") {
        Some("invalid_input") => Failure::invalid_input(message),
        _ => Failure::new(message),
    };
    Err(match job.metadata("retryable") {
        Some(_) => failure.retryable(),
        None => failure,
    })
}

fn spin(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

fn send_itself(number: i32) -> worker::Result<()> {
    let signal = rustix::process::Signal::from_named_raw(number)
        .ok_or_else(|| Failure::invalid_input(format!("there is no signal {number}")))?;
    Ok(rustix::process::kill_process(
        rustix::process::getpid(),
        signal,
    )?)
}

fn hold_memory(size: usize, time: Duration) {
    // Not zeros: those need no memory until they are written.
    let memory = vec![1_u8; size];
    std::thread::sleep(time);
    std::hint::black_box(&memory);
}

fn print(job: &JobContext, text: &str) -> worker::Result<()> {
    let mut out: Box<dyn Write> = match job.metadata("to") {
        Some("stderr") => Box::new(std::io::stderr().lock()),
        _ => Box::new(std::io::stdout().lock()),
    };
    for line in 0..parameter(job, "lines", 1_u64)? {
        writeln!(out, "{text} {line}")?;
    }
    Ok(out.flush()?)
}

fn log_at_every_level(text: &str) {
    tracing::error!(number = 7, "{text} as an error");
    tracing::warn!(number = 7, "{text} as a warning");
    tracing::info!(number = 7, "{text} as information");
    tracing::debug!(number = 7, "{text} for debugging");
    tracing::trace!(number = 7, "{text} as a trace");
    log::warn!("{text} as a log record");
}

async fn stream(job: &JobContext) -> worker::Result {
    let size: usize = parameter(job, "bytes", 0)?;
    let chunk = parameter(job, "chunk", 65_536_usize)?;
    let mut sent = 0;
    while sent < size {
        let length = chunk.min(size - sent);
        job.output(pattern(sent, length)).await?;
        sent += length;
        if let Some(file) = job.metadata("file") {
            append(file, &length.to_string())?;
        }
    }
    Ok(Bytes::new())
}

/// Bytes from an offset of an endless stream in which every position differs from its neighbours:
/// what is lost, doubled or swapped shows.
fn pattern(offset: usize, length: usize) -> Vec<u8> {
    let byte = |position: usize| (position % 251) as u8;
    (offset..offset + length).map(byte).collect()
}

fn method(job: &JobContext) -> String {
    job.metadata("method").unwrap_or_default().to_owned()
}

async fn calls(job: &JobContext) -> worker::Result {
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..parameter(job, "count", 1_usize)? {
        let job = job.clone();
        calls.spawn_local(async move {
            let argument = format!("{} {number}", String::from_utf8_lossy(job.input()));
            job.call(method(&job), argument).await
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = calls.join_next().await {
        answers.extend_from_slice(&answer??);
        answers.push(b'\n');
    }
    Ok(answers.into())
}

async fn until_shutdown(job: &JobContext) -> worker::Result {
    let reason = job.shutdown().await;
    match job.metadata("then").unwrap_or("finish") {
        "finish" => Ok(reason.to_string().into()),
        "fail" => Err(Failure::new(format!("failed after {reason}"))),
        "panic" => panic!("panicked after {reason}"),
        "hang" => std::future::pending().await,
        "hang_blocking" => {
            std::thread::sleep(Duration::from_secs(600));
            Err(Failure::new("still there after 10 minutes"))
        }
        "extend" => {
            job.extend_deadline(Duration::from_millis(parameter(job, "extend_ms", 0)?));
            tokio::time::sleep(Duration::from_millis(parameter(job, "ms", 0)?)).await;
            Ok(reason.to_string().into())
        }
        other => Err(Failure::invalid_input(format!("unknown then={other}"))),
    }
}

// ---- the grandchild

/// Starts it and waits until it is what it should be.
fn start_grandchild(job: &JobContext) -> worker::Result<u32> {
    let seconds: u64 = parameter(job, "seconds", 60)?;
    let (mut ready, theirs) = std::io::pipe()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--grandchild", &seconds.to_string()]);
    if job.metadata("setsid").is_some() {
        command.arg("--setsid");
    }
    let child = command.stdin(Stdio::from(theirs)).spawn()?;
    // It holds a copy of the pipe's other end.
    drop(command);
    let mut word = [0; 5];
    ready.read_exact(&mut word)?;
    Ok(child.id())
}

fn grandchild(arguments: &[String]) -> ExitCode {
    let run = || -> Result<(), Box<dyn std::error::Error>> {
        let seconds = arguments.first().ok_or("SECONDS is missing")?.parse()?;
        if arguments.iter().any(|argument| argument == "--setsid") {
            rustix::process::setsid()?;
        }
        rustix::io::write(std::io::stdin(), b"ready")?;
        std::thread::sleep(Duration::from_secs(seconds));
        Ok(())
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("puppet --grandchild: {error}");
            ExitCode::FAILURE
        }
    }
}

// ---- small things

fn append(file: &str, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    // One write, so that lines of several processes do not mix.
    file.write_all(format!("{line}\n").as_bytes())
}

fn parameter<T: std::str::FromStr>(job: &JobContext, key: &str, default: T) -> worker::Result<T> {
    match job.metadata(key) {
        None => Ok(default),
        Some(text) => number(text)
            .map_err(|problem| Failure::invalid_input(format!("metadata {key:?}: {problem}"))),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a number that fits"))
}

fn millis(text: &str) -> Result<Duration, String> {
    number(text).map(Duration::from_millis)
}
