//! Output and its window (section 5.5).

use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::HostMessage;

use super::case;
use crate::case::Finding;
use crate::host::acting::{Given, small_job};
use crate::host::case::{Closing, HostCase, Played, Stop};
use crate::host::say::{Command, Job, Outcome, SECTION};
use crate::host::session::{accepted, finished, output};
use crate::host::stage::Stage;

/// The smallest window that can be agreed on, and so the one that is.
const WINDOW: usize = 65_536;
/// What a piece costs at least.
const LEAST: usize = 64;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "output/in-order",
            &["GR-5.5-1"],
            [
                "sends three pieces of output, and a last one",
                "the output is all of them in order",
            ],
            |stage| Box::pin(in_order(stage)),
        ),
        case(
            "output/whole-window",
            &["GR-5.5-1"],
            [
                "uses the window up to its last byte while nothing is taken",
                "the output is whole",
            ],
            |stage| Box::pin(whole_window(stage)),
        ),
        case(
            "output/last-bytes-cost-nothing",
            &["GR-5.5-2"],
            [
                "uses the whole window, and ends with 50,000 bytes more",
                "the output is whole",
            ],
            |stage| Box::pin(last_bytes_cost_nothing(stage)),
        ),
        case(
            "output/over-the-window",
            &["GR-5.5-1", "GR-4.3-2"],
            [
                "sends one piece more than the window holds",
                "the host ends the connection",
            ],
            |stage| Box::pin(over_the_window(stage)),
        )
        .closing(Closing::Refused),
        case(
            "output/over-the-window-in-crumbs",
            &["GR-5.5-1"],
            [
                "sends 1,025 pieces of one byte, which cost 64 each of a window of 65,536",
                "the host ends the connection",
            ],
            |stage| Box::pin(over_the_window_in_crumbs(stage)),
        )
        .closing(Closing::Refused),
        case(
            "output/window-as-taken",
            &["GR-5.5-3"],
            [
                "uses the whole window while nothing is taken",
                "JobWindow comes when the output is taken, and not before",
            ],
            |stage| Box::pin(window_as_taken(stage)),
        ),
        case(
            "output/through-a-small-window",
            &["GR-5.5-3", "GR-5.5-1"],
            [
                "sends 1 MB through a window of 65,536 bytes",
                "the window grows as it is taken",
            ],
            |stage| Box::pin(through_a_small_window(stage)),
        ),
    ]
}

/// An accepted job with the smallest window.
async fn narrow(stage: &mut Stage, hold: bool) -> Result<Given, Stop> {
    stage
        .ready_as(SECTION, |response| {
            response.limits.output_window = WINDOW as u32;
        })
        .await?;
    let job = stage
        .given(Job {
            hold,
            ..small_job()
        })
        .await?;
    stage.send(accepted(job.number));
    Ok(job)
}

fn bytes(count: usize) -> Bytes {
    vec![b'x'; count].into()
}

/// The window, in two pieces.
fn fill(job: u64) -> [greenroom_protocol::WorkerMessage; 2] {
    [
        output(job, bytes(WINDOW / 2)),
        output(job, bytes(WINDOW / 2)),
    ]
}

fn take(stage: &mut Stage, job: &Given) {
    stage.command(&Command::Take {
        key: job.key.clone(),
    });
}

async fn has_bytes(stage: &mut Stage, job: &Given, expected: usize) -> Played {
    match stage.outcome(SECTION, &job.key).await? {
        Outcome::Ok { bytes, .. } if bytes == expected as u64 => Ok(()),
        other => {
            // It has no right to refuse what the window holds; what it tells of it is another thing.
            let requirement = match other {
                Outcome::Ok { .. } => SECTION,
                _ => stage.main(),
            };
            let expected = format!("{expected} bytes of output");
            Err(Finding::new(requirement, expected, format!("{other:?}")).into())
        }
    }
}

async fn in_order(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    for piece in ["one, ", "two, ", "", "three, "] {
        stage.send(output(job.number, piece));
    }
    stage.send(finished(job.number, "four"));
    stage
        .ends_with(SECTION, &job.key, "one, two, three, four")
        .await
}

async fn whole_window(stage: &mut Stage) -> Played {
    let job = narrow(stage, true).await?;
    stage.send_all(&fill(job.number));
    stage.send(finished(job.number, ""));
    take(stage, &job);
    has_bytes(stage, &job, WINDOW).await
}

async fn last_bytes_cost_nothing(stage: &mut Stage) -> Played {
    let job = narrow(stage, true).await?;
    stage.send_all(&fill(job.number));
    stage.send(finished(job.number, bytes(50_000)));
    take(stage, &job);
    has_bytes(stage, &job, WINDOW + 50_000).await
}

async fn over_the_window(stage: &mut Stage) -> Played {
    let job = narrow(stage, true).await?;
    let [one, two] = fill(job.number);
    stage.send_all(&[one, two, output(job.number, bytes(1))]);
    too_much(stage, &job).await
}

async fn over_the_window_in_crumbs(stage: &mut Stage) -> Played {
    let job = narrow(stage, true).await?;
    let crumb = output(job.number, bytes(1));
    stage.send_all(&vec![crumb; WINDOW / LEAST + 1]);
    too_much(stage, &job).await
}

async fn too_much(stage: &mut Stage, job: &Given) -> Played {
    stage
        .until("GR-5.5-1", "the host to end the connection", |stage| {
            stage.actor()?.is_over().then_some(())
        })
        .await?;
    // The outcome may stand behind the output that was held back.
    take(stage, job);
    stage.refused().await
}

/// The next JobWindow, if one comes in this time.
async fn window(stage: &mut Stage, within: Duration) -> Option<u32> {
    let bound = stage.wait_at_most.replace(within);
    let found = stage.message("GR-5.5-3", "JobWindow", |message| match message {
        HostMessage::JobWindow(window) => Some(window.bytes),
        _ => None,
    });
    let found = found.await.ok();
    stage.wait_at_most = bound;
    found
}

async fn window_as_taken(stage: &mut Stage) -> Played {
    let job = narrow(stage, true).await?;
    stage.send_all(&fill(job.number));
    // The host has read all of it.
    stage.call("echo", "").await?;
    let interval = stage.ping_interval();
    if let Some(early) = window(stage, interval).await {
        let got = format!("{early} bytes more");
        return Err(Finding::new("GR-5.5-3", "no JobWindow before output is taken", got).into());
    }
    take(stage, &job);
    let bound = stage.setting.timeout;
    let window = window(stage, bound).await;
    stage.send(finished(job.number, ""));
    has_bytes(stage, &job, WINDOW).await?;
    if window.is_none() {
        let got = "none, though all of the window was taken";
        return Err(Finding::new("GR-5.5-3", "JobWindow as output is taken", got).into());
    }
    Ok(())
}

async fn through_a_small_window(stage: &mut Stage) -> Played {
    const ALL: usize = 1_000_000;
    let job = narrow(stage, false).await?;
    let (mut room, mut left) = (WINDOW, ALL);
    while left > 0 {
        let piece = left.min(16 << 10);
        if piece > room {
            let expected = "JobWindow as output is taken";
            room += stage
                .message("GR-5.5-3", expected, |message| match message {
                    HostMessage::JobWindow(window) => Some(window.bytes as usize),
                    _ => None,
                })
                .await?;
            continue;
        }
        stage.send(output(job.number, bytes(piece)));
        room -= piece;
        left -= piece;
    }
    stage.send(finished(job.number, ""));
    has_bytes(stage, &job, ALL).await
}
