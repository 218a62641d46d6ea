//! Whether pongs come from where the handlers run.
//!
//! A worker may turn its loop a few times between `begun` and the block, and between the block and
//! `JobFinished`, so that a pong among these messages proves nothing. The clock does: a block that
//! lasts N begins after `StartJob` was sent, and so it is not over N later; and it is over when
//! `JobFinished` is there, and so it had begun N before that. Between these two moments the handler
//! blocks for certain, however slow the machine is. A `Ping` that is sent and answered there was
//! answered elsewhere. If the machine was so slow that too little lies between them, the kit tries
//! again with a longer block.

use std::time::{Duration, Instant};

use greenroom_protocol::WorkerMessage;
use tokio::time::sleep;

use super::super::jobs::judge::{begin, judge, same};
use super::nothing_before_a_pong;
use crate::case::{Case, Finding};
use crate::worker::case::{Closing, Stop, WorkerCase};
use crate::worker::session::Session;

/// For so long the handler blocks: at first, and then if the machine is slow.
const BLOCKS: [Duration; 3] = [
    Duration::from_millis(1_000),
    Duration::from_millis(3_000),
    Duration::from_millis(9_000),
];
/// Between a `Pong` and the next `Ping`.
const PACE: Duration = Duration::from_millis(5);
/// Clocks that count in milliseconds may be wrong by so much.
const CLOCK: Duration = Duration::from_millis(10);

pub(super) fn case() -> WorkerCase {
    WorkerCase {
        about: Case {
            id: "pings/while-a-handler-blocks",
            requirements: &["GR-5.2-2", "GR-5.2-3"],
            sends: "Pings, each after the Pong before, while a handler keeps the place where handlers \
                    run",
            expects: "no Pong to a Ping of the time in which the handler blocks for certain, before \
                      that time is over",
        },
        needs: &["conformance.block"],
        closing: Closing::Orderly,
        run: |session| Box::pin(while_a_handler_blocks(session)),
    }
}

async fn while_a_handler_blocks(session: &mut Session) -> Result<(), Stop> {
    session.ready().await?;
    for block in BLOCKS {
        let watched = watch(session, block).await?;
        if let Some(answered) = watched.answered_in_the_block() {
            let expected = "no Pong while the handler keeps the place where it runs";
            let got = format!(
                "Pong seq {}, {:?} after its Ping and in the middle of the block",
                answered.seq,
                answered.answered - answered.sent
            );
            return Err(Finding::new("GR-5.2-2", expected, got).into());
        }
        if watched.certain() >= block / 2 {
            return nothing_before_a_pong(session).await;
        }
        session.note("the machine is too slow for a block of this length");
    }
    Err(Stop::Skip("the machine is too busy to tell".into()))
}

/// A `Ping` that was answered.
#[derive(Clone, Copy)]
struct Answered {
    seq: u64,
    sent: Instant,
    answered: Instant,
}

/// A job that has blocked, and the pings of its time.
struct Watched {
    block: Duration,
    started: Instant,
    finished: Instant,
    pings: Vec<Answered>,
}

impl Watched {
    /// The handler blocks from here on at the latest.
    fn begun(&self) -> Instant {
        // The job has taken as long as the block at least.
        self.finished - (self.block - CLOCK).min(self.finished - self.started)
    }

    /// And until here at least.
    fn not_over(&self) -> Instant {
        self.started + self.block - CLOCK
    }

    /// For how long the handler has blocked for certain.
    fn certain(&self) -> Duration {
        self.not_over().saturating_duration_since(self.begun())
    }

    fn answered_in_the_block(&self) -> Option<Answered> {
        let within = self.begun()..self.not_over();
        let mut pings = self.pings.iter().copied();
        pings.find(|ping| within.contains(&ping.sent) && within.contains(&ping.answered))
    }
}

/// Runs the job, and pings until its end.
async fn watch(session: &mut Session, block: Duration) -> Result<Watched, Stop> {
    let started = Instant::now();
    let job = begin(session, "conformance.block", &block.as_millis().to_string()).await?;
    let (mut pings, mut finished, mut output) = (Vec::new(), None, Vec::new());
    let deadline = session.deadline() + block;
    let sent = Instant::now();
    let mut open = Some((session.ping().await?, sent));
    while finished.is_none() || open.is_some() {
        let expected = "JobFinished, and a Pong for each Ping";
        match session.next_by(deadline, "GR-5.2-3", expected).await? {
            // The referee knows that it is the one that is open.
            WorkerMessage::Pong(_) => {
                let answered = Instant::now();
                if let Some((seq, sent)) = open.take() {
                    pings.push(Answered {
                        seq,
                        sent,
                        answered,
                    });
                }
                if finished.is_none() {
                    sleep(PACE).await;
                    let sent = Instant::now();
                    open = Some((session.ping().await?, sent));
                }
            }
            WorkerMessage::JobOutput(_, data) => output.extend_from_slice(&data),
            WorkerMessage::JobFinished(end, data) if end.job == job => {
                finished = Some(Instant::now());
                output.extend_from_slice(&data);
            }
            _ => {}
        }
    }
    let finished = finished.expect("the loop ends behind it");
    // Behind `begun`, which is there.
    same("section 9.1", b"blocked", &output)?;
    let took = finished - started;
    judge(
        took >= block.saturating_sub(CLOCK),
        "section 9.1",
        format!("conformance.block to block for {block:?}"),
        format!("JobFinished after {took:?}"),
    )?;
    Ok(Watched {
        block,
        started,
        finished,
        pings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A block of 1 s, and a ping; all in milliseconds since `StartJob` was sent.
    fn watched(finished: u32, sent: u32, answered: u32) -> Watched {
        let started = Instant::now();
        let at = |ms: u32| started + MS * ms;
        Watched {
            block: MS * 1_000,
            started,
            finished: at(finished),
            pings: vec![Answered {
                seq: 1,
                sent: at(sent),
                answered: at(answered),
            }],
        }
    }

    #[test]
    fn a_pong_is_too_early_only_where_the_block_is_certain() {
        // It began 300 ms after StartJob at the latest.
        for (sent, answered, early) in [
            (400, 500, true),
            (200, 250, false),
            (200, 500, false),
            (900, 1_100, false),
            (1_200, 1_250, false),
        ] {
            let watched = watched(1_300, sent, answered);
            let found = watched.answered_in_the_block().is_some();
            assert_eq!(found, early, "{sent} to {answered}");
        }
    }

    #[test]
    fn on_a_slow_machine_nothing_is_certain() {
        assert!(watched(1_100, 0, 1).certain() > MS * 800);
        assert!(watched(1_900, 0, 1).certain() < MS * 200);
        assert_eq!(watched(5_000, 0, 1).certain(), Duration::ZERO);
    }
}
