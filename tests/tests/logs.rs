//! What a worker says reaches the host's `tracing` subscriber and the worker's crash report; what it
//! was started with does not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use greenroom::{CrashReport, Job, Process, Worker, WorkerPolicy};
use greenroom_tests::{job, job_with, within};
use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// One `tracing` event of this host.
#[derive(Clone, Debug)]
struct Seen {
    level: Level,
    target: String,
    fields: BTreeMap<&'static str, String>,
}

impl Seen {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    fn message(&self) -> &str {
        self.field("message")
    }
}

impl Visit for Seen {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

struct Recorder;

static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());
static NEWS: LazyLock<watch::Sender<()>> = LazyLock::new(|| watch::channel(()).0);

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut seen = Seen {
            level: *event.metadata().level(),
            target: event.metadata().target().to_owned(),
            fields: BTreeMap::new(),
        };
        event.record(&mut seen);
        SEEN.lock().unwrap().push(seen);
        NEWS.send_replace(());
    }
}

/// Records what every thread says from now on, at all levels. The tests run at the same time: each
/// looks for its own process.
fn record() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let subscriber = tracing_subscriber::registry().with(Recorder);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

fn puppet() -> Worker {
    Worker::command(env!("CARGO_BIN_EXE_puppet"))
}

/// Waits until somebody says that.
async fn heard(message: &str) -> Seen {
    let mut news = NEWS.subscribe();
    loop {
        let said = |seen: &&Seen| seen.message() == message;
        let found = SEEN.lock().unwrap().iter().find(said).cloned();
        if let Some(seen) = found {
            return seen;
        }
        within(20, news.changed()).await.unwrap();
    }
}

/// Runs these jobs in one worker and closes it; its report, and what was said with its pid.
async fn told(worker: Worker, jobs: Vec<Job>) -> (Arc<CrashReport>, Vec<Seen>) {
    record();
    let mut process = Process::new(&worker, WorkerPolicy::default()).unwrap();
    within(20, process.start()).await.unwrap();
    within(20, process.initialize()).await.unwrap();
    for job in jobs {
        let handle = within(20, process.launch(job)).await.unwrap();
        // How it ends is not what is looked at here.
        let _ = within(20, handle.output()).await;
    }
    let report = within(20, process.close()).await.unwrap();
    let pid = report.pid.unwrap().to_string();
    let seen = SEEN.lock().unwrap().clone();
    let of_the_worker =
        |seen: &Seen| seen.target == "greenroom::worker" && seen.field("pid") == pid;
    (report, seen.into_iter().filter(of_the_worker).collect())
}

fn find<'a>(seen: &'a [Seen], message: &str) -> &'a Seen {
    let found: Vec<_> = seen
        .iter()
        .filter(|seen| seen.message() == message)
        .collect();
    assert_eq!(found.len(), 1, "{message:?} came {} times", found.len());
    found[0]
}

#[tokio::test]
async fn tracing_events_and_log_records_keep_their_level_origin_and_fields() {
    let worker = puppet().log_filter("trace");
    let (report, seen) = told(worker, vec![job_with("log", "tea")]).await;
    for (words, level) in [
        ("tea as an error", Level::ERROR),
        ("tea as a warning", Level::WARN),
        ("tea as information", Level::INFO),
        ("tea for debugging", Level::DEBUG),
        ("tea as a trace", Level::TRACE),
    ] {
        let event = find(&seen, words);
        assert_eq!(event.level, level);
        assert_eq!(event.field("from"), "puppet");
        assert!(event.field("fields").contains("\"number\":7"), "{event:?}");
        assert_eq!(event.field("worker"), "0.0");
    }
    assert_eq!(find(&seen, "tea as a log record").level, Level::WARN);
    assert_eq!(find(&seen, "tea as a log record").field("from"), "puppet");
    assert!(
        report
            .last_lines
            .iter()
            .any(|line| line == "tea as a log record")
    );
}

#[tokio::test]
async fn what_is_said_during_a_job_names_it() {
    record();
    let mut process = Process::new(&puppet(), WorkerPolicy::default()).unwrap();
    within(20, process.start()).await.unwrap();
    within(20, process.initialize()).await.unwrap();
    let job = job_with("log", "coffee")
        .metadata("wait", "1")
        .id("the coffee job");
    let handle = within(20, process.launch(job)).await.unwrap();
    let seen = heard("coffee as a log record").await;
    assert_eq!(seen.field("jobs"), "[\"the coffee job\"]");
    handle.cancel();
    within(20, handle.output()).await.unwrap();
    within(20, process.close()).await.unwrap();
}

#[tokio::test]
async fn only_what_the_filter_lets_through_is_sent() {
    let (_, seen) = told(puppet(), vec![job_with("log", "by default")]).await;
    find(&seen, "by default as information");
    assert!(
        seen.iter()
            .all(|seen| seen.message() != "by default for debugging")
    );

    let strict = puppet().log_filter("warn");
    let (_, seen) = told(strict, vec![job_with("log", "strictly")]).await;
    find(&seen, "strictly as a warning");
    find(&seen, "strictly as a log record");
    assert!(
        seen.iter()
            .all(|seen| seen.message() != "strictly as information")
    );

    let precise = puppet().log_filter("error,puppet=debug");
    let (_, seen) = told(precise, vec![job_with("log", "precisely")]).await;
    find(&seen, "precisely for debugging");
    assert!(
        seen.iter()
            .all(|seen| seen.message() != "precisely as a trace")
    );
}

#[tokio::test]
async fn plain_lines_of_both_streams_arrive_as_they_are() {
    let jobs = ["stdout", "stderr"].map(|stream| {
        job_with("print", format!("{{\"half\": a line on {stream}"))
            .metadata("to", stream)
            .metadata("lines", "3")
    });
    let (report, seen) = told(puppet(), jobs.into()).await;
    for (stream, from) in [("stdout", "Stdout"), ("stderr", "Stderr")] {
        for number in 0..3 {
            let line = format!("{{\"half\": a line on {stream} {number}");
            let event = find(&seen, &line);
            assert_eq!(event.level, Level::INFO);
            assert_eq!(event.field("from"), from);
            assert!(report.last_lines.contains(&line));
        }
    }
}

#[tokio::test]
async fn lines_that_are_not_utf8_or_very_long_are_kept_as_far_as_they_go() {
    let long = "long ".repeat(50_000);
    let jobs = vec![
        job_with("print", long.clone()),
        job_with("print", "after it"),
    ];
    let (report, seen) = told(puppet(), jobs).await;
    let cut: Vec<_> = seen
        .iter()
        .filter(|seen| seen.message().starts_with("long"))
        .collect();
    assert_eq!(cut.len(), 1, "it is one line");
    assert_eq!(cut[0].message(), &long[..64 << 10]);
    find(&seen, "after it 0");
    assert!(report.last_lines.iter().all(|line| line.len() <= 1 << 10));
}

#[tokio::test]
async fn a_flood_of_lines_is_dropped_counted_and_remembered_at_its_end() {
    let flood = job_with("print", "water").metadata("lines", "20000");
    let (report, seen) = told(puppet(), vec![flood]).await;
    let arrived = seen
        .iter()
        .filter(|seen| seen.message().starts_with("water"))
        .count();
    assert!(arrived < 20_000);
    assert!(report.dropped_lines > 0);
    assert_eq!(arrived as u64 + report.dropped_lines, 20_000);
    assert_eq!(report.last_lines.len(), 50);
    assert_eq!(report.last_lines[49], "water 19999");
}

#[tokio::test]
async fn everything_that_was_said_arrives_even_if_the_worker_ends_at_once() {
    let words = |stream| {
        job_with("print", "hurry")
            .metadata("lines", "400")
            .metadata("to", stream)
    };
    let jobs = vec![words("stdout"), words("stderr"), job("exit")];
    let (report, seen) = told(puppet(), jobs).await;
    for number in 0..400 {
        let line = format!("hurry {number}");
        let times = seen.iter().filter(|seen| seen.message() == line).count();
        assert_eq!(times, 2, "{line}");
    }
    assert_eq!(report.dropped_lines, 0);
}

#[tokio::test]
async fn the_last_words_before_a_death_are_in_the_report() {
    let jobs = vec![
        job_with("print", "on paper"),
        job_with("log", "in the book"),
        job("abort"),
    ];
    let (report, seen) = told(puppet(), jobs).await;
    assert!(report.last_lines.iter().any(|line| line == "on paper 0"));
    assert!(
        report
            .last_lines
            .iter()
            .any(|line| line == "in the book as an error")
    );
    find(&seen, "in the book as an error");

    let (report, seen) = told(puppet(), vec![job_with("panic", "oh dear")]).await;
    assert!(
        report
            .last_lines
            .iter()
            .any(|line| line.contains("oh dear")),
        "{report:?}"
    );
    assert!(
        seen.iter()
            .any(|seen| seen.message().contains("oh dear") && seen.level == Level::ERROR)
    );
}

#[tokio::test]
async fn arguments_environment_and_input_appear_nowhere() {
    let secrets = [
        "argument-4711",
        "variable-4711",
        "user-4711",
        "input-4711",
        "metadata-4711",
    ];
    let [argument, variable, user, input, metadata] = secrets;
    let worker = puppet()
        .args(["--ignored", argument])
        .env("PUPPET_SECRET", variable)
        .user_arguments(user)
        .log_filter("trace");
    let jobs = vec![
        job_with("echo", input).metadata("key", metadata),
        job_with("block", input).metadata("key", metadata),
        job_with("exit", input).metadata("code", "3"),
    ];
    let described = format!("{worker:?}");
    let (report, _) = told(worker, jobs).await;
    let said = format!("{:?}", SEEN.lock().unwrap());
    let report = format!("{report:?} {report}");
    for secret in secrets {
        for (text, place) in [
            (&described, "Debug"),
            (&said, "an event"),
            (&report, "the report"),
        ] {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
}

#[tokio::test]
async fn a_worker_sees_only_the_environment_that_it_was_given() {
    let worker = puppet().env("PUPPET_OWN", "1");
    let mut process = Process::new(&worker, WorkerPolicy::default()).unwrap();
    within(20, process.start()).await.unwrap();
    within(20, process.initialize()).await.unwrap();
    let handle = within(20, process.launch(job("describe"))).await.unwrap();
    let output = within(20, handle.output()).await.unwrap();
    let output = String::from_utf8(output.to_vec()).unwrap();
    let names: Vec<_> = output
        .lines()
        .filter_map(|line| line.strip_prefix("env.")?.strip_suffix('='))
        .collect();
    assert!(names.contains(&"PUPPET_OWN"));
    // Cargo has set this one for the host.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let allowed = [
        "PATH",
        "HOME",
        "LANG",
        "TZ",
        "TMPDIR",
        "PUPPET_OWN",
        "GREENROOM_WORKER",
        "GREENROOM_HOST_PID",
    ];
    for name in names {
        assert!(allowed.contains(&name), "{name} was handed down");
    }
    within(20, process.close()).await.unwrap();
}
