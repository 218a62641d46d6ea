//! Other libraries, each a small program behind one command.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use greenroom_benches::reading::{Figure, Figures, Part, Taken};
use serde::Deserialize;

use crate::{Outcome, bounded};

/// More than any peer takes for one measurement, unless it hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// Somebody who can be compared with.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Peer {
    #[serde(rename = "peer")]
    name: String,
    kind: Kind,
    whats: Vec<String>,
    /// The command that runs it.
    #[serde(skip)]
    program: PathBuf,
}

/// What its workers are.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Process,
    Thread,
}

/// What the command prints.
#[derive(Debug, Deserialize)]
struct Answer {
    skipped: Option<String>,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    per_second: Option<f64>,
}

/// All that the command knows.
pub(crate) fn list(program: &Path) -> Outcome<Vec<Peer>> {
    let text = bounded::output(Command::new(program).arg("--list"), LIMIT)
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let mut peers = Vec::new();
    for line in text.lines() {
        let peer: Peer = serde_json::from_str(line)?;
        let program = program.to_owned();
        peers.push(Peer { program, ..peer });
    }
    Ok(peers)
}

impl Peer {
    pub(crate) fn can(&self, what: &str) -> bool {
        self.whats.iter().any(|it| it == what)
    }
}

/// What is to be done. Sizes are in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) what: &'static str,
    pub(crate) payload: usize,
    pub(crate) workers: usize,
    /// How many jobs are in flight, over all workers.
    pub(crate) depth: usize,
    pub(crate) jobs: usize,
}

/// Who is to do it.
#[derive(Clone, Debug)]
pub(crate) struct PeerOrder {
    pub(crate) peer: Peer,
    pub(crate) task: Task,
}

impl PeerOrder {
    pub(crate) fn carry_out(&self) -> Outcome<Taken> {
        let Self { peer, task } = self;
        let mut command = Command::new(&peer.program);
        command.args([&peer.name, task.what]);
        for (option, value) in [
            ("--payload", task.payload),
            ("--workers", task.workers),
            ("--depth", task.depth),
            ("--jobs", task.jobs),
        ] {
            command.args([option, &value.to_string()]);
        }
        let text = bounded::output(&mut command, LIMIT)
            .map_err(|error| format!("{}: {error}", peer.name))?;
        let answer: Answer = serde_json::from_str(text.trim())
            .map_err(|error| format!("{} answered something else: {error}", peer.name))?;
        Ok(answer.taken(peer))
    }
}

impl Answer {
    fn taken(self, peer: &Peer) -> Taken {
        if let Some(why) = self.skipped {
            return Taken::default().skipped(&peer.name, why);
        }
        let named = [
            (Figure::P50, self.p50_us),
            (Figure::P99, self.p99_us),
            (Figure::PerSecond, self.per_second),
        ];
        let known = named
            .into_iter()
            .filter_map(|(figure, value)| Some((figure, value?)));
        let part = match peer.kind {
            Kind::Process => Part::ProcessPeer,
            Kind::Thread => Part::ThreadPeer,
        };
        Taken::default().and(&peer.name, part, known.collect::<Figures>())
    }
}
