//! What a worker's life comes to, told in simulated time.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sim;

use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{
    CallRequest, CancelReason, Capabilities, DeadlineKind, DecodeError, ExtendDeadline, Extension,
    FrameError, HostMessage, InitializeResponse, Limits, MessageType, Pair, Retire, ShuttingDown,
    WorkerMessage,
};
use greenroom_supervision::exit::InitializePhase;
use greenroom_supervision::worker::{
    Action, DISCONNECT_GRACE, KILL_OVERDUE, LaunchRefused, Malformed, Notice, STACKS_WITHIN, State,
};
use greenroom_supervision::{
    ExitReason, ExitStatus, JobOutcome, JobUpdate, SpawnFailure, WorkerPolicy,
};
use sim::{
    Child, Fact, KILLED, PID, Sim, accepted, at, cancelled, exiting, finished, job, job_with, ms,
    output, pong, ready, secs, stack_dump,
};

const MB: u64 = 1_000_000;

fn policy() -> WorkerPolicy {
    WorkerPolicy::default()
}

fn by(text: &str) -> ExitReason {
    ExitReason::Requested { by: text.into() }
}

fn lost(reason: ExitReason, accepted: bool) -> JobOutcome {
    JobOutcome::Lost { reason, accepted }
}

// ---- a good life

#[test]
fn a_healthy_worker_starts_works_and_leaves() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    sim.launch(None);
    sim.run_until(at(secs(5)));
    sim.close();
    let report = sim.run_to_exit();
    assert_eq!(report.reason, ExitReason::Clean);
    assert_eq!(report.status, Some(ExitStatus::Code(0)));
    assert_eq!(report.pid, Some(PID));
    assert_eq!(report.farewell.as_deref(), Some("asked to"));
    assert_eq!(report.peak_memory, 20 * MB);
    assert_eq!(
        report.journey,
        [
            (State::Starting, ms(1)),
            (State::Initializing, ms(99)),
            (State::Ready, ms(4_900)),
            (State::Closing, ms(21)),
        ]
    );
    assert_eq!(
        sim.updates(),
        [
            (1, JobUpdate::Accepted),
            (1, JobUpdate::Finished(JobOutcome::Ok(Bytes::new()))),
        ]
    );
    assert_eq!(sim.kills(), []);
}

#[test]
fn an_idle_worker_that_answers_lives_for_a_day() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    sim.run_until(at(secs(86_400)));
    assert_eq!(sim.worker.state(), State::Ready);
    let on_grid = 86_400 * 2 / 5;
    let at_once = 1;
    assert_eq!(sim.pings().len(), on_grid + at_once, "one ping each 2.5 s");
    assert_eq!(sim.notices().len(), 2, "started and ready, nothing else");
}

// ---- getting ready

#[test]
fn a_spawn_that_takes_too_long_is_given_up_and_killed_once_it_is_there() {
    let child = Child {
        spawns: Some(secs(15)),
        ..Child::healthy()
    };
    let mut sim = Sim::new(child, policy());
    let report = sim.run_to_exit();
    let reason = ExitReason::InitializeTimeout {
        phase: InitializePhase::Spawn,
        after: secs(10),
    };
    assert_eq!(report.reason, reason);
    assert_eq!(report.status, Some(KILLED));
    assert_eq!(
        sim.kills(),
        [at(secs(15))],
        "there was nothing to kill before"
    );
}

#[test]
fn a_worker_that_is_not_ready_in_time_is_killed() {
    let child = Child {
        initializes: None,
        ..Child::healthy()
    };
    let mut sim = Sim::new(child, policy());
    let reason = ExitReason::InitializeTimeout {
        phase: InitializePhase::Handshake,
        after: secs(10),
    };
    assert_eq!(sim.run_to_exit().reason, reason);
    assert_eq!(
        sim.kills(),
        [at(secs(10))],
        "counted from the order to start"
    );
    assert_eq!(sim.pings(), [], "it is not pinged before it is ready");
}

#[test]
fn a_worker_that_cannot_initialize_is_reported_in_its_own_words() {
    let child = Child {
        refuses: Some("no model file"),
        ..Child::healthy()
    };
    let mut sim = Sim::new(child, policy());
    let report = sim.run_to_exit();
    let message = "no model file".to_owned();
    assert_eq!(report.reason, ExitReason::InitializeFailed { message });
    assert_eq!(report.status, Some(ExitStatus::Code(1)));
    assert_eq!(sim.kills(), []);
}

#[test]
fn a_worker_that_refuses_and_stays_is_killed_for_what_it_said() {
    let mut sim = Sim::new(
        Child {
            initializes: None,
            ..Child::healthy()
        },
        policy(),
    );
    sim.run_until(at(ms(500)));
    let error = Some(greenroom_protocol::InitializeError {
        code: greenroom_protocol::InitializeCode::FAILED,
        message: "no".into(),
    });
    let refusal = InitializeResponse { error, ..ready() };
    sim.says(WorkerMessage::InitializeResponse(refusal));
    let message = "no".to_owned();
    assert_eq!(
        sim.run_to_exit().reason,
        ExitReason::InitializeFailed { message }
    );
    assert_eq!(sim.kills(), [at(ms(10_500))], "it had the close timeout");
}

#[test]
fn a_worker_that_exits_before_it_is_ready_is_judged_by_its_status() {
    for (status, reason) in [
        (ExitStatus::Code(0), ExitReason::Code { code: 0 }),
        (ExitStatus::Code(64), ExitReason::Code { code: 64 }),
        (ExitStatus::OutOfMemory, ExitReason::OutOfMemory),
        (
            ExitStatus::Signal {
                signal: 11,
                core: true,
            },
            ExitReason::Signal {
                signal: 11,
                core: true,
            },
        ),
    ] {
        let mut sim = Sim::new(Child::healthy(), policy());
        sim.run_until(at(ms(50)));
        sim.dies_with(ms(1), status);
        assert_eq!(sim.run_to_exit().reason, reason);
    }
}

#[test]
fn a_failed_spawn_is_the_end() {
    let child = Child {
        spawns: None,
        ..Child::healthy()
    };
    let mut sim = Sim::new(child, policy());
    let failure = SpawnFailure {
        step: "run /nothing".into(),
        errno: Some(2),
        message: "no such file".into(),
        permanent: true,
    };
    sim.later(ms(3), Fact::SpawnFailed(failure.clone()));
    let report = sim.run_to_exit();
    assert_eq!(report.reason, ExitReason::SpawnFailed(failure));
    assert_eq!((report.pid, report.status), (None, None));
    assert_eq!(sim.kills(), []);
}

#[test]
fn a_start_that_is_cancelled_before_the_spawn_kills_what_then_appears() {
    let child = Child {
        spawns: Some(ms(500)),
        ..Child::healthy()
    };
    let mut sim = Sim::new(child, policy());
    sim.command(|worker, now| worker.kill(now, "cancelled"));
    assert_eq!(sim.kills(), []);
    let report = sim.run_to_exit();
    assert_eq!(report.reason, by("cancelled"));
    assert_eq!(sim.kills(), [at(ms(500))]);
    assert_eq!(sim.sent(|_| true), [], "it never hears from its host");
}

#[test]
fn a_late_spawn_that_is_killed_has_the_whole_time_to_die() {
    let child = Child {
        spawns: Some(ms(9_900)),
        dies: Some(secs(5)),
        ..Child::healthy()
    };
    let mut sim = Sim::new(child, policy());
    sim.command(|worker, now| worker.kill(now, "cancelled"));
    assert_eq!(sim.run_to_exit().status, Some(KILLED));
}

#[test]
fn a_start_that_is_cancelled_and_then_fails_was_cancelled() {
    let child = Child {
        spawns: None,
        ..Child::healthy()
    };
    let mut sim = Sim::new(child, policy());
    sim.close();
    let failure = SpawnFailure {
        step: "run".into(),
        errno: None,
        message: String::new(),
        permanent: false,
    };
    sim.later(ms(3), Fact::SpawnFailed(failure));
    assert_eq!(sim.run_to_exit().reason, by("closed before it was ready"));
}

#[test]
fn closing_a_worker_that_is_not_ready_kills_it() {
    let mut sim = Sim::new(Child::healthy(), policy());
    sim.run_until(at(ms(50)));
    sim.close();
    assert_eq!(sim.kills(), [at(ms(50))]);
    assert_eq!(sim.run_to_exit().reason, by("closed before it was ready"));
}

// ---- pings

#[test]
fn a_worker_that_falls_silent_dies_at_the_ping_timeout() {
    let child = Child {
        pongs: None,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    let reason = ExitReason::PingTimeout {
        last_rtt: None,
        silent_for: secs(60),
    };
    assert_eq!(sim.run_to_exit().reason, reason);
    assert_eq!(sim.kills(), [at(ms(60_100))]);
    assert_eq!(sim.pings().len(), 25, "one at once, then each 2.5 s");
}

#[test]
fn workers_that_began_at_different_times_are_pinged_at_the_same() {
    let pinged = |initializes: Duration| {
        let child = Child {
            initializes: Some(initializes),
            ..Child::healthy()
        };
        let mut sim = Sim::new(child, policy());
        sim.run_until(at(secs(11)));
        sim.pings()[1..].to_vec()
    };
    let times = [2_500, 5_000, 7_500, 10_000].map(|time| at(ms(time)));
    assert_eq!(pinged(ms(10)), times);
    assert_eq!(pinged(ms(200)), times, "a little early rather than late");
    assert_eq!(pinged(ms(260))[0], at(ms(2_750)), "one of ten groups");
}

#[test]
fn silence_counts_from_the_last_answer() {
    let child = Child {
        blocked: Some((at(secs(7)), at(secs(1_000)))),
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    let reason = ExitReason::PingTimeout {
        last_rtt: Some(ms(1)),
        silent_for: secs(60),
    };
    assert_eq!(sim.run_to_exit().reason, reason);
    assert_eq!(sim.kills(), [at(ms(5_001) + secs(60))]);
}

#[test]
fn an_answer_just_in_time_keeps_it_alive() {
    let child = Child {
        blocked: Some((at(secs(7)), at(secs(65)))),
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    sim.run_until(at(secs(200)));
    assert_eq!(sim.worker.state(), State::Ready);
}

#[test]
fn slow_answers_are_reported_once_until_one_is_quick_again() {
    let child = Child {
        blocked: Some((at(secs(7)), at(secs(20)))),
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    sim.run_until(at(secs(25)));
    sim.child.blocked = Some((at(secs(27)), at(secs(31))));
    sim.run_until(at(secs(60)));
    let high: Vec<_> = sim
        .notices()
        .into_iter()
        .filter(|(_, notice)| matches!(notice, Notice::HighPing { .. }))
        .collect();
    let rtt = ms(500);
    assert_eq!(
        high,
        [
            (at(ms(8_000)), Notice::HighPing { rtt }),
            (at(ms(28_000)), Notice::HighPing { rtt }),
        ]
    );
}

#[test]
fn stacks_are_asked_for_before_a_silent_worker_is_killed() {
    let child = Child {
        pongs: None,
        capabilities: Capabilities::STACK_DUMP,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    let report = sim.run_to_exit();
    let silent = at(ms(60_100));
    assert_eq!(sim.sent(|m| *m == HostMessage::DumpStacks), [silent]);
    assert_eq!(sim.kills(), [silent + STACKS_WITHIN]);
    assert_eq!(report.stacks.as_deref(), Some("main: loop"));
    assert!(matches!(report.reason, ExitReason::PingTimeout { .. }));
}

#[test]
fn a_worker_that_answers_while_its_stacks_are_asked_for_is_spared() {
    let child = Child {
        capabilities: Capabilities::STACK_DUMP,
        blocked: Some((at(ms(50)), at(ms(60_400)))),
        initializes: Some(ms(40)),
        ..Child::healthy()
    };
    let mut sim = Sim::new(child, policy());
    sim.run_until(at(secs(200)));
    assert_eq!(sim.sent(|m| *m == HostMessage::DumpStacks).len(), 1);
    assert_eq!(sim.worker.state(), State::Ready);
}

// ---- leaving

#[test]
fn closing_twice_asks_once() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    sim.close();
    sim.close();
    let refused = sim.command(|worker, now| worker.launch(now, job(None)));
    assert!(matches!(
        refused,
        Err(LaunchRefused::Busy {
            state: State::Closing,
            ..
        })
    ));
    assert_eq!(sim.run_to_exit().reason, ExitReason::Clean);
    assert_eq!(sim.sent(|m| matches!(m, HostMessage::Shutdown(_))).len(), 1);
}

#[test]
fn a_worker_that_does_not_leave_in_time_is_killed_and_its_job_is_lost() {
    let child = Child {
        leaves: None,
        works: None,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    sim.launch(None);
    sim.run_until(at(secs(1)));
    sim.close();
    let report = sim.run_to_exit();
    let reason = ExitReason::CloseTimeout { after: secs(10) };
    assert_eq!(report.reason, reason);
    assert_eq!(report.jobs, ["j"]);
    assert_eq!(sim.kills(), [at(secs(11))]);
    assert_eq!(sim.outcomes(), [lost(reason, true)]);
}

#[test]
fn a_job_may_finish_while_its_worker_leaves() {
    let child = Child {
        leaves: Some(secs(5)),
        works: Some(secs(3)),
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    sim.launch(None);
    sim.close();
    assert_eq!(sim.run_to_exit().reason, ExitReason::Clean);
    assert_eq!(sim.outcomes(), [JobOutcome::Ok(Bytes::new())]);
}

#[test]
fn a_deadline_is_extended_for_a_job_that_runs_or_for_none() {
    for (which, job) in [
        (DeadlineKind::JOB, 99),
        (DeadlineKind::INITIALIZE, 1),
        (DeadlineKind::CLOSE, 1),
    ] {
        let mut sim = Sim::ready(Child::healthy(), policy());
        sim.says(extend(which, job, 1_000));
        assert_eq!(sim.broke(), "GR-5.7-1", "{which} with job {job}");
    }
}

#[test]
fn a_shutdown_is_acknowledged_once() {
    let shutting_down = WorkerMessage::ShuttingDown(ShuttingDown { jobs: 0 });
    let mut sim = Sim::ready(Child::hung(), policy());
    sim.close();
    sim.says(shutting_down.clone());
    assert_eq!(sim.worker.state(), State::Closing);
    sim.says(shutting_down);
    assert_eq!(sim.broke(), "GR-5.3-1");
}

#[test]
fn pings_may_be_answered_in_any_order_and_each_once() {
    let mut sim = Sim::ready(Child::hung(), policy());
    sim.run_until(at(secs(6)));
    assert!(sim.pings().len() >= 2);
    sim.says(pong(1));
    let warned = sim.notices().len();
    sim.run_until(at(ms(6_400)));
    assert_eq!(
        sim.notices().len(),
        warned,
        "nobody waits for the first one"
    );
    sim.says(pong(0));
    assert_eq!(sim.kills(), []);
    sim.says(pong(1));
    assert_eq!(sim.broke(), "GR-5.2-1");
}

#[test]
fn nothing_is_said_after_a_farewell() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    sim.says(exiting("tired"));
    let pings = sim.pings().len();
    sim.run_until(at(secs(9)));
    assert_eq!(sim.pings().len(), pings, "there is nobody to answer");
    sim.says(exiting("very"));
    assert_eq!(sim.broke(), "GR-5.3-6");
}

#[test]
fn stacks_that_nobody_asked_for_are_refused() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    sim.says(stack_dump("main: loop"));
    assert_eq!(sim.broke(), "GR-4.4-1", "it did not even offer any");
    let able = Child {
        capabilities: Capabilities::STACK_DUMP,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(able, policy());
    sim.says(stack_dump("main: loop"));
    assert_eq!(sim.broke(), "GR-5.9-4");
}

#[test]
fn an_extension_is_listed_once() {
    let extension = |number| Extension {
        number,
        content: Vec::new(),
    };
    let mut sim = Sim::new(
        Child {
            initializes: None,
            ..Child::healthy()
        },
        policy(),
    );
    sim.run_until(at(ms(50)));
    sim.says(WorkerMessage::InitializeResponse(InitializeResponse {
        extensions: vec![extension(7), extension(8), extension(7)],
        ..ready()
    }));
    assert_eq!(sim.broke(), "GR-4.5-2");
}

#[test]
fn a_worker_may_say_goodbye_by_itself() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    sim.says(exiting("tired"));
    assert_eq!(sim.worker.free_slots(), 0);
    sim.dies_with(ms(10), ExitStatus::Code(0));
    let report = sim.run_to_exit();
    assert_eq!(report.reason, ExitReason::Clean);
    assert_eq!(report.farewell.as_deref(), Some("tired"));
}

#[test]
fn a_worker_that_says_goodbye_and_stays_is_killed() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    sim.says(exiting("soon"));
    let reason = ExitReason::CloseTimeout { after: secs(10) };
    assert_eq!(sim.run_to_exit().reason, reason);
    assert_eq!(sim.kills(), [at(ms(10_100))]);
}

#[test]
fn a_worker_that_exits_unasked_did_not_exit_cleanly() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    sim.dies_with(ms(1), ExitStatus::Code(0));
    assert_eq!(sim.run_to_exit().reason, ExitReason::Code { code: 0 });
}

#[test]
fn a_disconnect_is_followed_by_the_exit_status() {
    let mut sim = Sim::ready(Child::hung(), policy());
    let number = sim.launch(None);
    sim.says(accepted(number));
    sim.tell(Fact::Disconnected);
    sim.tell(Fact::Disconnected);
    sim.later(ms(300), Fact::Exited(ExitStatus::Code(3)));
    let reason = ExitReason::Code { code: 3 };
    assert_eq!(sim.run_to_exit().reason, reason);
    let gone = sim.times(|action| *action == Action::Notice(Notice::Disconnected));
    assert_eq!(gone, [at(ms(100))], "said once");
}

#[test]
fn a_worker_that_disconnects_and_stays_is_killed() {
    let child = Child {
        works: None,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    sim.launch(None);
    sim.run_until(at(ms(200)));
    sim.tell(Fact::Disconnected);
    let before = sim.sent(|_| true).len();
    sim.command(|worker, now| worker.cancel(now, 1));
    assert_eq!(sim.run_to_exit().reason, ExitReason::Disconnected);
    assert_eq!(sim.kills(), [at(ms(200)) + DISCONNECT_GRACE]);
    assert_eq!(sim.sent(|_| true).len(), before, "nobody hears it any more");
}

#[test]
fn a_worker_that_is_asked_to_leave_and_hangs_up_does_not_gain_time() {
    let child = Child {
        leaves: None,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    sim.close();
    sim.run_until(at(ms(9_600)));
    sim.tell(Fact::Disconnected);
    sim.run_to_exit();
    assert_eq!(
        sim.kills(),
        [at(ms(10_100))],
        "the close timeout was nearer"
    );
}

#[test]
fn a_result_that_was_written_before_death_is_a_result() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    let number = sim.launch(None);
    sim.command(|worker, now| worker.kill(now, "operator"));
    sim.says(accepted(number));
    sim.says(finished(number));
    sim.run_to_exit();
    assert_eq!(sim.outcomes(), [JobOutcome::Ok(Bytes::new())]);
}

#[test]
fn a_kill_that_the_system_does_not_carry_out_is_reported_and_given_up() {
    let child = Child {
        dies: None,
        works: None,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    sim.launch(Some(secs(1)));
    sim.run_until(at(ms(200)));
    sim.command(|worker, now| worker.kill(now, "operator"));
    let report = sim.run_to_exit();
    assert_eq!(report.reason, by("operator"));
    assert_eq!(report.status, None);
    let since = KILL_OVERDUE[0];
    let overdue = Notice::KillOverdue { since };
    assert_eq!(
        sim.times(|action| *action == Action::Notice(overdue.clone())),
        [at(ms(200)) + since]
    );
    assert_eq!(sim.now, at(ms(200)) + KILL_OVERDUE[0] + KILL_OVERDUE[1]);
    assert_eq!(sim.outcomes(), [lost(by("operator"), true)]);
}

#[test]
fn a_killed_worker_does_not_keep_its_host_awake_for_its_jobs() {
    let child = Child {
        dies: None,
        works: None,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    sim.launch(Some(secs(1)));
    sim.command(|worker, now| worker.kill(now, "operator"));
    assert_eq!(sim.worker.poll_timeout(), Some(sim.now + KILL_OVERDUE[0]));
}

// ---- jobs

#[test]
fn a_job_past_its_deadline_is_cancelled() {
    let child = Child {
        works: None,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    sim.launch(Some(secs(2)));
    sim.run_until(at(secs(20)));
    let cancel = |m: &HostMessage| matches!(m, HostMessage::CancelJob(c) if c.reason == CancelReason::DEADLINE);
    assert_eq!(sim.sent(cancel), [at(ms(2_100))]);
    let deadline = secs(2);
    assert_eq!(sim.outcomes(), [JobOutcome::DeadlineExceeded { deadline }]);
    assert_eq!(sim.worker.state(), State::Ready, "its worker lives on");
}

#[test]
fn a_worker_whose_job_ignores_its_deadline_is_killed() {
    let child = Child {
        works: None,
        stops: None,
        slots: 2,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    sim.launch(Some(secs(2)));
    sim.command(|worker, now| worker.launch(now, job_with("other", None, Bytes::new())))
        .unwrap();
    let deadline = secs(2);
    let reason = ExitReason::JobDeadline {
        job: "j".into(),
        deadline,
    };
    assert_eq!(sim.run_to_exit().reason, reason);
    assert_eq!(sim.kills(), [at(ms(7_100))]);
    assert_eq!(
        sim.outcomes(),
        [
            JobOutcome::DeadlineExceeded { deadline },
            lost(reason, true)
        ]
    );
}

#[test]
fn a_job_that_stops_at_its_deadline_as_its_worker_is_killed_ran_out_of_time() {
    let child = Child {
        works: None,
        stops: None,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    let number = sim.launch(Some(secs(2)));
    sim.run_until(at(ms(7_100)));
    assert_eq!(sim.kills().len(), 1);
    sim.says(cancelled(number));
    let deadline = secs(2);
    assert_eq!(sim.outcomes(), [JobOutcome::DeadlineExceeded { deadline }]);
}

#[test]
fn a_worker_whose_job_ignores_a_cancel_is_killed() {
    let child = Child {
        works: None,
        stops: None,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    let number = sim.launch(None);
    sim.run_until(at(secs(1)));
    sim.command(|worker, now| worker.cancel(now, number));
    sim.run_until(at(secs(2)));
    sim.command(|worker, now| worker.cancel(now, number));
    let reason = ExitReason::CancelIgnored {
        job: "j".into(),
        after: secs(5),
    };
    assert_eq!(sim.run_to_exit().reason, reason);
    assert_eq!(
        sim.kills(),
        [at(secs(6))],
        "a second cancel gives no more time"
    );
    assert_eq!(
        sim.sent(|m| matches!(m, HostMessage::CancelJob(_))).len(),
        1
    );
    assert_eq!(sim.outcomes(), [JobOutcome::Cancelled]);
}

#[test]
fn a_cancelled_job_may_still_end_well() {
    let child = Child {
        works: Some(ms(100)),
        stops: None,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    let number = sim.launch(None);
    sim.command(|worker, now| worker.cancel(now, number));
    sim.run_until(at(secs(10)));
    assert_eq!(sim.outcomes(), [JobOutcome::Ok(Bytes::new())]);
    assert_eq!(sim.worker.state(), State::Ready);
}

fn extend(which: DeadlineKind, job: u64, extra_ms: u64) -> WorkerMessage {
    WorkerMessage::ExtendDeadline(ExtendDeadline {
        which,
        job,
        extra_ms,
    })
}

#[test]
fn deadlines_are_extended_up_to_the_hard_maximum() {
    let max = policy().max_extension;
    let mut ends = Vec::new();

    let child = Child {
        initializes: None,
        ..Child::healthy()
    };
    let mut sim = Sim::new(child, policy());
    sim.run_until(at(ms(50)));
    sim.says(extend(DeadlineKind::INITIALIZE, 0, 40_000));
    sim.says(extend(DeadlineKind::INITIALIZE, 0, u64::MAX));
    sim.says(extend(DeadlineKind::INITIALIZE, 0, 1));
    let reason = ExitReason::InitializeTimeout {
        phase: InitializePhase::Handshake,
        after: secs(70),
    };
    assert_eq!(sim.run_to_exit().reason, reason);
    ends.push((sim.kills(), at(secs(10) + max)));
    let granted: Vec<_> = sim
        .notices()
        .into_iter()
        .filter_map(|(_, notice)| match notice {
            Notice::DeadlineExtended { granted, .. } => Some(granted),
            _ => None,
        })
        .collect();
    assert_eq!(granted, [secs(40), secs(20), Duration::ZERO]);

    let child = Child {
        leaves: None,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child.clone(), policy());
    sim.close();
    sim.says(extend(DeadlineKind::CLOSE, 0, 100_000));
    let reason = ExitReason::CloseTimeout { after: secs(70) };
    assert_eq!(sim.run_to_exit().reason, reason);
    ends.push((sim.kills(), at(ms(100) + secs(10) + max)));

    let child = Child {
        works: None,
        stops: None,
        ..child
    };
    let mut sim = Sim::ready(child, policy());
    let number = sim.launch(Some(secs(1)));
    sim.says(extend(DeadlineKind::JOB, number, 100_000));
    let deadline = secs(61);
    let job = "j".into();
    assert_eq!(
        sim.run_to_exit().reason,
        ExitReason::JobDeadline { job, deadline }
    );
    ends.push((sim.kills(), at(ms(100) + secs(1) + max + secs(5))));

    for (kills, expected) in ends {
        assert_eq!(kills, [expected]);
    }
}

#[test]
fn a_deadline_that_is_not_running_is_not_extended() {
    let child = Child {
        works: None,
        stops: None,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, policy());
    let number = sim.launch(None);
    sim.command(|worker, now| worker.cancel(now, number));
    sim.says(extend(DeadlineKind::INITIALIZE, 0, 1_000));
    sim.says(extend(DeadlineKind::CLOSE, 0, 1_000));
    sim.says(extend(DeadlineKind::JOB, number, 1_000));
    sim.says(extend(DeadlineKind(77), 99, 1_000));
    sim.run_to_exit();
    assert_eq!(sim.kills(), [at(ms(5_100))]);
    let none = sim.notices().into_iter().filter(|(_, notice)| {
        matches!(notice, Notice::DeadlineExtended { granted, .. } if granted.is_zero())
    });
    assert_eq!(none.count(), 1, "said once, however often it asks");
}

#[test]
fn the_frames_of_a_large_input_add_up() {
    for size in [0, 1, 65_000, 65_536, 65_537, 1_000_000] {
        let child = Child {
            limits: Limits {
                max_frame: 64 << 10,
                ..Limits::default()
            },
            ..Child::hung()
        };
        let mut sim = Sim::ready(child, policy());
        let input: Bytes = (0..size).map(|i| (i % 251) as u8).collect();
        let request = job_with("j", None, input.clone());
        sim.command(|worker, now| worker.launch(now, request))
            .unwrap();
        let mut seen = Vec::new();
        let mut lasts = Vec::new();
        for (_, action) in &sim.log {
            let (last, data) = match action {
                Action::Send(HostMessage::StartJob(start, data)) => (start.last, data),
                Action::Send(HostMessage::JobInput(more, data)) => (more.last, data),
                _ => continue,
            };
            let Action::Send(message) = action else {
                continue;
            };
            assert!(message.encode().unwrap().length() <= 64 << 10);
            seen.extend_from_slice(data);
            lasts.push(last);
        }
        assert_eq!(seen, input);
        let (end, before) = lasts.split_last().unwrap();
        assert!(end, "the last frame says so");
        assert!(before.iter().all(|last| !last), "and no other does");
    }
}

#[test]
fn a_launch_is_refused_with_the_reason() {
    let child = Child {
        works: None,
        limits: Limits {
            max_payload: 100,
            ..Limits::default()
        },
        ..Child::healthy()
    };
    let mut sim = Sim::new(child, policy());
    let early = sim.command(|worker, now| worker.launch(now, job(None)));
    let state = State::Starting;
    assert_eq!(early, Err(LaunchRefused::Busy { state, jobs: 0 }));

    sim.run_until(at(ms(100)));
    let large = job_with("j", None, Bytes::from_static(&[0; 101]));
    let refused = sim.command(|worker, now| worker.launch(now, large));
    let (size, limit) = (101, 100);
    assert_eq!(refused, Err(LaunchRefused::PayloadTooLarge { size, limit }));

    for bytes in [300_000, 20_000_000] {
        let mut wordy = job(None);
        wordy.metadata.push(Pair {
            key: "k".into(),
            value: "x".repeat(bytes),
        });
        let refused = sim.command(|worker, now| worker.launch(now, wordy));
        assert!(
            matches!(refused, Err(LaunchRefused::HeaderTooLarge { size, limit }) if size > limit as usize),
            "{refused:?}"
        );
    }
    assert_eq!(
        sim.worker.running(),
        0,
        "a refused job leaves nothing behind"
    );

    sim.launch(None);
    let full = sim.command(|worker, now| worker.launch(now, job(None)));
    let state = State::Ready;
    assert_eq!(full, Err(LaunchRefused::Busy { state, jobs: 1 }));
}

#[test]
fn a_worker_that_retires_gets_no_more_jobs() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    for _ in 0..2 {
        sim.says(WorkerMessage::Retire(Retire {
            reason: "old".into(),
        }));
    }
    assert_eq!(sim.worker.free_slots(), 0);
    let refused = sim.command(|worker, now| worker.launch(now, job(None)));
    assert!(matches!(refused, Err(LaunchRefused::Busy { .. })));
    let said = sim.times(|a| matches!(a, Action::Notice(Notice::Retiring { .. })));
    assert_eq!(said.len(), 1);
}

#[test]
fn the_host_bounds_the_slots_that_a_worker_offers() {
    let child = Child {
        slots: 8,
        ..Child::healthy()
    };
    let few = WorkerPolicy {
        max_slots: Some(3),
        ..policy()
    };
    assert_eq!(Sim::ready(child.clone(), few).worker.free_slots(), 3);
    assert_eq!(Sim::ready(child, policy()).worker.free_slots(), 8);
}

#[test]
fn output_is_granted_again_once_half_a_window_is_used() {
    let mut sim = Sim::ready(Child::hung(), policy());
    let window = Limits::default().output_window as usize;
    let number = sim.launch(None);
    sim.says(accepted(number));
    sim.says(output(number, Bytes::from(vec![0; window])));
    sim.command(|worker, now| worker.grant(now, number, window as u64 / 2 - 1));
    assert_eq!(sim.sent(|m| matches!(m, HostMessage::JobWindow(_))), []);
    // A host that counts wrongly gives no more than was taken.
    sim.command(|worker, now| worker.grant(now, number, u64::MAX));
    let granted =
        |m: &HostMessage| matches!(m, HostMessage::JobWindow(w) if w.bytes as usize == window);
    assert_eq!(sim.sent(granted).len(), 1);
    sim.says(output(number, Bytes::from(vec![0; window])));
    assert_eq!(sim.worker.state(), State::Ready);
    sim.says(output(number, Bytes::from_static(&[0])));
    assert_eq!(sim.broke(), "GR-5.5-1");
}

// ---- calls

fn call(number: u64) -> WorkerMessage {
    let request = CallRequest {
        call: number,
        method: "m".into(),
    };
    WorkerMessage::CallRequest(request, Bytes::from_static(b"?"))
}

#[test]
fn a_call_is_served_and_answered_once() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    sim.says(call(1));
    for _ in 0..2 {
        let answer = Ok(Bytes::from_static(b"!"));
        sim.command(|worker, now| worker.handle_call_result(now, 1, answer));
    }
    let answers = sim.sent(|m| matches!(m, HostMessage::CallResponse(r, data) if r.error.is_none() && data[..] == *b"!"));
    assert_eq!(answers.len(), 1);
}

#[test]
fn more_calls_than_may_be_under_way_are_refused() {
    let few = WorkerPolicy {
        max_calls: 2,
        ..policy()
    };
    let mut sim = Sim::ready(Child::healthy(), few);
    for number in 1..=3 {
        sim.says(call(number));
    }
    let served = sim.times(|a| matches!(a, Action::Call { .. }));
    assert_eq!(served.len(), 2);
    let refused = sim
        .sent(|m| matches!(m, HostMessage::CallResponse(r, _) if r.call == 3 && r.error.is_some()));
    assert_eq!(refused.len(), 1);
    assert_eq!(sim.worker.state(), State::Ready, "it is no reason to kill");
    sim.command(|worker, now| worker.handle_call_result(now, 1, Err("no".into())));
    sim.says(call(4));
    assert_eq!(sim.times(|a| matches!(a, Action::Call { .. })).len(), 3);
}

#[test]
fn an_answer_that_no_frame_holds_becomes_an_error() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    sim.says(call(1));
    sim.says(call(2));
    let huge = Ok(Bytes::from(vec![0; 256 << 10]));
    sim.command(|worker, now| worker.handle_call_result(now, 1, huge));
    let wordy = Err("ä".repeat(20_000));
    sim.command(|worker, now| worker.handle_call_result(now, 2, wordy));
    let errors = sim.sent(|m| {
        let small = m.encode().unwrap().length() <= 64 << 10;
        matches!(m, HostMessage::CallResponse(r, data) if r.error.is_some() && data.is_empty() && small)
    });
    assert_eq!(errors.len(), 2);
}

// ---- memory

fn high(sim: &Sim) -> Vec<u64> {
    sim.notices()
        .into_iter()
        .filter_map(|(_, notice)| match notice {
            Notice::HighMemory { rss, .. } => Some(rss),
            _ => None,
        })
        .collect()
}

#[test]
fn much_memory_is_reported_every_two_minutes_or_fifty_megabytes() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    sim.child.rss = 1_200 * MB;
    sim.run_until(at(secs(100)));
    assert_eq!(high(&sim), [1_200 * MB]);
    sim.child.rss = 1_250 * MB;
    sim.run_until(at(secs(110)));
    assert_eq!(high(&sim), [1_200 * MB, 1_250 * MB]);
    sim.run_until(at(secs(350)));
    assert_eq!(high(&sim).len(), 4);
    assert_eq!(sim.worker.state(), State::Ready);
}

#[test]
fn a_worker_above_its_memory_limit_is_killed_and_its_job_knows_why() {
    let limited = WorkerPolicy {
        memory_limit: Some(1_500 * MB),
        ..policy()
    };
    let child = Child {
        works: None,
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, limited);
    sim.launch(None);
    sim.run_until(at(secs(3)));
    sim.child.rss = 1_600 * MB;
    let report = sim.run_to_exit();
    let reason = ExitReason::MemoryLimit {
        rss: 1_600 * MB,
        limit: 1_500 * MB,
    };
    assert_eq!(report.reason, reason);
    assert_eq!(report.peak_memory, 1_600 * MB);
    assert_eq!(sim.outcomes(), [lost(reason, true)]);
}

#[test]
fn without_a_limit_no_memory_kills() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    sim.child.rss = u64::MAX;
    sim.run_until(at(secs(600)));
    assert_eq!(sim.worker.state(), State::Ready);
}

#[test]
fn memory_is_measured_however_often_jobs_are_launched() {
    let limited = WorkerPolicy {
        memory_limit: Some(1_500 * MB),
        ..policy()
    };
    let child = Child {
        works: Some(ms(5)),
        ..Child::healthy()
    };
    let mut sim = Sim::ready(child, limited);
    for _ in 0..100 {
        sim.launch(None);
        let next = sim.now + ms(10);
        sim.run_until(next);
    }
    let samples = sim.times(|action| *action == Action::SampleMemory).len();
    assert!(samples >= 10, "{samples} samples in a second of launches");
}

#[test]
fn a_sample_that_never_comes_is_asked_for_again() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    sim.child.rss = 0;
    sim.run_until(at(secs(21)));
    let samples = sim.times(|action| *action == Action::SampleMemory);
    // The first two are those of the start and of being ready.
    assert_eq!(
        samples[2..],
        [at(secs(5)), at(secs(10)), at(secs(15)), at(secs(20))]
    );
}

// ---- a worker that breaks the protocol

#[test]
fn each_breach_of_the_protocol_kills_and_names_its_requirement() {
    let job_started = |sim: &mut Sim| {
        sim.launch(None);
    };
    let nothing = |_: &mut Sim| {};
    let response = WorkerMessage::InitializeResponse;
    let shutting_down = WorkerMessage::ShuttingDown(ShuttingDown { jobs: 0 });
    type Preparation<'a> = &'a dyn Fn(&mut Sim);
    let cases: [(&str, Preparation<'_>, WorkerMessage); 9] = [
        ("GR-4.1-1", &nothing, response(ready())),
        ("GR-5.2-1", &nothing, pong(7)),
        ("GR-5.3-1", &nothing, shutting_down),
        ("GR-5.4-1", &nothing, accepted(1)),
        ("GR-5.4-1", &nothing, output(1, Bytes::new())),
        ("GR-5.4-1", &nothing, finished(1)),
        ("GR-5.4-3", &job_started, output(1, Bytes::new())),
        (
            "GR-5.5-1",
            &|sim| {
                sim.launch(None);
                sim.says(accepted(1));
            },
            output(1, Bytes::from(vec![0; (1 << 20) + 1])),
        ),
        (
            "GR-5.6-1",
            &|sim| {
                sim.says(call(5));
            },
            call(5),
        ),
    ];
    for (requirement, prepare, message) in cases {
        let mut sim = Sim::ready(Child::hung(), policy());
        prepare(&mut sim);
        sim.says(message.clone());
        assert_eq!(sim.kills(), [sim.now], "{message:?}");
        assert_eq!(sim.broke(), requirement, "{message:?}");
    }
}

#[test]
fn accepting_or_finishing_twice_is_a_breach() {
    for (twice, requirement) in [(accepted(1), "GR-5.4-3"), (finished(1), "GR-5.4-1")] {
        let mut sim = Sim::ready(Child::hung(), policy());
        sim.launch(None);
        if requirement == "GR-5.4-1" {
            sim.says(accepted(1));
        }
        sim.says(twice.clone());
        assert_eq!(sim.kills(), []);
        sim.says(twice);
        assert_eq!(sim.broke(), requirement);
    }
}

#[test]
fn finishing_before_accepting_is_a_breach_and_loses_the_job() {
    let mut sim = Sim::ready(Child::hung(), policy());
    sim.launch(None);
    sim.says(finished(1));
    assert_eq!(sim.broke(), "GR-5.4-4");
}

#[test]
fn a_handshake_that_does_not_fit_is_a_breach() {
    let tiny = Limits {
        max_frame: 100,
        ..Limits::default()
    };
    let cases = [
        (
            "GR-4.2-1",
            InitializeResponse {
                protocol: 2,
                ..ready()
            },
        ),
        (
            "GR-4.3-1",
            InitializeResponse {
                limits: tiny,
                ..ready()
            },
        ),
        (
            "GR-4.3-1",
            InitializeResponse {
                slots: 0,
                ..ready()
            },
        ),
        (
            "GR-4.3-1",
            InitializeResponse {
                slots: u32::MAX,
                ..ready()
            },
        ),
    ];
    for (requirement, response) in cases {
        let mut sim = Sim::new(
            Child {
                initializes: None,
                ..Child::healthy()
            },
            policy(),
        );
        sim.run_until(at(ms(50)));
        sim.says(WorkerMessage::InitializeResponse(response));
        assert_eq!(sim.broke(), requirement);
    }
    let mut sim = Sim::new(Child::healthy(), policy());
    sim.run_until(at(ms(50)));
    sim.says(pong(0));
    assert_eq!(sim.broke(), "GR-4.1-1", "a message before the response");
}

#[test]
fn bytes_that_are_no_message_kill_and_name_their_requirement() {
    let ping = MessageType::PING;
    let frame = |error| Malformed::Frame(error);
    let cases = [
        (
            "GR-2.2-1",
            frame(FrameError::TooLarge {
                length: u32::MAX,
                max: 1,
            }),
        ),
        ("GR-2.1-3", frame(FrameError::TooShort { length: 1 })),
        (
            "GR-2.4-1",
            Malformed::Message(DecodeError::WrongDirection(ping)),
        ),
        (
            "GR-3.1-2",
            Malformed::Message(DecodeError::Trailing {
                kind: ping,
                extra: 1,
            }),
        ),
    ];
    for (requirement, malformed) in cases {
        let mut sim = Sim::ready(Child::healthy(), policy());
        sim.launch(None);
        sim.command(|worker, now| worker.handle_malformed(now, &malformed));
        // What follows on that stream does not count.
        sim.says(finished(1));
        assert_eq!(sim.broke(), requirement);
        assert!(matches!(sim.outcomes()[..], [JobOutcome::Lost { .. }]));
    }
}

#[test]
fn a_frame_cut_short_is_how_a_dying_process_looks() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    let cut = Malformed::Frame(FrameError::Truncated { have: 3, need: 6 });
    sim.command(|worker, now| worker.handle_malformed(now, &cut));
    assert_eq!(sim.worker.state(), State::Closing);
    sim.later(ms(1), Fact::Exited(ExitStatus::Code(101)));
    assert_eq!(sim.run_to_exit().reason, ExitReason::Code { code: 101 });
}

#[test]
fn a_frame_cut_short_by_one_that_lives_on_is_a_breach() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    let cut = Malformed::Frame(FrameError::Truncated { have: 3, need: 6 });
    sim.command(|worker, now| worker.handle_malformed(now, &cut));
    let killed = sim.now + DISCONNECT_GRACE;
    assert_eq!(sim.broke(), "GR-2.3-2");
    assert_eq!(sim.kills(), [killed]);
}

#[test]
fn nothing_that_was_about_to_be_written_is_written_after_a_kill() {
    let mut sim = Sim::ready(Child::healthy(), policy());
    let now = sim.now;
    sim.worker.launch(now, job(None)).unwrap();
    sim.worker.kill(now, "operator");
    sim.worker.cancel(now, 1);
    assert_eq!(sim.worker.poll_action(), Some(Action::Kill));
    assert_eq!(sim.worker.poll_action(), None);
}

#[test]
fn who_kills_first_gives_the_reason() {
    let mut sim = Sim::ready(Child::hung(), policy());
    sim.command(|worker, now| worker.kill(now, "first"));
    sim.command(|worker, now| worker.kill(now, "second"));
    sim.says(finished(9));
    assert_eq!(sim.run_to_exit().reason, by("first"));
    assert_eq!(sim.kills().len(), 1);
}
