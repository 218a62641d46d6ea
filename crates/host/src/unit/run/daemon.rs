//! A run of a process.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use greenroom_supervision::Time;
use greenroom_supervision::stop::StopAction;
use regex::Regex;

use super::looks::Looks;
use super::start::system;
use super::stdin::Stdin;
use super::{Fact, Link, Live, Order, Orders, Over, Start};
use crate::clock;
use crate::logs::{Logs, Printed, Speaker};
use crate::notify::{Notification, NotifySocket, Watchdog};
use crate::os::{Child, Mark, SIGKILL, Spawned};
use crate::unit::Ready;
use crate::unit::lines::{Audience, Lines};

/// Output that means that it lives is told at most this often: its silence is known that exactly.
const TELL_OUTPUT: Duration = Duration::from_millis(20);
/// What is told of one that leaves, unless it has a text of its own.
const LEAVING: &str = "stopping";
/// Reads, when everything that is there is to be read, of one who may never stop writing.
const CATCH_UP: usize = 64;

/// A process that runs, or has just ended.
pub(super) struct Running {
    pub(super) link: Link,
    pub(super) orders: Orders,
    pub(super) child: Child,
    pub(super) logs: Logs,
    pub(super) lines: Lines,
    pub(super) audience: Audience,
    pub(super) stdin: Stdin,
    pub(super) notify: Option<NotifySocket>,
    pub(super) looks: Looks,
    pub(super) status_text: Option<String>,
    /// It has said that it leaves (`STOPPING=1`).
    leaving: bool,
    /// Which line means that it is ready, until it was printed.
    awaited: Option<Regex>,
    /// When its output was told last, if anybody wants to know.
    told_output: Option<Time>,
    /// Somebody here has sent it SIGKILL.
    pub(super) killed: bool,
    /// It was told to end.
    pub(super) stopping: bool,
    /// Its supervisor is gone, and this task in a moment.
    deserted: bool,
    pub(super) mark: Mark,
}

enum Happened {
    Exited,
    Printed(Printed),
    Notified(Notification),
    Ordered(Option<Order>),
    Looked(Fact),
    Wrote,
}

impl Running {
    /// Fails if the runtime cannot watch it; the process is ended then.
    pub(super) fn new(
        start: Start,
        spawned: Spawned,
        notify: Option<NotifySocket>,
        mark: Mark,
    ) -> Result<Self, Box<Over>> {
        let Spawned {
            mut child,
            stdin,
            stdout,
            stderr,
            shortcomings,
        } = spawned;
        let pid = child.id();
        for shortcoming in shortcomings {
            let unit = start.unit.name();
            tracing::warn!(unit, pid, %shortcoming, "a unit runs without a limit");
        }
        let speaker = Speaker::Unit {
            name: Arc::clone(&start.audience.unit),
            generation: start.run.generation,
        };
        let pipes = child.watch().and_then(|()| {
            let logs = Logs::new(speaker, pid, stdout, stderr)?;
            Ok::<_, io::Error>((logs, Stdin::new(stdin, start.writes)?))
        });
        let (logs, stdin) = match pipes {
            Ok(pipes) => pipes,
            Err(error) => {
                let failure = system("watch the process", &error);
                return Err(Box::new(Over::silent(
                    Err(failure),
                    start.lines,
                    start.orders,
                )));
            }
        };
        let awaited = match &start.unit.ready {
            Ready::LogLine(awaited) => Some(awaited.clone()),
            _ => None,
        };
        let activity = start.unit.spec.policy.activity;
        Ok(Self {
            link: Link {
                run: start.run,
                facts: start.facts,
            },
            orders: start.orders,
            child,
            logs,
            lines: start.lines,
            audience: start.audience,
            stdin,
            notify,
            looks: Looks::new(start.unit, mark.clone()),
            status_text: None,
            leaving: false,
            awaited,
            told_output: activity.map(|_| Time::ZERO),
            killed: false,
            stopping: false,
            deserted: false,
            mark,
        })
    }

    /// `asked` came while there was no process yet.
    pub(super) async fn live(mut self, asked: Vec<StopAction>) -> Over {
        self.link.tell(Fact::Spawned(Some(self.child.id()))).await;
        for step in asked {
            self.stop(step);
        }
        loop {
            match self.next().await {
                Happened::Exited => return self.exited().await,
                Happened::Printed(printed) => {
                    self.printed(&printed).await;
                    // One that never stops printing must not keep the others waiting.
                    tokio::task::yield_now().await;
                }
                Happened::Notified(notification) => self.notified(notification).await,
                Happened::Ordered(Some(order)) => self.obey(order).await,
                Happened::Ordered(None) => {
                    self.deserted = true;
                    self.child.kill();
                }
                Happened::Looked(fact) => self.link.tell(fact).await,
                Happened::Wrote => {}
            }
        }
    }

    async fn next(&mut self) -> Happened {
        let notified = async {
            match &mut self.notify {
                Some(socket) => socket.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = std::future::poll_fn(|context| self.child.poll_exited(context)) => {
                Happened::Exited
            }
            printed = std::future::poll_fn(|context| self.logs.poll_read(context)) => {
                Happened::Printed(printed)
            }
            notification = notified => Happened::Notified(notification),
            order = self.orders.recv(), if !self.deserted => Happened::Ordered(order),
            fact = self.looks.next() => Happened::Looked(fact),
            () = self.stdin.step() => Happened::Wrote,
        }
    }

    /// Takes what was printed: remembers it, hands it on, and looks for the line that means ready.
    pub(super) async fn printed(&mut self, printed: &Printed) {
        let now = clock::now();
        let mut ready = false;
        for line in self.logs.take(printed, now, &[]) {
            let awaited = self.awaited.as_ref();
            ready |= awaited.is_some_and(|awaited| awaited.is_match(&line.text));
            self.lines.add(line, now, &self.audience);
        }
        if ready {
            self.awaited = None;
            self.link.tell(Fact::Ready).await;
        }
        if printed.is_something() {
            self.lines.note_activity(now);
            if let Some(told) = &mut self.told_output
                && now - *told >= TELL_OUTPUT
            {
                *told = now;
                self.link.tell(Fact::Output).await;
            }
        }
    }

    pub(super) async fn notified(&mut self, notification: Notification) {
        let Notification {
            ready,
            stopping,
            status,
            watchdog,
            watchdog_usec,
            extend_timeout,
            ..
        } = notification;
        self.leaving |= stopping;
        if let Some(text) = status {
            self.status_text = (!text.is_empty()).then_some(text);
        }
        let facts = [
            ready.then_some(Fact::Ready),
            extend_timeout.map(Fact::Extension),
            watchdog_usec.map(Fact::WatchdogInterval),
            watchdog.map(|sign| match sign {
                Watchdog::Alive => Fact::Watchdog,
                Watchdog::Trigger => Fact::WatchdogTrigger,
            }),
        ];
        for fact in facts.into_iter().flatten() {
            self.link.tell(fact).await;
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Stop(step) => self.stop(step),
            Order::Probe(which) => self.looks.probe(which),
            Order::SampleMemory => self.looks.measure(self.child.id()),
            Order::CatchUp => {
                self.catch_up().await;
                self.link.tell(Fact::CaughtUp).await;
            }
            Order::Signal(signal, reply) => {
                self.killed |= signal == SIGKILL;
                // Who has asked may have gone.
                let _ = reply.send(self.child.signal(signal));
            }
            Order::Describe(reply) => drop(reply.send(self.describe())),
            Order::Pool(_) => {}
        }
    }

    fn stop(&mut self, step: StopAction) {
        self.stopping = true;
        match step {
            StopAction::Write(bytes) => self.stdin.write(bytes),
            StopAction::CloseStdin => self.stdin.close(),
            StopAction::Signal(signal) => {
                if let Err(error) = self.child.signal(signal) {
                    let unit = &*self.audience.unit;
                    // One that has ended needs no signal; its end is on the way.
                    tracing::debug!(unit, signal, %error, "a unit was not signalled");
                }
            }
            StopAction::Kill => {
                self.killed = true;
                self.child.kill();
            }
            // Refused when the unit was added.
            StopAction::Shutdown => {}
        }
    }

    pub(super) fn describe(&self) -> Live {
        Live {
            status_text: self.status_text(),
            groups: vec![self.child.id()],
            ..Live::of(&self.lines)
        }
    }

    /// One that leaves may say more of it itself. The policy is not told: one that says so and stays
    /// is restarted like any other.
    fn status_text(&self) -> Option<String> {
        let leaving = || self.leaving.then(|| LEAVING.to_owned());
        self.status_text.clone().or_else(leaving)
    }

    /// What it has said before it ended, whether the runtime has seen that or not.
    pub(super) async fn last_notifications(&mut self) {
        for _ in 0..CATCH_UP {
            let Some(socket) = &mut self.notify else {
                return;
            };
            match socket.recv_now() {
                Some(notification) => self.notified(notification).await,
                None => return,
            }
        }
    }

    /// Reads what is there, so that it counts before time does.
    async fn catch_up(&mut self) {
        for _ in 0..CATCH_UP {
            let Some(printed) = at_once(|context| self.logs.poll_read(context)).await else {
                break;
            };
            self.printed(&printed).await;
        }
        for _ in 0..CATCH_UP {
            let Some(socket) = &mut self.notify else {
                break;
            };
            let Some(notification) = at_once(|context| socket.poll_recv(context)).await else {
                break;
            };
            self.notified(notification).await;
        }
    }
}

/// What is ready now.
async fn at_once<T>(
    mut poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<T>,
) -> Option<T> {
    use std::task::Poll;
    std::future::poll_fn(|context| {
        Poll::Ready(match poll(context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    })
    .await
}
