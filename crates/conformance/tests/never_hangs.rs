//! The kit comes to an end with programs that are no workers and no hosts, says what it has waited for,
//! and leaves nothing of them behind.

mod programs;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use greenroom_conformance::{CaseResult, Options, Requirement, Verdict, host, worker};
use programs::{complaints, example};

/// Only a hang takes so long.
const HANG: Duration = Duration::from_secs(60);
/// Each case of a program that does nothing takes at least so long.
const SHORT: Options = Options {
    timeout: Duration::from_millis(200),
    parallel: 32,
};

/// A folder with one script, which says in its environment who it is: its processes can be found.
struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    fn new(body: &str) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let script = Self { folder };
        let mark = script.mark();
        let text = format!("#!/bin/sh\nexport CONFORMANCE_TEST_MARK='{mark}'\n{body}\n");
        fs::write(script.path(), text).expect("it can be written");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(script.path(), mode).expect("it is ours");
        script
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("program")
    }

    fn mark(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// The processes that it has started and that are still there.
    fn left_over(&self) -> Vec<PathBuf> {
        let wanted = format!("CONFORMANCE_TEST_MARK={}", self.mark());
        let processes = fs::read_dir("/proc").expect("the system tells its processes");
        let paths = processes.flatten().map(|entry| entry.path());
        // One that has ended meanwhile has no environment.
        let has_mark = |path: &Path| {
            let environment = fs::read(path.join("environ")).unwrap_or_default();
            let mut variables = environment.split(|byte| *byte == 0);
            variables.any(|variable| variable == wanted.as_bytes())
        };
        paths.filter(|path| has_mark(path)).collect()
    }
}

async fn as_worker(path: PathBuf) -> Vec<CaseResult> {
    let program = worker::Program {
        path,
        arguments: Vec::new(),
    };
    let run = worker::run(&program, SHORT, |_| true, |_| {});
    let results = tokio::time::timeout(HANG, run).await;
    results
        .expect("the kit hangs")
        .expect("the program can be started")
}

async fn as_host(path: PathBuf) -> Vec<CaseResult> {
    let program = host::Program {
        path,
        arguments: Vec::new(),
        body: vec![example("body").into()],
    };
    let run = host::run(&program, SHORT, |_| true, |_| {});
    let results = tokio::time::timeout(HANG, run).await;
    results
        .expect("the kit hangs")
        .expect("the program can be started")
}

/// All cases have run, and what was waited for in vain is named.
fn assert_found_out(results: &[CaseResult], cases: usize) {
    assert_eq!(results.len(), cases);
    let complaints = complaints(results);
    assert!(complaints.len() > 10, "only {complaints:?}");
    for (case, requirement, finding) in complaints {
        let named =
            Requirement::find(requirement).is_some() || requirement.starts_with("section 9.");
        assert!(named, "{case}: {finding}");
    }
    let passed = results
        .iter()
        .filter(|result| *result.verdict() == Verdict::Pass);
    assert!(passed.count() * 4 < cases, "most of it cannot be right");
}

async fn tried_as_worker(body: &str) {
    let script = Script::new(body);
    let results = as_worker(script.path()).await;
    assert_found_out(&results, worker::catalogue().len());
    assert_eq!(script.left_over(), Vec::<PathBuf>::new());
}

async fn tried_as_host(body: &str) {
    let script = Script::new(body);
    let results = as_host(script.path()).await;
    assert_found_out(&results, host::catalogue().len());
    assert_eq!(script.left_over(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn with_a_worker_that_says_everything_back() {
    tried_as_worker("exec cat <&0 >&0").await;
}

#[tokio::test]
async fn with_a_worker_that_ends_at_once() {
    tried_as_worker("exit 0").await;
}

#[tokio::test]
async fn with_a_worker_that_does_nothing() {
    tried_as_worker("exec sleep 600").await;
}

#[tokio::test]
async fn with_a_worker_that_ignores_signals_and_starts_others() {
    tried_as_worker("trap '' TERM INT HUP\nsleep 600 &\nsleep 600\nsleep 600").await;
}

#[tokio::test]
async fn with_a_worker_that_writes_garbage_for_ever() {
    tried_as_worker("exec yes >&0").await;
}

#[tokio::test]
async fn with_a_worker_that_prints_for_ever() {
    tried_as_worker("yes >&2 &\nexec yes").await;
}

#[tokio::test]
async fn with_a_host_that_ends_at_once() {
    tried_as_host("exit 0").await;
}

#[tokio::test]
async fn with_a_host_that_does_nothing() {
    tried_as_host("exec sleep 600").await;
}

#[tokio::test]
async fn with_a_host_that_says_everything_back() {
    tried_as_host("exec cat").await;
}

#[tokio::test]
async fn with_a_host_that_prints_for_ever() {
    tried_as_host("yes >&2 &\nexec yes").await;
}

#[tokio::test]
async fn with_a_host_that_prints_one_line_for_ever() {
    tried_as_host("cat /dev/zero >&2 &\nexec cat /dev/zero").await;
}

#[tokio::test]
async fn with_a_host_that_says_what_it_may_say_for_ever() {
    let text = "x".repeat(10_000);
    let line = format!(r#"{{"log":"{text}","stream":"stdout"}}"#);
    tried_as_host(&format!("exec yes '{line}'")).await;
    let peak = peak();
    assert!(peak < 2 << 30, "the kit has taken {peak} bytes");
}

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the system tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes
        .expect("it is a number of kilobytes")
        .parse()
        .expect("it is a number");
    kilobytes * 1024
}

#[tokio::test]
async fn with_a_program_that_is_not_there() {
    let program = worker::Program {
        path: "/no/such/program".into(),
        arguments: Vec::new(),
    };
    let result = worker::run(&program, SHORT, |_| true, |_| {}).await;
    assert!(matches!(result, Err(worker::NotTested::NotStarted { .. })));
}
