//! The end of a process: what it still said counts, nothing of it stays, then it is reaped.

use std::sync::Arc;
use std::time::Duration;

use greenroom_supervision::ExitStatus;
use greenroom_supervision::stop::KILL_WAIT;
use greenroom_supervision::unit::Exit;
use tokio::time::Instant;

use super::daemon::Running;
use super::{Fact, Live, Order, Over, Remains};
use crate::os::{self, Group, Mark, SIGKILL};

/// How long output may still come once the process has ended. Who holds the pipes longer is
/// somebody else.
const DRAIN: Duration = Duration::from_millis(200);

impl Running {
    pub(super) async fn exited(mut self) -> Over {
        // What it has left behind in its group would hold the pipes open.
        self.child.kill();
        let output_held_open = !self.drain().await;
        self.last_notifications().await;
        let Self {
            link,
            mut orders,
            child,
            logs,
            lines,
            audience,
            killed,
            stopping,
            mark,
            looks,
            ..
        } = self;
        // What they run bears the mark: nothing more of that is begun.
        drop(looks);
        let group = child.group();
        let unit = audience.unit;
        let status = child.reap().unwrap_or(ExitStatus::Code(-1));
        let mut extinct = Box::pin(extinct(group, &unit));
        let mut sweep = Box::pin(sweep(mark, Arc::clone(&unit)));
        // Who was told to end has ended when nothing of it is left. A death that nobody has asked for
        // is told first, unless there is somebody for sure: what has left the group is looked for
        // while the next start is due.
        let sweep_first = stopping || output_held_open;
        let gone = async {
            extinct.as_mut().await;
            if sweep_first {
                sweep.as_mut().await
            } else {
                Vec::new()
            }
        };
        let mut gone = Box::pin(gone);
        let strays = loop {
            tokio::select! {
                strays = &mut gone => break strays,
                order = orders.recv() => match order {
                    Some(Order::Describe(reply)) => {
                        let _ = reply.send(Live { groups: Vec::new(), ..Live::of(&lines) });
                    }
                    Some(Order::CatchUp) => link.tell(Fact::CaughtUp).await,
                    // It has ended: there is nobody to do that to.
                    Some(_) => {}
                    None => std::future::pending().await,
                },
            }
        };
        drop(gone);
        let sweeping = (!sweep_first).then(|| tokio::spawn(async { drop(sweep.await) }));
        let (last_lines, dropped_lines) = logs.finish();
        let remains = Remains {
            last_lines,
            dropped_lines,
            output_held_open,
            strays,
        };
        let end = Ok(Exit::Process(judge(status, killed)));
        Over {
            sweeping,
            ..Over::new(end, lines, orders, remains)
        }
    }

    /// Reads until nobody holds the pipes any more; false if somebody still does.
    async fn drain(&mut self) -> bool {
        let limit = Instant::now() + DRAIN;
        while !self.logs.ended() {
            tokio::select! {
                biased;
                printed = std::future::poll_fn(|context| self.logs.poll_read(context)) => {
                    self.printed(&printed).await;
                    if Instant::now() >= limit {
                        return false;
                    }
                }
                () = tokio::time::sleep_until(limit) => return false,
            }
        }
        true
    }
}

async fn extinct(group: Group, unit: &str) {
    let survivors = os::extinct(group, KILL_WAIT).await;
    if !survivors.is_empty() {
        tracing::error!(
            unit,
            ?survivors,
            "killed processes of a unit have not ended"
        );
    }
}

/// Kills who has left the group. Who.
async fn sweep(mark: Mark, unit: Arc<str>) -> Vec<u32> {
    let strays = os::sweep(mark).await;
    if !strays.is_empty() {
        tracing::warn!(%unit, ?strays, "processes that had left their group were killed");
    }
    strays
}

/// The system kills with the same signal as everybody else.
fn judge(status: ExitStatus, killed: bool) -> ExitStatus {
    let unasked = matches!(
        status,
        ExitStatus::Signal {
            signal: SIGKILL,
            ..
        }
    ) && !killed;
    if unasked && os::out_of_memory_since_last_look() {
        return ExitStatus::OutOfMemory;
    }
    status
}
