//! While jobs run, or begin.

use std::time::Duration;

use greenroom_protocol::{
    CancelJob, CancelReason, HostMessage, Ping, Shutdown, ShutdownReason, WorkerMessage,
};

use super::{GRACE, acknowledgements, leaves};
use crate::case::{Case, Finding};
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::cases::jobs::judge::{begin, ends, judge, list};
use crate::worker::session::{Cut, Messages, Session};

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "shutdown/mid-job",
                requirements: &["GR-5.3-5", "GR-5.3-2", "GR-5.3-6", "GR-5.3-7", "GR-5.4-2"],
                sends: "Shutdown while a job waits",
                expects: "ShuttingDown with 1 job, its JobFinished, Exiting, exit 0",
            },
            needs: &["conformance.wait"],
            closing: Closing::Orderly,
            run: |session| Box::pin(mid_job(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/deaf-job",
                requirements: &["GR-5.3-4", "GR-5.3-2"],
                sends: "Shutdown while a job runs that does not care",
                expects: "exit within the grace, whatever the handler is doing",
            },
            needs: &["conformance.deaf"],
            closing: Closing::Judged,
            run: |session| Box::pin(deaf_job(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/no-grace-mid-job",
                requirements: &["GR-5.3-4", "GR-5.4-2"],
                sends: "Shutdown with a grace of 0 ms while a job runs that does not care",
                expects: "exit at once",
            },
            needs: &["conformance.deaf"],
            closing: Closing::Judged,
            run: |session| Box::pin(no_grace_mid_job(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/twice",
                requirements: &["GR-5.3-9", "GR-5.3-8", "GR-5.3-1", "GR-5.3-2", "GR-5.3-6"],
                sends: "two Shutdowns in one write while a job waits",
                expects: "one ShuttingDown for each that was read, one JobFinished, one Exiting, exit 0",
            },
            needs: &["conformance.wait"],
            closing: Closing::Orderly,
            run: |session| Box::pin(twice(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/sooner",
                requirements: &["GR-5.3-9", "GR-5.3-4"],
                sends: "a Shutdown with a grace of an hour while a job is deaf, and then one with a second",
                expects: "a ShuttingDown for each, and the end of the process by the second one's time",
            },
            needs: &["conformance.deaf"],
            closing: Closing::Judged,
            run: |session| Box::pin(sooner(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/behind-a-start",
                requirements: &["GR-5.4-2", "GR-5.3-2", "GR-5.3-5"],
                sends: "StartJob and Shutdown in one write",
                expects: "one JobFinished, whatever the outcome, before Exiting",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(behind_a_start(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/before-the-input-is-complete",
                requirements: &["GR-5.4-2", "GR-5.3-5"],
                sends: "Shutdown when a part of a job's input is there",
                expects: "one JobFinished for it before Exiting",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(before_the_input_is_complete(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/start-behind-it",
                requirements: &["GR-5.4-2", "GR-5.3-3", "GR-1.3-4"],
                sends: "Shutdown and a StartJob behind it, which breaks GR-5.3-3",
                expects: "one JobFinished for it, or the end of the connection",
            },
            needs: &["conformance.wait", "conformance.echo"],
            closing: Closing::Judged,
            run: |session| Box::pin(start_behind_it(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/ping-behind-it",
                requirements: &["GR-5.2-3", "GR-5.3-2"],
                sends: "Shutdown and a Ping behind it while a job runs that does not care",
                expects: "a Pong while the worker is on its way out",
            },
            needs: &["conformance.deaf"],
            closing: Closing::Judged,
            run: |session| Box::pin(ping_behind_it(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/cancel-behind-it",
                requirements: &["GR-5.3-5", "GR-5.4-10", "GR-5.4-2"],
                sends: "Shutdown with a long grace while a job waits, and a CancelJob behind it",
                expects: "one JobFinished, then Exiting, long before the grace is over",
            },
            needs: &["conformance.wait"],
            closing: Closing::Orderly,
            run: |session| Box::pin(cancel_behind_it(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/output-waits",
                requirements: &["GR-5.3-4", "GR-5.5-1"],
                sends: "Shutdown while a job waits for more window",
                expects: "exit within the grace, and no output over the window",
            },
            needs: &["conformance.produce"],
            closing: Closing::Judged,
            run: |session| Box::pin(output_waits(session)),
        },
        WorkerCase {
            about: Case {
                id: "shutdown/host-gone-in-the-grace",
                requirements: &["GR-1.3-2"],
                sends: "Shutdown with a long grace while a job runs that does not care, then the end of the stream",
                expects: "exit long before the grace is over",
            },
            needs: &["conformance.deaf"],
            closing: Closing::HostGone,
            run: |session| Box::pin(host_gone_in_the_grace(session)),
        },
    ]
}

async fn mid_job(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = begin(session, "conformance.wait", "").await?;
    session.shut_down(GRACE).await?;
    session.expect_shutting_down().await?;
    let before = leaves(session).await?;
    finished_in_time(&before, job)
}

async fn deaf_job(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = begin(session, "conformance.deaf", "").await?;
    session.shut_down(GRACE).await?;
    session.expect_shutting_down().await?;
    let before = gone(session).await?;
    finished_in_time(&before, job)
}

async fn no_grace_mid_job(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    begin(session, "conformance.deaf", "").await?;
    session.shut_down(Duration::ZERO).await?;
    gone(session).await.map(drop)
}

async fn twice(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = begin(session, "conformance.wait", "").await?;
    let both = [shutdown(GRACE), shutdown(GRACE)];
    session.send_torn(&both, Cut::Nowhere).await?;
    let before = leaves(session).await?;
    // It may have left before it read the second one; the referee refuses a third.
    judge(
        acknowledgements(&before) > 0,
        "GR-5.3-2",
        "ShuttingDown",
        list(&before),
    )?;
    finished_in_time(&before, job)
}

async fn sooner(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    begin(session, "conformance.deaf", "").await?;
    session.send(shutdown(Duration::from_secs(3_600))).await?;
    session.expect_shutting_down().await?;
    session.send(shutdown(GRACE)).await?;
    session
        .until("GR-5.3-9", "a second ShuttingDown", |message| {
            matches!(message, WorkerMessage::ShuttingDown(_)).then_some(())
        })
        .await?;
    gone(session).await.map(drop)
}

async fn behind_a_start(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let start = session.start_message("conformance.echo");
    let job = start.job;
    let start = HostMessage::StartJob(start, "hello".into());
    session
        .send_torn(&[start, shutdown(GRACE)], Cut::Nowhere)
        .await?;
    let before = leaves(session).await?;
    finished_in_time(&before, job)
}

async fn before_the_input_is_complete(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let mut start = session.start_message("conformance.echo");
    start.last = false;
    let job = start.job;
    session
        .send(HostMessage::StartJob(start, "the beginning".into()))
        .await?;
    session.shut_down(GRACE).await?;
    let before = leaves(session).await?;
    finished_in_time(&before, job)
}

async fn start_behind_it(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    // Keeps the worker from leaving before it has read both.
    begin(session, "conformance.wait", "").await?;
    let start = session.start_message("conformance.echo");
    let late = start.job;
    let start = HostMessage::StartJob(start, "too late".into());
    session
        .send_torn(&[shutdown(GRACE), start], Cut::Nowhere)
        .await?;
    let before = gone(session).await?;
    let left_in_order = matches!(before.last(), Some(WorkerMessage::Exiting(_)));
    if left_in_order && ends(&before, late) == 0 {
        // It may have left without having read it.
        let expected = format!("one JobFinished {late} before Exiting");
        session.remark(Finding::new("GR-5.4-2", expected, list(&before)));
    }
    Ok(())
}

async fn ping_behind_it(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    begin(session, "conformance.deaf", "").await?;
    let seq = 4_711;
    let ping = HostMessage::Ping(Ping { seq });
    session
        .send_torn(&[shutdown(GRACE), ping], Cut::Nowhere)
        .await?;
    let before = gone(session).await?;
    let is_pong =
        |message: &WorkerMessage| matches!(message, WorkerMessage::Pong(pong) if pong.seq == seq);
    if !before.iter().any(is_pong) {
        // It may have left without having read it.
        let expected = format!("Pong seq {seq}");
        session.remark(Finding::new("GR-5.2-3", expected, list(&before)));
    }
    Ok(())
}

async fn cancel_behind_it(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = begin(session, "conformance.wait", "").await?;
    let grace = session.timeout() * 10;
    let reason = CancelReason::REQUESTED;
    let cancel = HostMessage::CancelJob(CancelJob { job, reason });
    session
        .send_torn(&[shutdown(grace), cancel], Cut::Nowhere)
        .await?;
    let before = leaves(session).await?;
    finished_in_time(&before, job)
}

async fn output_waits(session: &mut Session) -> Result<(), Stop> {
    let mut request = session.request();
    request.limits.output_window = 65_536;
    session.ready_with(request, "").await?;
    let job = session
        .start("conformance.produce", "1000000", &[("piece", "8192")])
        .await?;
    session.expect_output(job, "GR-5.5-1").await?;
    session.shut_down(GRACE).await?;
    session.expect_shutting_down().await?;
    gone(session).await.map(drop)
}

async fn host_gone_in_the_grace(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    begin(session, "conformance.deaf", "").await?;
    session.shut_down(session.timeout() * 10).await?;
    // What follows is the closing's.
    session.expect_shutting_down().await.map(drop)
}

fn shutdown(grace: Duration) -> HostMessage {
    HostMessage::Shutdown(Shutdown {
        reason: ShutdownReason::REQUESTED,
        grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX),
    })
}

/// The worker must end, in order or not; with 0 if it said so. Returns all that came.
async fn gone(session: &mut Session) -> Result<Messages, Stop> {
    let all = session
        .expect_end("GR-5.3-4", "the end of the stream within the grace")
        .await?;
    let exit = session
        .expect_exit("GR-5.3-4", "exit within the grace")
        .await?;
    let in_order = matches!(all.last(), Some(WorkerMessage::Exiting(_)));
    judge(
        !in_order || exit.code() == Some(0),
        "GR-5.3-7",
        "exit with 0 after Exiting",
        exit.to_string(),
    )?;
    Ok(all)
}

/// That it is not there twice is the referee's.
fn finished_in_time(messages: &[WorkerMessage], job: u64) -> Result<(), Stop> {
    judge(
        ends(messages, job) == 1,
        "GR-5.3-5",
        format!("JobFinished {job} before the worker leaves"),
        list(messages),
    )
}
