//! Answers that go on: events and lines as they come, and the end of everything.

use std::collections::HashMap;

use greenroom::supervisor::OutputLine;
use tokio::sync::broadcast::error::RecvError;

use super::host::Host;
use super::requests::{Said, ended, failure};
use crate::control::connection::{Answers, Cut, Requests};
use crate::control::message::{Answer, Failure, FailureKind};
use crate::view::LineView;

/// The last events, and what follows.
pub(super) async fn events(
    last: usize,
    follow: bool,
    requests: &mut Requests,
    answers: &mut Answers,
    host: &Host,
) -> Result<Said, Cut> {
    let Some(mut past) = host.history.past().await else {
        return Ok(Err(ended()));
    };
    let skip = past.events.len().saturating_sub(last);
    for event in &past.events[skip..] {
        answers.send(&Answer::Event((**event).clone())).await?;
    }
    let over = host.supervisor.ended();
    tokio::pin!(over);
    if !follow {
        return Ok(Ok(()));
    }
    loop {
        let answer = tokio::select! {
            // The end comes after the last event.
            biased;
            event = past.next.recv() => match event {
                Ok(event) => Answer::Event((*event).clone()),
                Err(RecvError::Lagged(missed)) => Answer::Missed(missed),
                Err(RecvError::Closed) => break,
            },
            _ = requests.next() => break,
            _ = &mut over => break,
        };
        answers.send(&answer).await?;
    }
    Ok(Ok(()))
}

/// The last lines, and what follows.
pub(super) async fn logs(
    unit: Option<&str>,
    last: usize,
    follow: bool,
    requests: &mut Requests,
    answers: &mut Answers,
    host: &Host,
) -> Result<Said, Cut> {
    // First this, so that no line falls between what was and what comes.
    let mut next = host.supervisor.output();
    let statuses = match unit {
        None => host.supervisor.statuses().await,
        Some(unit) => match host.supervisor.status(unit).await {
            Ok(status) => vec![status],
            Err(error) => return Ok(Err(failure(&error))),
        },
    };
    let mut past: Vec<&OutputLine> = statuses.iter().flat_map(|unit| &unit.last_lines).collect();
    past.sort_by_key(|line| line.at);
    let skip = past.len().saturating_sub(last);
    for line in &past[skip..] {
        let line = LineView::new(line, host.origin);
        answers.send(&Answer::Line(line)).await?;
    }
    // Per unit: what comes next.
    let mut expected: HashMap<String, u64> = (statuses.iter())
        .filter_map(|unit| Some((unit.name.clone(), unit.last_lines.last()?.sequence + 1)))
        .collect();
    drop(statuses);
    let over = host.supervisor.ended();
    tokio::pin!(over);
    if !follow {
        return Ok(Ok(()));
    }
    loop {
        let line = tokio::select! {
            // The end comes after the last line.
            biased;
            line = next.next() => line,
            _ = requests.next() => break,
            _ = &mut over => break,
        };
        let Some(line) = line else { break };
        if unit.is_some_and(|unit| unit != &*line.unit) {
            continue;
        }
        let known = expected.get(&*line.unit).copied();
        if known.is_some_and(|known| line.sequence < known) {
            continue;
        }
        expected.insert(line.unit.to_string(), line.sequence + 1);
        if let Some(missed) = known.map(|known| line.sequence - known).filter(|n| *n > 0) {
            answers.send(&Answer::Missed(missed)).await?;
        }
        let line = LineView::new(&line, host.origin);
        answers.send(&Answer::Line(line)).await?;
    }
    Ok(Ok(()))
}

/// Stops everything, and tells of it until it has ended.
pub(super) async fn shutdown(
    now: bool,
    by: String,
    requests: &mut Requests,
    answers: &mut Answers,
    host: &Host,
) -> Result<Said, Cut> {
    let Some(mut past) = host.history.past().await else {
        return Ok(Err(ended()));
    };
    let supervisor = host.supervisor.clone();
    // By itself: a client that hangs up must not take the order back.
    tokio::spawn(async move {
        if now {
            supervisor.kill(by).await;
        } else {
            supervisor.stop(by).await;
        }
    });
    let ending = host.supervisor.ended();
    tokio::pin!(ending);
    let mut listening = true;
    loop {
        let answer = tokio::select! {
            biased;
            event = past.next.recv() => match event {
                Ok(event) => Answer::Event((*event).clone()),
                Err(RecvError::Lagged(missed)) => Answer::Missed(missed),
                Err(RecvError::Closed) => return Ok(Ok(())),
            },
            ending = &mut ending => {
                if ending.abandoned.is_empty() {
                    return Ok(Ok(()));
                }
                let abandoned = ending.abandoned.join(", ");
                let message = format!("still there when the time was over: {abandoned}");
                return Ok(Err(Failure::new(FailureKind::Failed, message)));
            }
            // Whether the client hangs up or talks on, the end is near.
            _ = requests.next(), if listening => {
                listening = false;
                continue;
            }
        };
        answers.send(&answer).await?;
    }
}
