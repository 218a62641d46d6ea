//! What the host has and what it has said, from one look to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::args::Part;
use crate::plan::Victim;
use crate::processes::{self, victims, wait_until};
use crate::stage::{DAEMONS, PUPPETS, ROGUES};
use crate::verdict::Verdict;

/// Until the host has what it had before. Hopeless units are given up most of the time: then it has
/// nothing of them.
const SETTLED: Duration = Duration::from_secs(40);
/// What was there at a look must be there at this distance too.
const STEADY: Duration = Duration::from_millis(300);
/// Threads that may be there or not: the runtime keeps those that have helped it for 10 s.
const SPARE_THREADS: usize = 6;
/// By how much the host may have grown since the first look, however long it runs.
const GROWTH: u64 = 24 << 20;

/// What a host has at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    descriptors: usize,
    threads: usize,
    memory: u64,
    children: usize,
}

impl State {
    fn of(host: u32) -> Self {
        Self {
            descriptors: processes::descriptors(host).len(),
            threads: processes::threads(host),
            memory: processes::memory(host, "VmRSS").unwrap_or_default(),
            children: processes::children(host).len(),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "quiet: {} descriptors, {} threads, {} MiB, {} children",
            self.descriptors,
            self.threads,
            self.memory >> 20,
            self.children
        )
    }
}

/// Everything that was found.
pub(crate) struct Found {
    /// How many of each kind there are when all is well.
    wanted: Vec<(Victim, usize)>,
    first: Option<State>,
    last: State,
    /// The last line of each kind.
    said: BTreeMap<String, String>,
    /// Faults, by the promise that they break.
    jobs: Vec<String>,
    units: Vec<String>,
    leaks: Vec<String>,
    stalls: Vec<String>,
    silent: BTreeSet<u32>,
    deaths_of_silence: usize,
}

impl Found {
    pub(crate) fn new(parts: &BTreeSet<Part>) -> Self {
        let mut wanted = Vec::new();
        if parts.contains(&Part::Pool) {
            wanted.push((Victim::Worker, PUPPETS));
        }
        if parts.contains(&Part::Units) {
            wanted.push((Victim::Liar, ROGUES));
            wanted.push((Victim::Daemon, DAEMONS));
            wanted.push((Victim::Guard, 1));
        }
        Self {
            wanted,
            first: None,
            last: State::default(),
            said: BTreeMap::new(),
            jobs: Vec::new(),
            units: Vec::new(),
            leaks: Vec::new(),
            stalls: Vec::new(),
            silent: BTreeSet::new(),
            deaths_of_silence: 0,
        }
    }

    /// A line of the stage.
    pub(crate) fn hear(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("fault", fault)) => match fault.strip_prefix("units ") {
                Some(fault) => self.units.push(fault.to_owned()),
                None => self.jobs.push(fault.to_owned()),
            },
            Some(("silent", pid)) => self.silent.extend(pid.parse::<u32>().ok()),
            Some((kind @ ("tally" | "deaths" | "restarts"), rest)) => {
                println!("        {line}");
                let key = match rest.split_once(' ') {
                    Some((place, _)) if kind == "tally" => format!("{kind} {place}"),
                    _ => kind.to_owned(),
                };
                self.said.insert(key, rest.to_owned());
            }
            _ => self.jobs.push(format!("the stage says: {line}")),
        }
    }

    /// Who was killed for silence must have been stopped.
    pub(crate) fn silence(&mut self, stopped: &BTreeSet<u32>) {
        for pid in std::mem::take(&mut self.silent) {
            self.deaths_of_silence += 1;
            if !stopped.contains(&pid) {
                let fault = format!("worker {pid} was killed for silence, and nobody stopped it");
                self.stalls.push(fault);
            }
        }
    }

    /// Waits until the host has what it had at the first look.
    pub(crate) fn settle(&mut self, host: u32) -> State {
        let settled = wait_until(SETTLED, || self.is_settled(host));
        let state = State::of(host);
        if settled.is_none() {
            self.leaks.extend(self.unsettled(host));
        }
        self.first.get_or_insert_with(|| state.clone());
        self.last = state.clone();
        state
    }

    fn is_settled(&self, host: u32) -> bool {
        let steady = || {
            let state = State::of(host);
            let as_before = self.first.as_ref().is_none_or(|first| {
                state.descriptors == first.descriptors
                    && state.threads <= first.threads + SPARE_THREADS
            });
            let all_there = state.children == self.children();
            (as_before && all_there && self.strangers(host).is_empty()).then_some(state.descriptors)
        };
        let Some(descriptors) = steady() else {
            return false;
        };
        std::thread::sleep(STEADY);
        steady() == Some(descriptors)
    }

    fn children(&self) -> usize {
        self.wanted.iter().map(|(_, count)| count).sum()
    }

    /// What keeps it from being settled, in words.
    fn unsettled(&self, host: u32) -> Vec<String> {
        let state = State::of(host);
        let mut faults = Vec::new();
        let strangers: Vec<_> = self.strangers(host);
        if !strangers.is_empty() {
            faults.push(format!("these should not be as they are: {strangers:?}"));
        }
        if state.children != self.children() {
            let all: Vec<_> = processes::children(host)
                .into_iter()
                .map(processes::describe)
                .collect();
            let wanted = self.children();
            faults.push(format!("{} children, not {wanted}: {all:?}", all.len()));
        }
        if let Some(first) = &self.first
            && state.descriptors != first.descriptors
        {
            faults.push(format!(
                "{} descriptors, {} before: {:?}",
                state.descriptors,
                first.descriptors,
                processes::descriptors(host)
            ));
        }
        if faults.is_empty() {
            faults.push(format!(
                "it has not come to rest after {SETTLED:?}: {state}"
            ));
        }
        faults
    }

    /// Who is not as it should be: too few or too many of a kind, zombies, and those that are no
    /// children and have no living parent to belong to.
    fn strangers(&self, host: u32) -> Vec<String> {
        let mut strangers = Vec::new();
        for (victim, count) in &self.wanted {
            let there = victims(host, *victim).len();
            if there != *count {
                strangers.push(format!("{there} of {victim:?}, not {count}"));
            }
        }
        let children = processes::children(host);
        let dead = children.iter().filter(|pid| !processes::lives(**pid));
        strangers.extend(dead.map(|pid| processes::describe(*pid)));
        strangers
    }

    pub(crate) fn is_clean(&self) -> bool {
        let all = [&self.jobs, &self.units, &self.leaks, &self.stalls];
        all.into_iter().all(Vec::is_empty)
    }

    pub(crate) fn into(self, verdict: &mut Verdict) {
        let said = |key: &str| self.said.get(key).cloned();
        let jobs = self.jobs.is_empty();
        let promise = "every accepted job has one end, and the right one";
        for key in ["tally pool", "tally liars"] {
            if let Some(tally) = said(key) {
                verdict.promise(promise, jobs, tally);
            }
        }
        if let Some(deaths) = said("deaths") {
            let kept = self.stalls.is_empty();
            let figure = format!(
                "{} were killed for silence; of {deaths}",
                self.deaths_of_silence
            );
            verdict.promise("no worker dies for the host's own stall", kept, figure);
        }
        if let Some(restarts) = said("restarts") {
            verdict.promise(
                "restarts stay within their bound, units come back",
                self.units.is_empty(),
                restarts,
            );
        }
        let first = self.first.clone().unwrap_or_default();
        let last = &self.last;
        let kept = self.leaks.is_empty() && self.first.is_some();
        let figure = format!(
            "{} and {} at first, {} and {} at last",
            first.descriptors, first.children, last.descriptors, last.children
        );
        verdict.promise("descriptors and children are flat", kept, figure);
        let flat = last.memory <= first.memory + GROWTH;
        let figure = format!(
            "{} MiB at first, {} MiB at last, {} MiB more are allowed",
            first.memory >> 20,
            last.memory >> 20,
            GROWTH >> 20
        );
        verdict.promise("memory is flat", flat, figure);
        for fault in [self.jobs, self.units, self.leaks, self.stalls]
            .into_iter()
            .flatten()
        {
            verdict.fault(fault);
        }
    }
}
