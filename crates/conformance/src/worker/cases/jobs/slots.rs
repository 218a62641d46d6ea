//! More than one job at a time.

use bytes::Bytes;
use greenroom_protocol::{HostMessage, JobInput, WorkerMessage};

use super::judge::{begin, cancel, judge, list, ready_for_two, same};
use crate::case::{Case, Finding};
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

pub(super) fn cases() -> Vec<WorkerCase> {
    vec![
        WorkerCase {
            about: Case {
                id: "jobs/two-at-a-time",
                requirements: &["GR-5.4-2", "GR-5.4-1", "GR-5.4-6"],
                sends: "two jobs that wait to a worker with 2 slots, and a cancel of the second",
                expects: "both run at the same time, and each ends for itself",
            },
            needs: &["conformance.wait", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(two_at_a_time(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/two-inputs-at-a-time",
                requirements: &["GR-5.4-8", "GR-5.4-2"],
                sends: "the inputs of two jobs, piece by piece in turn",
                expects: "the output of each is its input",
            },
            needs: &["conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(two_inputs_at_a_time(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/one-crashes-of-two",
                requirements: &["GR-5.4-2"],
                sends: "a job that crashes while another waits",
                expects: "JobFinished for the one, and the other waits on",
            },
            needs: &["conformance.wait", "conformance.crash"],
            closing: Closing::Orderly,
            run: |session| Box::pin(one_crashes_of_two(session)),
        },
        WorkerCase {
            about: Case {
                id: "jobs/more-than-slots",
                requirements: &["GR-1.3-4", "GR-5.4-6", "GR-5.4-2", "GR-5.4-5", "GR-5.4-13"],
                sends: "one job more than the worker has slots, which breaks GR-5.4-6",
                expects: "the end of the connection, or no JobAccepted of this job while the others run \
                          and one JobFinished for each",
            },
            needs: &["conformance.wait", "conformance.echo"],
            closing: Closing::Orderly,
            run: |session| Box::pin(more_than_slots(session)),
        },
    ]
}

async fn two_at_a_time(session: &mut Session) -> Result<(), Stop> {
    let request = session.request();
    ready_for_two(session, request).await?;
    let first = begin(session, "conformance.wait", "").await?;
    let second = begin(session, "conformance.wait", "").await?;
    let seq = session.ping().await?;
    let pong = session.expect_pong(seq).await?;
    if pong.jobs != 2 {
        let expected = "a Pong with 2 jobs, which is how many run";
        session.remark(Finding::new("GR-5.2-3", expected, pong.jobs.to_string()));
    }
    cancel(session, second).await?;
    session.finish_job(second).await?;
    // In the place that is free again, while the first still waits.
    session.echo("beside a job that waits").await?;
    let before = session.barrier().await?;
    judge(
        before.is_empty(),
        "section 9.1",
        "nothing of the job that waits",
        list(&before),
    )?;
    cancel(session, first).await?;
    session.finish_job(first).await.map(drop)
}

async fn two_inputs_at_a_time(session: &mut Session) -> Result<(), Stop> {
    const PIECES: usize = 20;
    let request = session.request();
    ready_for_two(session, request).await?;
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let mut start = session.start_message("conformance.echo");
        start.last = false;
        jobs.push(start.job);
        session
            .send(HostMessage::StartJob(start, Bytes::new()))
            .await?;
    }
    let piece = |job: u64, index: usize| Bytes::from(format!("piece {index} of job {job}, "));
    for index in 0..PIECES {
        for &job in &jobs {
            let last = index == PIECES - 1;
            session
                .send(HostMessage::JobInput(
                    JobInput { job, last },
                    piece(job, index),
                ))
                .await?;
        }
    }
    let mut outputs = vec![Vec::new(); jobs.len()];
    let mut open = jobs.len();
    while open > 0 {
        let (job, data) = match session.next("GR-5.4-2", "JobFinished of both jobs").await? {
            WorkerMessage::JobOutput(output, data) => (output.job, data),
            WorkerMessage::JobFinished(finished, data) => {
                open -= 1;
                (finished.job, data)
            }
            _ => continue,
        };
        if let Some(index) = jobs.iter().position(|&known| known == job) {
            outputs[index].extend_from_slice(&data);
        }
    }
    for (&job, output) in jobs.iter().zip(&outputs) {
        let input: Vec<u8> = (0..PIECES).flat_map(|index| piece(job, index)).collect();
        same("GR-5.4-8", &input, output)?;
    }
    Ok(())
}

async fn one_crashes_of_two(session: &mut Session) -> Result<(), Stop> {
    let request = session.request();
    ready_for_two(session, request).await?;
    let waits = begin(session, "conformance.wait", "").await?;
    let end = session.run_job("conformance.crash", "bang", &[]).await?;
    judge(
        end.failure.is_some(),
        "section 9.1",
        "a failure of the job that crashes",
        format!("{end:?}"),
    )?;
    let before = session.barrier().await?;
    judge(
        before.is_empty(),
        "section 9.1",
        "nothing of the job that waits",
        list(&before),
    )?;
    cancel(session, waits).await?;
    session.finish_job(waits).await.map(drop)
}

async fn more_than_slots(session: &mut Session) -> Result<(), Stop> {
    const MOST: u32 = 16;
    let slots = session.ready().await?.slots;
    if slots > MOST {
        return Err(Stop::Skip(format!("the worker has {slots} slots")));
    }
    let mut open = Vec::new();
    for _ in 0..slots {
        open.push(begin(session, "conformance.wait", "").await?);
    }
    let waiting = open.clone();
    let extra = session.start("conformance.echo", "too many", &[]).await?;
    open.push(extra);
    // What the worker makes of it while all its slots are taken comes before the Pong.
    let seq = session.ping().await?;
    let mut told = false;
    let expected = "JobFinished for each job, or the end of the connection";
    let mut deadline = session.deadline();
    while !open.is_empty() {
        match session.arrival(deadline, "GR-5.4-2", expected).await? {
            Some(WorkerMessage::Pong(pong)) if pong.seq == seq => {
                for &job in &waiting {
                    cancel(session, job).await?;
                }
                told = true;
                deadline = session.deadline();
            }
            // It sees how many slots it has, and breaks its own word to hide that its host has.
            Some(WorkerMessage::JobAccepted(accepted)) if accepted.job == extra && !told => {
                let expected = "the end of the connection, or a job that is not begun";
                let got = format!("JobAccepted {extra} with all {slots} slots taken");
                return Err(Finding::new("GR-1.3-4", expected, got).into());
            }
            // The referee refuses a second one.
            Some(WorkerMessage::JobFinished(finished, _)) => {
                open.retain(|&job| job != finished.job);
            }
            Some(_) => {}
            None => {
                session.close_as(Closing::Refused);
                return Ok(());
            }
        }
    }
    session.echo("the next job").await
}
