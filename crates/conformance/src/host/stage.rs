//! A host under test and all workers that it has started: where a case is played.
//!
//! Tasks carry bytes and lines; everything that happens comes to the stage as one event after the
//! other, whatever the case is waiting for at the moment. The first worker is the case's actor. All
//! others are understudies: they behave, and they do the jobs that a host gives them instead.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::arrivals::Wardrobe;
use super::body::Output;
use super::case::Played;
use super::event::{Event, Line};
use super::process::Process;
use super::say::{Command, Outcome, SECTION, Say, WorkerIs};
use super::session::{Part, Session};
use super::{NotTested, Program};
use crate::case::{Finding, Verdict};
use crate::transcript::{Transcript, What};

/// Events that wait to be looked at.
const EVENTS: usize = 256;
/// So much of what a host says is kept for the case: lines, and bytes in them.
const SAYS: usize = 50_000;
const SAID: usize = 8 << 20;
/// So much of a line is shown in the transcript, in bytes.
const SHOWN: usize = 1 << 10;
/// What no host needs at once, in bytes.
const HUGE: u64 = 2 << 30;
/// How long lines may still come once the host has ended.
const DRAIN: Duration = Duration::from_secs(1);

/// What all cases of a run have in common.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) program: Program,
    pub(super) wardrobe: Arc<Wardrobe>,
    /// The bound of each single wait.
    pub(super) timeout: Duration,
    /// Why the host cannot be asked to run jobs, if it cannot.
    pub(super) no_jobs: Option<String>,
}

/// A host that runs, and its workers.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) setting: Arc<Setting>,
    /// The requirements of the case, the main one first.
    pub(super) requirements: &'static [&'static str],
    pub(super) transcript: Transcript,
    /// What the referee found, and what the case has remarked.
    pub(super) findings: Vec<Finding>,
    pub(super) process: Process,
    pub(super) host_ended: Option<Instant>,
    /// Its standard output has ended.
    silent: bool,
    /// Workers in the order in which they were started.
    pub(super) cast: Vec<Session>,
    /// What the host has said on its standard output.
    pub(super) says: Vec<Say>,
    /// How many bytes they were.
    said: usize,
    /// Its longest line, in bytes.
    pub(super) longest_line: usize,
    /// The keys of the jobs that the host was asked to launch.
    pub(super) keys: Vec<String>,
    /// A bound for each wait that is shorter than the run's.
    pub(super) wait_at_most: Option<Duration>,
    first_part: Part,
    events: mpsc::Receiver<Event>,
    to_self: mpsc::Sender<Event>,
    tasks: JoinSet<()>,
}

impl Stage {
    /// Starts the host. `first` plays its first worker.
    pub(super) fn start(
        setting: Arc<Setting>,
        requirements: &'static [&'static str],
        first: Part,
    ) -> Result<Self, NotTested> {
        let (to_self, events) = mpsc::channel(EVENTS);
        let mut tasks = JoinSet::new();
        let place = setting
            .wardrobe
            .place()
            .map_err(|source| NotTested::System {
                step: "make a place for the host's workers",
                source,
            })?;
        let process = Process::start(&setting.program, place.program(), &to_self, &mut tasks)
            .map_err(|source| NotTested::NotStarted {
                path: setting.program.path.clone(),
                source,
            })?;
        tasks.spawn(place.receive(to_self.clone()));
        let mut stage = Self {
            setting,
            requirements,
            transcript: Transcript::default(),
            findings: Vec::new(),
            process,
            host_ended: None,
            silent: false,
            cast: Vec::new(),
            says: Vec::new(),
            said: 0,
            longest_line: 0,
            keys: Vec::new(),
            wait_at_most: None,
            first_part: first,
            events,
            to_self,
            tasks,
        };
        stage.note(format!("the host is process {}", stage.process.pid()));
        Ok(stage)
    }

    /// Ends this host and starts another, for a case that tries several things.
    pub(super) async fn start_anew(&mut self) -> Result<(), NotTested> {
        // A new one is judged instead.
        let _ = self.clear().await;
        let next = Self::start(
            Arc::clone(&self.setting),
            self.requirements,
            self.first_part,
        )?;
        let last = std::mem::replace(self, next);
        self.transcript = last.transcript;
        self.findings = last.findings;
        self.note(format!("another host, process {}", self.process.pid()));
        Ok(())
    }

    /// Kills whatever is left. Returns how the host has ended.
    pub(super) async fn clear(&mut self) -> io::Result<ExitStatus> {
        let status = self.process.reap().await;
        for session in &self.cast {
            // It holds its end of the kit's socket open, so that the number is still its own.
            if let (false, Some(pid)) = (session.dead, session.pid.and_then(Pid::from_raw)) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        status
    }

    /// The main requirement of the case.
    pub(super) fn main(&self) -> &'static str {
        self.requirements[0]
    }

    // ---- what is known

    /// The first worker, once the host has started it.
    pub(super) fn actor(&self) -> Option<&Session> {
        self.cast.first()
    }

    /// How a job has ended, if it has.
    pub(super) fn outcome_of(&self, key: &str) -> Option<&Outcome> {
        self.says.iter().find_map(|say| match say {
            Say::Outcome { key: of, outcome } if of == key => Some(outcome),
            _ => None,
        })
    }

    /// What the host has said of its workers, in order.
    pub(super) fn news(&self) -> impl Iterator<Item = &WorkerIs> {
        self.says.iter().filter_map(|say| match say {
            Say::Worker(news) => Some(news),
            _ => None,
        })
    }

    /// The lines that workers have written, as the host tells them.
    pub(super) fn logs(&self, from: Output) -> impl Iterator<Item = &str> {
        self.says.iter().filter_map(move |say| match say {
            Say::Log { log, stream } if *stream == from => Some(log.as_str()),
            _ => None,
        })
    }

    /// The most memory that the host has ever asked for, in bytes, where the system tells.
    pub(super) fn peak(&self) -> Option<u64> {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.pid())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmPeak:"))?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(kilobytes * 1024)
    }

    /// Since [`peak`](Self::peak) the host has not asked for as much as a huge length claims.
    pub(super) fn has_not_allocated(
        &self,
        before: Option<u64>,
        requirement: &'static str,
    ) -> Played {
        let (Some(before), Some(after)) = (before, self.peak()) else {
            return Ok(());
        };
        let grown = after.saturating_sub(before);
        if grown < HUGE {
            return Ok(());
        }
        let expected = "a host that allocates nothing for what is only claimed";
        Err(Finding::new(requirement, expected, format!("{grown} bytes more")).into())
    }

    // ---- what is judged

    /// Something for the person who reads the transcript.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.transcript.add(What::Note(note.into()));
    }

    /// Something that does not end the case, as binding as its requirement is.
    pub(super) fn remark(&mut self, finding: Finding) {
        self.note(finding.to_string());
        let known = |other: &Finding| other.requirement == finding.requirement;
        if !self.findings.iter().any(known) {
            self.findings.push(finding);
        }
    }

    /// The worst of this and what was found beside it since the last time. What breaks a requirement
    /// is often why section 9.2 is not followed either.
    pub(super) fn verdict(&mut self, verdict: Verdict) -> Verdict {
        let rank = |verdict: &Verdict| match verdict {
            Verdict::Fail(finding) if finding.requirement != SECTION => 3,
            Verdict::Fail(_) => 2,
            Verdict::NonStrict(_) => 1,
            Verdict::Pass | Verdict::Skip(_) => 0,
        };
        let found = std::mem::take(&mut self.findings).into_iter();
        let worse = |verdict, found| match rank(&found) > rank(&verdict) {
            true => found,
            false => verdict,
        };
        found.map(Finding::judged).fold(verdict, worse)
    }

    // ---- orders to the host

    /// Writes a line to the host's standard input.
    pub(super) fn command(&mut self, command: &Command) {
        let line = serde_json::to_string(command).expect("it is plain data");
        self.note(format!("to the host: {line}"));
        self.process.write_line(line);
    }

    // ---- time

    /// Takes the next event. False if nothing has come until then, or the host has ended and nothing
    /// more will: how its workers ended with it may still be under way.
    pub(super) async fn step(&mut self, until: Instant) -> bool {
        let until = match self.host_ended {
            Some(_) if self.silent && self.cast.iter().all(Session::is_over) => return false,
            Some(ended) => until.min(ended + DRAIN),
            None => until,
        };
        tokio::select! {
            biased;
            // First, so that a host that never stops talking cannot talk a wait over its bound.
            () = tokio::time::sleep_until(until) => return false,
            event = self.events.recv() => match event {
                Some(event) => self.take(event),
                None => return false,
            },
            () = self.process.ended(), if self.host_ended.is_none() => {
                self.host_ended = Some(Instant::now());
                self.note("the host has ended");
            }
        }
        true
    }

    /// Takes what has come already, at most what can wait to be looked at: a kit that was held up
    /// itself is no reason to find something late.
    pub(super) fn catch_up(&mut self) {
        for _ in 0..EVENTS {
            match self.events.try_recv() {
                Ok(event) => self.take(event),
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Arrived(arrival) => self.enter(*arrival),
            Event::Bytes(number, bytes) => {
                let findings = self.cast[number].hear(&bytes, &mut self.transcript);
                for finding in findings {
                    self.remark(finding);
                }
            }
            Event::Disconnected(number, how) => self.disconnected(number, how),
            Event::Obeyed(number) => self.cast[number].obeyed += 1,
            Event::Died(number) => {
                self.note(format!("the process of worker {number} has ended"));
                let session = &mut self.cast[number];
                session.dead = true;
                // As the system does for a worker that dies.
                session.order_wire(super::wire::WireOrder::Close);
            }
            Event::Line(line) => self.hear_line(line),
            Event::Silence(from) => self.silent |= from == Output::Stdout,
        }
    }

    fn enter(&mut self, arrival: super::event::Arrival) {
        let number = self.cast.len();
        let part = match number {
            0 => self.first_part,
            _ => Part::Understudy,
        };
        let pid = arrival.pid.unwrap_or_default();
        self.note(format!("worker {number} has been started, process {pid}"));
        let session = Session::new(number, arrival, part, &self.to_self, &mut self.tasks);
        self.cast.push(session);
    }

    fn disconnected(&mut self, number: usize, how: String) {
        self.note(format!(
            "the connection of worker {number} has ended: {how}"
        ));
        let session = &mut self.cast[number];
        let cut_short = session.cut_short();
        // One that is ended for what it did may find a frame cut; one that was let go may not.
        let at_peace = session.referee.is_dismissed() && session.part == Part::Understudy;
        session.end.get_or_insert(how);
        if session.part == Part::Understudy {
            session.exit(0, &mut self.transcript);
        }
        if cut_short > 0 && at_peace {
            let got = format!("{cut_short} bytes of a frame, and the end");
            self.remark(Finding::new("GR-2.3-2", "whole frames", got));
        }
    }

    fn hear_line(&mut self, line: Line) {
        let Line {
            from,
            mut text,
            length,
        } = line;
        self.longest_line = self.longest_line.max(length);
        let room = self.says.len() < SAYS && self.said < SAID;
        if from == Output::Stdout
            && room
            && let Ok(say) = serde_json::from_str(&text)
        {
            self.says.push(say);
            self.said += text.len();
            if self.says.len() == SAYS || self.said >= SAID {
                self.note("the host has said so much that nothing more of it is kept");
            }
        }
        text.truncate(text.floor_char_boundary(SHOWN));
        text.shrink_to_fit();
        self.transcript.add(What::Line(text));
    }
}
