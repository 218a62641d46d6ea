//! Does to the stage what the plan says, from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::host::Host;
use crate::plan::{Plan, Shortage, Trouble, Victim};
use crate::processes::{signal, victims};

/// While something is short, somebody who is to be replaced dies this often.
const DEATHS: Duration = Duration::from_millis(100);

/// What was done so far.
#[derive(Debug, Default)]
pub(crate) struct Done {
    counts: BTreeMap<&'static str, u64>,
    /// Who was ever stopped: these may be killed for their silence.
    pub(crate) stopped: BTreeSet<u32>,
    /// Those of them whom nobody else ends or lets go on.
    unnoticed: BTreeSet<u32>,
    /// What could not be done, in words.
    pub(crate) skipped: BTreeSet<String>,
}

impl Done {
    pub(crate) fn act(&mut self, trouble: Trouble, host: &mut Host, plan: &mut Plan) {
        match trouble {
            Trouble::Kill(victim) => self.kill(victim, host, plan),
            Trouble::KillAllWorkers => {
                for victim in [Victim::Worker, Victim::Liar] {
                    for pid in victims(host.pid(), victim) {
                        signal(pid, Signal::KILL);
                        self.count("kills");
                    }
                }
            }
            Trouble::Stop(victim) => {
                let stopped = self.stop(victim, host, plan);
                // A worker that is silent is ended.
                self.unnoticed
                    .extend(stopped.filter(|_| victim != Victim::Worker));
            }
            Trouble::Pause(victim, time) => {
                if let Some(pid) = self.stop(victim, host, plan) {
                    thread::sleep(time);
                    signal(pid, Signal::CONT);
                }
            }
            Trouble::Freeze(time) => {
                signal(host.pid(), Signal::STOP);
                thread::sleep(time);
                signal(host.pid(), Signal::CONT);
                self.count("freezes");
            }
            Trouble::Shortage(shortage, time) => self.shortage(shortage, time, host, plan),
            Trouble::Flood(jobs) => {
                host.tell(&format!("flood {jobs}"));
                self.count("floods");
            }
            Trouble::Reload => {
                host.tell("reload");
                self.count("reloads");
            }
        }
    }

    fn kill(&mut self, victim: Victim, host: &Host, plan: &mut Plan) {
        match plan.pick(&victims(host.pid(), victim)) {
            Some(pid) => {
                signal(pid, Signal::KILL);
                self.count("kills");
            }
            None => self.count("misses"),
        }
    }

    fn stop(&mut self, victim: Victim, host: &Host, plan: &mut Plan) -> Option<u32> {
        let chosen = plan.pick(&victims(host.pid(), victim));
        match chosen {
            Some(pid) => {
                self.stopped.insert(pid);
                signal(pid, Signal::STOP);
                self.count("stops");
            }
            None => self.count("misses"),
        }
        chosen
    }

    fn shortage(&mut self, short: Shortage, time: Duration, host: &mut Host, plan: &mut Plan) {
        if let (Shortage::Processes, Some(why)) = (short, host.exempt) {
            self.skipped.insert(format!("EAGAIN at spawn: {why}"));
            return;
        }
        match short {
            Shortage::Descriptors { spare } => {
                host.tell(&format!("lower descriptors {spare}"));
                self.count("EMFILE");
            }
            Shortage::Processes => {
                host.tell("lower processes");
                self.count("EAGAIN");
            }
            Shortage::Memory => {
                host.tell("lower memory");
                self.count("ENOMEM");
            }
            Shortage::Disk => {
                host.tell("lower disk");
                self.count("full disk");
            }
        }
        let end = Instant::now() + time;
        for victim in [Victim::Worker, Victim::Daemon, Victim::Liar]
            .iter()
            .cycle()
        {
            self.kill(*victim, host, plan);
            let left = end.saturating_duration_since(Instant::now());
            thread::sleep(left.min(DEATHS));
            if left.is_zero() {
                break;
            }
        }
        host.tell("lift");
    }

    /// Everybody goes on who was stopped and could stay so for ever: from now on all is to be well.
    pub(crate) fn let_go_on(&mut self) {
        for pid in std::mem::take(&mut self.unnoticed) {
            signal(pid, Signal::CONT);
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in &self.counts {
            write!(f, "{what} {count}  ")?;
        }
        Ok(())
    }
}
