//! Answers that go on: events and lines as they come, and the end of everything.

use greenroom::supervisor::{OutputLine, OutputLines};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::host::Host;
use super::output::{Expected, Seen};
use super::requests::{Said, ended, failure};
use crate::control::connection::{Answers, Cut, Requests};
use crate::control::message::{Answer, Failure, FailureKind};
use crate::view::{LineView, Origin};

/// Lines that one who follows may be behind.
const BEHIND: usize = 1_024;

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
    if !follow {
        return Ok(Ok(()));
    }
    let mut expected = Expected::default();
    for line in statuses.iter().flat_map(|unit| &unit.last_lines) {
        expected.see(line);
    }
    drop(statuses);
    let (sender, mut queue) = mpsc::channel(BEHIND);
    let over = host.supervisor.ended();
    let gather = async {
        tokio::select! {
            // The end comes after the last line.
            biased;
            () = gather(&mut next, unit, expected, host.origin, sender) => {}
            _ = requests.next() => {}
            _ = over => {}
        }
    };
    let pass_on = async move {
        while let Some(answer) = queue.recv().await {
            answers.send(&answer).await?;
        }
        Ok(())
    };
    let ((), passed) = tokio::join!(gather, pass_on);
    passed.map(Ok)
}

/// Puts lines into a queue as they come, whether it is emptied or not: so a reader that is slow is
/// known from a unit that is too fast.
async fn gather(
    lines: &mut OutputLines,
    unit: Option<&str>,
    mut expected: Expected,
    origin: Origin,
    queue: mpsc::Sender<Answer>,
) {
    let mut missed = 0;
    while let Some(line) = lines.next().await {
        if queue.is_closed() {
            return;
        }
        if unit.is_some_and(|unit| unit != &*line.unit) {
            continue;
        }
        let Seen::New { dropped } = expected.see(&line) else {
            continue;
        };
        let dropped = dropped.map(|lines| Answer::Dropped {
            unit: line.unit.to_string(),
            lines,
        });
        if missed > 0 && queue.try_send(Answer::Missed(missed)).is_ok() {
            missed = 0;
        }
        let line = Answer::Line(LineView::new(&line, origin));
        for answer in dropped.into_iter().chain([line]) {
            missed += u64::from(queue.try_send(answer).is_err());
        }
    }
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
