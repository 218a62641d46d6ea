//! Every state of a worker against everything that can happen to it, as one table to be read.
//!
//! The table and the diagram are snapshots: a change of behaviour shows as a changed line.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sim;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use bytes::Bytes;
use greenroom_protocol::{
    CallRequest, Capabilities, DeadlineKind, DecodeError, ExtendDeadline, FailureKind, FrameError,
    HostMessage, InitializeCode, InitializeError, InitializeResponse, JobFailure, JobFinished,
    Limits, MessageType, Retire, ShutdownReason, ShuttingDown, WorkerMessage,
};
use greenroom_supervision::worker::{Action, Hello, Malformed, Notice, State};
use greenroom_supervision::{
    ExitStatus, JobOutcome, JobUpdate, SpawnFailure, Time, Worker, WorkerPolicy,
};
use sim::{
    KILLED, PID, accepted, cancelled, exiting, finished, job, ms, output, pong, ready, secs,
    stack_dump,
};

const MB: u64 = 1_000_000;

/// One thing that can happen, by its name in the table.
type Event = (&'static str, Box<dyn Fn(&mut Worker, Time)>);

fn event(name: &'static str, happen: impl Fn(&mut Worker, Time) + 'static) -> Event {
    (name, Box::new(happen))
}

fn said(name: &'static str, message: WorkerMessage) -> Event {
    event(name, move |worker, now| {
        worker.handle_message(now, message.clone());
    })
}

fn facts() -> Vec<Event> {
    let exit = |name, status| event(name, move |w: &mut Worker, now| w.handle_exit(now, status));
    let memory = |name, rss| event(name, move |w: &mut Worker, now| w.handle_memory(now, rss));
    let malformed = |name, error: Malformed| {
        event(name, move |w: &mut Worker, now| {
            w.handle_malformed(now, &error);
        })
    };
    let failure = SpawnFailure {
        step: "run w".into(),
        errno: Some(2),
        message: "no such file".into(),
        permanent: true,
    };
    let truncated = FrameError::Truncated { have: 3, need: 6 };
    let oversize = FrameError::TooLarge { length: 9, max: 8 };
    let wrong_way = DecodeError::WrongDirection(MessageType::PING);
    vec![
        event("spawned", |w, now| w.handle_spawned(now, PID)),
        event("spawn failed", move |w, now| {
            w.handle_spawn_failed(now, failure.clone());
        }),
        event("disconnected", |w, now| w.handle_disconnected(now)),
        malformed("frame cut short", truncated.into()),
        malformed("frame too large", oversize.into()),
        malformed("message of a host", wrong_way.into()),
        exit("exit code 0", ExitStatus::Code(0)),
        exit("exit code 1", ExitStatus::Code(1)),
        exit("exit by SIGKILL", KILLED),
        exit("exit out of memory", ExitStatus::OutOfMemory),
        memory("memory: nothing", 0),
        memory("memory: little", 20 * MB),
        memory("memory: above warn", 600 * MB),
        memory("memory: above limit", 900 * MB),
        event("call served", |w, now| {
            w.handle_call_result(now, 1, Ok(Bytes::new()));
        }),
        event("early wake-up", |w, now| w.handle_timeout(now)),
    ]
}

fn messages() -> Vec<Event> {
    let refused = InitializeResponse {
        error: Some(InitializeError {
            code: InitializeCode::FAILED,
            message: "no model".into(),
        }),
        ..ready()
    };
    let extend = |which, job| {
        WorkerMessage::ExtendDeadline(ExtendDeadline {
            which,
            job,
            extra_ms: 3_000,
        })
    };
    let failed = JobFinished {
        job: 1,
        cancelled: false,
        failure: Some(JobFailure {
            kind: FailureKind::ERROR,
            message: "no".into(),
            retryable: false,
        }),
    };
    let call = CallRequest {
        call: 2,
        method: "m".into(),
    };
    let window = Limits::default().output_window as usize;
    let events = [
        (
            "response: ready",
            WorkerMessage::InitializeResponse(ready()),
        ),
        (
            "response: refused",
            WorkerMessage::InitializeResponse(refused),
        ),
        ("pong", pong(0)),
        ("pong for no ping", pong(9)),
        (
            "shutting down",
            WorkerMessage::ShuttingDown(ShuttingDown { jobs: 0 }),
        ),
        ("exiting", exiting("bye")),
        ("extend initialize", extend(DeadlineKind::INITIALIZE, 0)),
        ("extend job", extend(DeadlineKind::JOB, 1)),
        ("extend close", extend(DeadlineKind::CLOSE, 0)),
        (
            "retire",
            WorkerMessage::Retire(Retire {
                reason: "old".into(),
            }),
        ),
        ("accepted", accepted(1)),
        ("output", output(1, Bytes::from_static(b"x"))),
        (
            "output past window",
            output(1, Bytes::from(vec![0; window + 1])),
        ),
        ("finished: ok", finished(1)),
        ("finished: cancelled", cancelled(1)),
        (
            "finished: failed",
            WorkerMessage::JobFinished(failed, Bytes::new()),
        ),
        ("call", WorkerMessage::CallRequest(call, Bytes::new())),
        ("stack dump", stack_dump("main")),
    ];
    let kinds: BTreeSet<_> = events.iter().map(|(_, message)| number(message)).collect();
    assert_eq!(kinds.len(), 11, "each message is in the table");
    events
        .into_iter()
        .map(|(name, message)| said(name, message))
        .collect()
}

/// A new message does not compile here until it has a number, and then fails until it is listed.
fn number(message: &WorkerMessage) -> u8 {
    match message {
        WorkerMessage::InitializeResponse(_) => 0,
        WorkerMessage::Pong(_) => 1,
        WorkerMessage::ShuttingDown(_) => 2,
        WorkerMessage::Exiting(_) => 3,
        WorkerMessage::ExtendDeadline(_) => 4,
        WorkerMessage::Retire(_) => 5,
        WorkerMessage::JobAccepted(_) => 6,
        WorkerMessage::JobOutput(..) => 7,
        WorkerMessage::JobFinished(..) => 8,
        WorkerMessage::CallRequest(..) => 9,
        WorkerMessage::StackDump(_) => 10,
    }
}

fn commands() -> Vec<Event> {
    vec![
        event("launch", |w, now| drop(w.launch(now, job(Some(secs(1)))))),
        event("cancel", |w, now| w.cancel(now, 1)),
        event("grant", |w, now| w.grant(now, 1, u64::MAX)),
        event("close", |w, now| w.close(now, ShutdownReason::REQUESTED)),
        event("kill", |w, now| w.kill(now, "operator")),
    ]
}

/// Each state, in every variety that makes a difference, and the way there.
fn situations() -> Vec<(&'static str, Worker)> {
    let policy = WorkerPolicy {
        initialize_timeout: secs(4),
        close_timeout: secs(4),
        ping_interval: secs(2),
        ping_timeout: secs(5),
        cancel_grace: secs(1),
        max_extension: secs(2),
        memory_warn: Some(500 * MB),
        memory_limit: Some(800 * MB),
        ..WorkerPolicy::default()
    };
    let new = || Worker::new(policy.clone(), Hello::default(), Time::ZERO);
    let after = |worker: &Worker, then: &dyn Fn(&mut Worker)| {
        let mut worker = worker.clone();
        then(&mut worker);
        while worker.poll_action().is_some() {}
        worker
    };
    let now = Time::ZERO;
    let response = |capabilities| {
        WorkerMessage::InitializeResponse(InitializeResponse {
            slots: 2,
            capabilities,
            ..ready()
        })
    };

    let starting = new();
    let cancelled_start = after(&starting, &|w| w.kill(now, "operator"));
    let initializing = after(&starting, &|w| w.handle_spawned(now, PID));
    let refused = after(&initializing, &|w| {
        let error = Some(InitializeError {
            code: InitializeCode::FAILED,
            message: "no model".into(),
        });
        let response = InitializeResponse { error, ..ready() };
        w.handle_message(now, WorkerMessage::InitializeResponse(response));
    });
    // Its first ping is under way.
    let idle = after(&initializing, &|w| {
        w.handle_message(now, response(Capabilities::default()));
        w.handle_timeout(now);
    });
    let telling = after(&initializing, &|w| {
        w.handle_message(now, response(Capabilities::STACK_DUMP));
        w.handle_timeout(now);
    });
    let sent = after(&idle, &|w| drop(w.launch(now, job(Some(secs(1))))));
    let busy = after(&sent, &|w| {
        w.handle_message(now, accepted(1));
        w.handle_message(now, output(1, Bytes::from(vec![0; 1 << 20])));
        let call = CallRequest {
            call: 1,
            method: "m".into(),
        };
        w.handle_message(now, WorkerMessage::CallRequest(call, Bytes::new()));
    });
    let told = after(&busy, &|w| w.cancel(now, 1));
    let retiring = after(&idle, &|w| {
        let reason = "old".into();
        w.handle_message(now, WorkerMessage::Retire(Retire { reason }));
    });
    let asked = after(&busy, &|w| w.close(now, ShutdownReason::REQUESTED));
    let leaving = after(&idle, &|w| w.handle_message(now, exiting("bye")));
    let gone = after(&busy, &|w| w.handle_disconnected(now));
    let killed = after(&busy, &|w| w.kill(now, "operator"));
    let exited = after(&busy, &|w| w.handle_exit(now, ExitStatus::Code(1)));
    vec![
        ("starting", starting),
        ("initializing", initializing),
        ("ready, idle", idle),
        ("ready, can dump its stacks", telling),
        ("ready, job sent", sent),
        ("ready, job accepted", busy),
        ("ready, job told to stop", told),
        ("ready, wants to retire", retiring),
        ("closing, asked to, with a job", asked),
        ("closing, says that it leaves", leaving),
        ("closing, refused to work", refused),
        ("closing, disconnected with a job", gone),
        ("killing, not spawned", cancelled_start),
        ("killing, with a job", killed),
        ("exited", exited),
    ]
}

// ---- actions in short

fn brief(action: &Action) -> String {
    match action {
        Action::Send(message) => format!("send {}", brief_message(message)),
        Action::Kill => "KILL".into(),
        Action::SampleMemory => "sample memory".into(),
        Action::Call { call, .. } => format!("serve call {call}"),
        Action::Job(number, update) => format!("job {number} {}", brief_update(update)),
        Action::Notice(notice) => format!("notice {}", brief_notice(notice)),
        Action::Exited(report) => format!("EXITED ({})", report.reason),
    }
}

fn brief_message(message: &HostMessage) -> String {
    match message {
        HostMessage::Ping(ping) => format!("Ping {}", ping.seq),
        HostMessage::CancelJob(cancel) => format!("CancelJob ({:?})", cancel.reason),
        HostMessage::CallResponse(response, _) => match &response.error {
            None => format!("CallResponse {}", response.call),
            Some(error) => format!("CallResponse {} ({error})", response.call),
        },
        other => other.kind().to_string(),
    }
}

fn brief_update(update: &JobUpdate) -> String {
    match update {
        JobUpdate::Accepted => "accepted".into(),
        JobUpdate::Output(data) => format!("output of {}", data.len()),
        JobUpdate::Finished(outcome) => match outcome {
            JobOutcome::Ok(_) => "ok".into(),
            JobOutcome::Failed(failure) => format!("failed ({})", failure.message),
            JobOutcome::Cancelled => "cancelled".into(),
            JobOutcome::DeadlineExceeded { deadline } => format!("out of time ({deadline:?})"),
            JobOutcome::Lost { accepted: true, .. } => "lost".into(),
            JobOutcome::Lost { .. } => "lost before it began".into(),
        },
    }
}

fn brief_notice(notice: &Notice) -> String {
    match notice {
        Notice::Started { .. } => "started".into(),
        Notice::Ready { slots, .. } => format!("ready for {slots}"),
        Notice::HighPing { rtt } => format!("high ping {rtt:?}"),
        Notice::HighMemory { .. } => "high memory".into(),
        Notice::Outgrown { .. } => "outgrown".into(),
        Notice::Retiring { .. } => "retiring".into(),
        Notice::DeadlineExtended { granted, .. } => format!("extended by {granted:?}"),
        Notice::CallRefused { .. } => "call refused".into(),
        Notice::Disconnected => "disconnected".into(),
        Notice::KillOverdue { since } => format!("kill overdue {since:?}"),
    }
}

fn actions(worker: &mut Worker) -> String {
    let seen: Vec<_> = std::iter::from_fn(|| worker.poll_action()).collect();
    if seen.is_empty() {
        "-".into()
    } else {
        seen.iter().map(brief).collect::<Vec<_>>().join(", ")
    }
}

// ---- the table

struct Row {
    event: String,
    from: State,
    to: State,
    actions: String,
}

/// What its exit report would say if it ended now.
fn reason_of_end(worker: &Worker) -> String {
    let mut worker = worker.clone();
    worker.handle_exit(Time::ZERO, KILLED);
    let mut said = std::iter::from_fn(|| worker.poll_action());
    let report = said.find_map(|action| match action {
        Action::Exited(report) => Some(report),
        _ => None,
    });
    report.unwrap().reason.to_string()
}

fn row(event: String, from: State, worker: &mut Worker) -> Row {
    let to = worker.state();
    let mut actions = actions(worker);
    if from != to && to == State::Killing {
        write!(actions, " ({})", reason_of_end(worker)).unwrap();
    }
    Row {
        event,
        from,
        to,
        actions,
    }
}

/// One row for each event, and then one for each deadline when nothing else happens.
fn rows(situation: &Worker, events: &[Event]) -> Vec<Row> {
    let from = situation.state();
    let mut rows = Vec::new();
    for (name, happen) in events {
        let mut worker = situation.clone();
        happen(&mut worker, Time::ZERO);
        rows.push(row((*name).to_owned(), from, &mut worker));
    }
    let mut worker = situation.clone();
    while let Some(due) = worker.poll_timeout() {
        let from = worker.state();
        worker.handle_timeout(due);
        let event = format!("after {:?}", due.since_origin());
        rows.push(row(event, from, &mut worker));
    }
    rows
}

fn all_events() -> Vec<Event> {
    [facts(), messages(), commands()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn every_state_against_every_event() {
    let events = all_events();
    let mut table = String::new();
    for (name, situation) in situations() {
        writeln!(table, "# {name}").unwrap();
        for row in rows(&situation, &events) {
            let Row {
                event,
                from,
                to,
                actions,
            } = row;
            let to = if from == to {
                String::new()
            } else {
                format!("→ {to}")
            };
            writeln!(table, "{event:<20} {to:<14} {actions}").unwrap();
        }
        table.push('\n');
    }
    insta::assert_snapshot!("states_and_events", table);
}

#[test]
fn the_diagram_of_the_states() {
    let events = all_events();
    let mut edges: BTreeMap<(State, State), Vec<String>> = BTreeMap::new();
    for (_, situation) in situations() {
        for row in rows(&situation, &events) {
            let label = if row.event.starts_with("after") {
                "timeout".into()
            } else {
                row.event
            };
            let labels = edges.entry((row.from, row.to)).or_default();
            if row.from != row.to && !labels.contains(&label) {
                labels.push(label);
            }
        }
    }
    let mut dot = String::from("digraph worker {\n  node [shape=box, style=rounded];\n");
    for ((from, to), labels) in &edges {
        assert!(from <= to, "a life never goes back: {from} to {to}");
        if from != to {
            let label = labels.join("\\n");
            writeln!(dot, "  {from} -> {to} [label=\"{label}\"];").unwrap();
        }
    }
    dot.push_str("}\n");
    let seen: BTreeSet<_> = edges.keys().map(|(from, _)| *from).collect();
    assert_eq!(seen.len(), 6, "each state is in the diagram");
    insta::assert_snapshot!("diagram", dot);
}

// ---- the same for readers of the protocol, in fewer words

/// Set to anything, it lets the test write the diagrams into the text.
const WRITE: &str = "GREENROOM_WRITE_DIAGRAMS";
const BEGIN: &str = "<!-- state diagram: generated -->\n";
const END: &str = "<!-- end of the state diagram -->\n";

#[test]
fn the_diagrams_in_the_text_of_the_protocol() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto-spec/README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the text has the first mark");
    let (found, after) = rest.split_once(END).expect("the text has the second mark");
    let diagrams = format!(
        "\n{}\n{}\n",
        mermaid(&life_of_a_worker()),
        mermaid(&life_of_a_job())
    );
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(path, [before, BEGIN, &diagrams, END, after].concat()).unwrap();
        return;
    }
    assert_eq!(
        found, diagrams,
        "the table has changed: run this test with {WRITE}=1 and look at what it has written"
    );
}

/// What leads from one state to another, in the order of a life.
type Arrows = Vec<((String, String), Vec<String>)>;

fn mermaid(arrows: &Arrows) -> String {
    let mut text = String::from("```mermaid\nstateDiagram-v2\n");
    for ((from, to), labels) in arrows {
        writeln!(text, "    {from} --> {to}: {}", labels.join("<br>")).unwrap();
    }
    text.push_str("```\n");
    text
}

fn add_arrow(arrows: &mut Arrows, from: &str, to: &str, label: &str) {
    // A colon begins the label, and a blank ends a name.
    let name = |state: &str| state.replace(' ', "_");
    let ends = (name(from), name(to));
    let known = arrows.iter().position(|(known, _)| *known == ends);
    let at = known.unwrap_or_else(|| {
        arrows.push((ends, Vec::new()));
        arrows.len() - 1
    });
    let labels = &mut arrows[at].1;
    if !labels.iter().any(|known| known == label) {
        labels.push(label.to_owned());
    }
}

fn life_of_a_worker() -> Arrows {
    let events = all_events();
    let mut arrows = Arrows::new();
    add_arrow(&mut arrows, "[*]", &State::Starting.to_string(), "start");
    for (_, situation) in situations() {
        for row in rows(&situation, &events) {
            let Row { from, to, .. } = row;
            if from != to {
                add_arrow(
                    &mut arrows,
                    &from.to_string(),
                    &to.to_string(),
                    in_short(&row),
                );
            }
        }
    }
    add_arrow(&mut arrows, &State::Exited.to_string(), "[*]", "report");
    arrows
}

/// An event by what it means to whoever reads the protocol: many of the table are one here.
fn in_short(row: &Row) -> &'static str {
    match (row.event.as_str(), row.to) {
        ("spawned", _) => "spawned",
        ("spawn failed", _) => "cannot be spawned",
        ("response: ready", State::Ready) => "InitializeResponse",
        ("response: refused", State::Closing) => "InitializeResponse with an error",
        ("disconnected" | "frame cut short", State::Closing) => "end of the stream",
        ("exiting", State::Closing) => "Exiting",
        ("close", State::Closing) => "Shutdown is sent",
        ("close" | "kill", _) => "killed on request",
        ("memory: above limit", _) => "above its memory limit",
        (event, _) if event.starts_with("exit ") => "the process is gone",
        (event, _) if event.starts_with("after ") => "a deadline",
        // No other frame or message kills.
        (_, State::Killing) => "any violation",
        (other, to) => panic!("{other}, which leads to {to}, has no short name"),
    }
}

fn life_of_a_job() -> Arrows {
    let events = all_events();
    let mut arrows = Arrows::new();
    for (name, situation) in situations() {
        let Some(state) = job_in(name) else {
            continue;
        };
        // The rows of the deadlines follow one another, each from where the last one led.
        let mut state = state;
        for row in rows(&situation, &events) {
            let Some((to, label)) = step_of_job(&row) else {
                continue;
            };
            // A second job is no step of the first.
            if (state == "[*]") == (to == "sent") {
                add_arrow(&mut arrows, state, to, label);
                if row.event.starts_with("after ") {
                    state = to;
                }
            }
        }
    }
    assert!(
        ["sent", "accepted", "told_to_stop"].iter().all(|state| {
            let mut from = arrows.iter().map(|((from, _), _)| from);
            from.any(|from| from == state)
        }),
        "each state of a job is in the diagram"
    );
    arrows
}

/// What the situation's job is doing; one that is idle is where a job begins.
fn job_in(situation: &str) -> Option<&'static str> {
    match situation {
        "ready, idle" => Some("[*]"),
        "ready, job sent" => Some("sent"),
        "ready, job accepted" => Some("accepted"),
        "ready, job told to stop" => Some("told to stop"),
        _ => None,
    }
}

/// Where a row leads the job, and by what.
fn step_of_job(row: &Row) -> Option<(&'static str, &'static str)> {
    let label = match row.event.as_str() {
        "launch" => "StartJob",
        "accepted" => "JobAccepted",
        "cancel" => "CancelJob (requested)",
        "finished: ok" => "JobFinished",
        "finished: cancelled" => "JobFinished, cancelled",
        "finished: failed" => "JobFinished, failed",
        event if event.starts_with("exit ") => "the worker dies",
        event if event.starts_with("after ") && row.actions.contains("CancelJob (deadline)") => {
            "CancelJob (deadline)"
        }
        event if event.starts_with("after ") => "does not stop, the worker is killed",
        _ => return None,
    };
    // In the order of how final they are: an exit is listed with the job's end before it.
    let ends = [
        ("job 1 ok", "ok"),
        ("job 1 failed", "failed"),
        ("job 1 cancelled", "cancelled"),
        ("job 1 out of time", "out of time"),
        ("job 1 lost", "lost"),
        ("job 1 accepted", "accepted"),
        ("send CancelJob", "told to stop"),
        ("send StartJob", "sent"),
    ];
    let found = ends.iter().find(|(said, _)| row.actions.contains(said));
    found.map(|(_, to)| (*to, label))
}

#[test]
fn the_dead_do_nothing() {
    let (_, mut exited) = situations().pop().unwrap();
    for (name, happen) in all_events() {
        happen(&mut exited, Time::ZERO + ms(1));
        assert_eq!(actions(&mut exited), "-", "{name}");
        assert_eq!(exited.poll_timeout(), None);
    }
}
