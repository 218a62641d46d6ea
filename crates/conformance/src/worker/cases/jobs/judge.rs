//! Small steps and judgements that cases of several themes share.

use bytes::Bytes;
use greenroom_protocol::{CancelJob, CancelReason, HostMessage, InitializeRequest, WorkerMessage};

use crate::case::Finding;
use crate::words;
use crate::worker::case::Stop;
use crate::worker::session::Session;

/// Ends the case unless it holds, as bindingly as the requirement is.
pub(in crate::worker::cases) fn judge(
    holds: bool,
    requirement: &'static str,
    expected: impl Into<String>,
    got: impl Into<String>,
) -> Result<(), Stop> {
    if holds {
        Ok(())
    } else {
        Err(Finding::new(requirement, expected, got).into())
    }
}

/// The output must be these bytes; says where it begins to differ.
pub(in crate::worker::cases) fn same(
    requirement: &'static str,
    expected: &[u8],
    got: &[u8],
) -> Result<(), Stop> {
    if expected == got {
        return Ok(());
    }
    let pairs = expected.iter().zip(got);
    let differs = pairs.take_while(|(one, other)| one == other).count();
    let shown = |bytes: &[u8]| {
        let rest = &bytes[differs..bytes.len().min(differs + 40)];
        format!(
            "{} bytes, and from byte {differs} on \"{}\"",
            bytes.len(),
            rest.escape_ascii()
        )
    };
    Err(Finding::new(requirement, shown(expected), shown(got)).into())
}

/// What `conformance.produce` sends.
pub(in crate::worker::cases) fn pattern(length: usize) -> Bytes {
    (0..length).map(|i| (i % 251) as u8).collect()
}

/// Messages in words.
pub(in crate::worker::cases) fn list(messages: &[WorkerMessage]) -> String {
    match messages {
        [] => "nothing".into(),
        _ => messages
            .iter()
            .map(words::worker)
            .collect::<Vec<_>>()
            .join(" · "),
    }
}

/// How often a job has ended in these messages.
pub(in crate::worker::cases) fn ends(messages: &[WorkerMessage], job: u64) -> usize {
    let is_end = |message: &&WorkerMessage| match message {
        WorkerMessage::JobFinished(finished, _) => finished.job == job,
        _ => false,
    };
    messages.iter().filter(is_end).count()
}

/// Makes the worker ready with two slots: the preparation `slots 2` of section 9.1.
pub(in crate::worker::cases) async fn ready_for_two(
    session: &mut Session,
    request: InitializeRequest,
) -> Result<(), Stop> {
    let response = session.ready_with(request, "slots 2").await?;
    judge(
        response.slots == 2,
        "section 9.1",
        "2 slots after the preparation `slots 2`",
        response.slots.to_string(),
    )
}

/// Cancels a job for the usual reason.
pub(in crate::worker::cases) async fn cancel(session: &mut Session, job: u64) -> Result<(), Stop> {
    let reason = CancelReason::REQUESTED;
    session
        .send(HostMessage::CancelJob(CancelJob { job, reason }))
        .await
}

/// Starts a job that says `begun`, and waits until it does.
pub(in crate::worker::cases) async fn begin(
    session: &mut Session,
    name: &str,
    input: &str,
) -> Result<u64, Stop> {
    let job = session.start(name, input.to_owned(), &[]).await?;
    await_begun(session, job).await?;
    Ok(job)
}

/// Passes over messages until this job has sent `begun`.
pub(in crate::worker::cases) async fn await_begun(
    session: &mut Session,
    job: u64,
) -> Result<(), Stop> {
    let expected = format!("JobOutput {job} with \"begun\"");
    let mut output = Vec::new();
    session
        .until("section 9.1", &expected, |message| match message {
            WorkerMessage::JobOutput(piece, data) if piece.job == job => {
                output.extend_from_slice(data);
                (output.len() >= b"begun".len()).then_some(())
            }
            // It will not come any more: what is wrong is told by the comparison.
            WorkerMessage::JobFinished(finished, _) if finished.job == job => Some(()),
            _ => None,
        })
        .await?;
    same("section 9.1", b"begun", &output)
}
