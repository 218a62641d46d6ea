//! Pings and their pongs (section 5.2).

mod blocked;

use std::collections::BTreeSet;

use greenroom_protocol::{HostMessage, Ping, Pong, WorkerMessage};

use super::jobs::judge::{begin, cancel, judge, list};
use crate::case::{Case, Finding};
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::{Cut, Session};

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "pings/answered",
                requirements: &["GR-5.2-3", "GR-5.2-1"],
                sends: "a Ping to a worker that has nothing to do",
                expects: "a Pong with its seq, and that no job runs",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(answered(session)),
        },
        WorkerCase {
            about: Case {
                id: "pings/any-number",
                requirements: &["GR-5.2-1", "GR-3.1-3"],
                sends: "Pings with seq 0, 2^64-1 and others, in no order",
                expects: "a Pong with the seq of each",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(any_number(session)),
        },
        WorkerCase {
            about: Case {
                id: "pings/three-in-one-write",
                requirements: &["GR-5.2-3", "GR-5.2-1", "GR-2.1-4"],
                sends: "three Pings in one write",
                expects: "a Pong for each of them, once",
            },
            needs: &[],
            closing: Closing::Orderly,
            run: |session| Box::pin(three_in_one_write(session)),
        },
        WorkerCase {
            about: Case {
                id: "pings/no-pong-unasked",
                requirements: &["GR-5.2-1"],
                sends: "two Pings, each after the Pong before, and a job between them",
                expects: "two Pongs, and never one that nobody has asked for",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(no_pong_unasked(session)),
        },
        WorkerCase {
            about: Case {
                id: "pings/while-a-job-waits",
                requirements: &["GR-5.2-3"],
                sends: "a Ping while a job waits, and one after its end",
                expects: "Pongs with 1 and 0 jobs",
            },
            needs: &["conformance.wait"],
            closing: Closing::Orderly,
            run: |session| Box::pin(while_a_job_waits(session)),
        },
        blocked::case(),
    ]
}

async fn answered(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let seq = session.ping().await?;
    let pong = next_pong(session, seq).await?;
    remark_jobs(session, pong, 0);
    Ok(())
}

async fn any_number(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    // At both sides of each length that an integer can have.
    let numbers = [
        u64::MAX,
        0,
        65_536,
        250,
        251,
        4_294_967_296,
        65_535,
        4_294_967_295,
    ];
    for seq in numbers {
        session.send(HostMessage::Ping(Ping { seq })).await?;
        next_pong(session, seq).await?;
    }
    Ok(())
}

async fn three_in_one_write(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let numbers = BTreeSet::from([71, 72, 73]);
    let pings: Vec<_> = numbers
        .iter()
        .map(|&seq| HostMessage::Ping(Ping { seq }))
        .collect();
    session.send_torn(&pings, Cut::Nowhere).await?;
    let mut answered = BTreeSet::new();
    for _ in &numbers {
        let pong = session.expect("GR-5.2-3", "a Pong for each of three Pings", pong);
        answered.insert(pong.await?.seq);
    }
    judge(
        answered == numbers,
        "GR-5.2-1",
        format!("Pongs with the seqs {numbers:?}"),
        format!("{answered:?}"),
    )?;
    nothing_before_a_pong(session).await
}

async fn no_pong_unasked(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    nothing_before_a_pong(session).await?;
    // The referee refuses each pong that nobody has asked for.
    session.echo("between two pings").await?;
    nothing_before_a_pong(session).await
}

async fn while_a_job_waits(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    let job = begin(session, "conformance.wait", "").await?;
    let seq = session.ping().await?;
    let pong = session.expect_pong(seq).await?;
    remark_jobs(session, pong, 1);
    cancel(session, job).await?;
    session.finish_job(job).await?;
    let seq = session.ping().await?;
    let pong = session.expect_pong(seq).await?;
    remark_jobs(session, pong, 0);
    Ok(())
}

fn pong(message: &WorkerMessage) -> Option<Pong> {
    match message {
        WorkerMessage::Pong(pong) => Some(*pong),
        _ => None,
    }
}

/// The next message must be this pong.
async fn next_pong(session: &mut Session, seq: u64) -> Result<Pong, Stop> {
    let expected = format!("Pong seq {seq}");
    session
        .expect("GR-5.2-3", &expected, |message| {
            pong(message).filter(|pong| pong.seq == seq)
        })
        .await
}

async fn nothing_before_a_pong(session: &mut Session) -> Result<(), Stop> {
    let before = session.barrier().await?;
    let expected = "nothing but the Pong for the last Ping";
    judge(before.is_empty(), "GR-5.2-1", expected, list(&before))
}

/// The text says what `jobs` means, and not that it must be right.
fn remark_jobs(session: &mut Session, pong: Pong, jobs: u32) {
    if pong.jobs != jobs {
        let expected = format!("a Pong with {jobs} jobs, which is how many run");
        let got = format!("{} jobs", pong.jobs);
        session.remark(Finding::new("GR-5.2-3", expected, got));
    }
}
