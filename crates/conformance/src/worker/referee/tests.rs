//! Each rule finds the message that breaks it, and lets pass the one that does not.

mod messages;

use greenroom_protocol::{
    CancelJob, CancelReason, Extension, InitializeCode, InitializeError, JobWindow, Ping, Retire,
    StackDump,
};

use self::messages::*;
use super::*;

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "made on the spot")]
fn takes(referee: &mut Referee, message: WorkerMessage) {
    assert_eq!(referee.received(&message), Ok(()));
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "made on the spot")]
fn finds(referee: &mut Referee, message: WorkerMessage, requirement: &str) {
    let finding = referee.received(&message).expect_err("it is broken");
    assert_eq!(finding.requirement, requirement, "{finding}");
}

#[test]
fn the_response_comes_first_and_once() {
    finds(&mut begun(), pong(1), "GR-4.1-1");
    finds(&mut begun(), call(1), "GR-4.1-1");
    takes(&mut begun(), extend(DeadlineKind::INITIALIZE, 0));
    takes(&mut begun(), exiting());
    let again = WorkerMessage::InitializeResponse(response());
    finds(&mut ready(), again.clone(), "GR-4.1-1");
    finds(&mut Referee::default(), again, "GR-4.1-4");
}

#[test]
fn a_response_is_in_range() {
    let breaks = |change: fn(&mut InitializeResponse), requirement| {
        let mut response = response();
        change(&mut response);
        finds(
            &mut begun(),
            WorkerMessage::InitializeResponse(response),
            requirement,
        );
    };
    breaks(|response| response.protocol = 2, "GR-4.2-1");
    breaks(|response| response.slots = 0, "GR-4.3-1");
    breaks(|response| response.slots = 65_537, "GR-4.3-1");
    breaks(|response| response.limits.max_frame = 65_535, "GR-4.3-1");
    breaks(
        |response| response.limits.max_frame = 16_777_217,
        "GR-4.3-1",
    );
    breaks(
        |response| response.limits.output_window = 65_535,
        "GR-4.3-1",
    );
    let twice = |response: &mut InitializeResponse| {
        let extension = Extension {
            number: 3,
            content: Vec::new(),
        };
        response.extensions = vec![extension.clone(), extension];
    };
    breaks(twice, "GR-4.5-2");
}

#[test]
fn with_an_error_limits_and_slots_mean_nothing() {
    let mut response = response();
    response.error = Some(InitializeError {
        code: InitializeCode::VERSION,
        message: String::new(),
    });
    (response.protocol, response.slots) = (7, 0);
    response.limits.max_frame = 1;
    let mut referee = begun();
    takes(&mut referee, WorkerMessage::InitializeResponse(response));
    assert_eq!(referee.limits(), None);
}

#[test]
fn a_ping_is_answered_once() {
    let mut referee = ready();
    referee.sent(&HostMessage::Ping(Ping { seq: 7 }));
    finds(&mut referee, pong(6), "GR-5.2-1");
    takes(&mut referee, pong(7));
    finds(&mut referee, pong(7), "GR-5.2-1");
}

#[test]
fn a_shutdown_is_acknowledged_once_with_the_jobs_that_run() {
    finds(&mut ready(), shutting_down(0), "GR-5.3-1");
    let mut referee = at_work();
    referee.sent(&shutdown());
    assert!(referee.owes_acknowledgement());
    // Started too late: it may count or not for the worker, but not for the answer.
    referee.sent(&start(2));
    takes(&mut referee, shutting_down(1));
    finds(&mut referee, shutting_down(1), "GR-5.3-1");
    let mut referee = at_work();
    referee.sent(&shutdown());
    finds(&mut referee, shutting_down(0), "GR-5.3-2");
}

#[test]
fn nothing_follows_exiting() {
    let mut referee = ready();
    takes(&mut referee, exiting());
    finds(&mut referee, exiting(), "GR-5.3-6");
}

#[test]
fn a_job_runs_from_its_start_to_its_end() {
    let mut referee = ready();
    for message in [accepted(1), output(1, 1), finished(1, None)] {
        finds(&mut referee, message, "GR-5.4-1");
    }
    let mut referee = at_work();
    finds(&mut referee, accepted(1), "GR-5.4-3");
    takes(&mut referee, finished(1, None));
    for message in [accepted(1), output(1, 1), finished(1, None)] {
        finds(&mut referee, message, "GR-5.4-1");
    }
}

#[test]
fn a_job_is_accepted_before_it_does_anything() {
    let unaccepted = || {
        let mut referee = ready();
        referee.sent(&start(1));
        referee
    };
    finds(&mut unaccepted(), output(1, 1), "GR-5.4-3");
    finds(&mut unaccepted(), finished(1, None), "GR-5.4-4");
    takes(&mut unaccepted(), finished(1, Some(FailureKind::REJECTED)));
    takes(&mut unaccepted(), finished(1, Some(FailureKind::ERROR)));
    finds(
        &mut at_work(),
        finished(1, Some(FailureKind::REJECTED)),
        "GR-5.4-13",
    );
}

#[test]
fn output_keeps_to_its_window() {
    let mut referee = at_work();
    takes(&mut referee, output(1, WINDOW as usize));
    finds(&mut referee, output(1, 0), "GR-5.5-1");
    // Small pieces cost 64 each.
    let mut referee = at_work();
    for _ in 0..WINDOW / 64 {
        takes(&mut referee, output(1, 1));
    }
    assert_eq!(referee.window_left(1), 0);
    referee.sent(&HostMessage::JobWindow(JobWindow { job: 1, bytes: 64 }));
    takes(&mut referee, output(1, 64));
    finds(&mut referee, output(1, 1), "GR-5.5-1");
}

#[test]
fn call_numbers_grow() {
    finds(&mut ready(), call(0), "GR-5.6-1");
    let mut referee = ready();
    takes(&mut referee, call(3));
    finds(&mut referee, call(3), "GR-5.6-1");
    takes(&mut referee, call(4));
}

#[test]
fn only_the_deadline_of_a_job_names_one() {
    let mut referee = at_work();
    takes(&mut referee, extend(DeadlineKind::JOB, 1));
    takes(&mut referee, extend(DeadlineKind::CLOSE, 0));
    finds(&mut referee, extend(DeadlineKind::JOB, 2), "GR-5.7-1");
    finds(&mut referee, extend(DeadlineKind::CLOSE, 1), "GR-5.7-1");
    finds(&mut referee, extend(DeadlineKind(99), 1), "GR-5.7-1");
}

#[test]
fn stacks_are_dumped_when_asked_for() {
    let dump = || {
        WorkerMessage::StackDump(StackDump {
            text: String::new(),
        })
    };
    let mut referee = ready();
    finds(&mut referee, dump(), "GR-5.9-4");
    referee.sent(&HostMessage::DumpStacks);
    takes(&mut referee, dump());
    finds(&mut referee, dump(), "GR-5.9-4");
}

#[test]
fn what_may_always_be_said_is_let_pass() {
    let mut referee = at_work();
    let reason = String::new();
    takes(&mut referee, WorkerMessage::Retire(Retire { reason }));
    referee.sent(&HostMessage::CancelJob(CancelJob {
        job: 1,
        reason: CancelReason::REQUESTED,
    }));
    takes(&mut referee, finished(1, None));
    assert_eq!(referee.running(), 0);
}
