//! The process beside its socket: the lines that it writes, and its end.

use std::io;
use std::process::ExitStatus;

use tokio::time::{Instant, timeout_at};

use super::Session;
use crate::case::Finding;
use crate::transcript::What;
use crate::worker::case::Stop;
use crate::worker::process::{Line, Output, Process, Start};

/// So many lines of the worker are kept for the case.
const LINES: usize = 1_000;

impl Session {
    /// Waits within the bound for a line of which `pick` makes something; also one that has come
    /// before.
    pub(crate) async fn expect_line<T>(
        &mut self,
        requirement: &'static str,
        expected: &str,
        pick: impl Fn(&Line) -> Option<T>,
    ) -> Result<T, Stop> {
        self.take_lines();
        if let Some(found) = self.lines.iter().find_map(&pick) {
            return Ok(found);
        }
        let deadline = self.deadline();
        loop {
            let got = match timeout_at(deadline, self.process.line()).await {
                Ok(Some(line)) => {
                    let found = pick(&line);
                    self.keep_line(line);
                    match found {
                        Some(found) => return Ok(found),
                        None => continue,
                    }
                }
                Ok(None) => "the end of its output".into(),
                Err(_) => format!("no such line within {:?}", self.timeout),
            };
            return Err(Finding::new(requirement, expected, got).into());
        }
    }

    pub(super) fn take_lines(&mut self) {
        while let Some(line) = self.process.line_now() {
            self.keep_line(line);
        }
    }

    pub(super) fn keep_line(&mut self, line: Line) {
        let stream = match line.stream {
            Output::Stdout => "stdout",
            Output::Stderr => "stderr",
        };
        self.transcript
            .add(What::Line(format!("{stream}: {}", line.text)));
        if self.lines.len() < LINES {
            self.lines.push(line);
        }
    }

    /// Kills the worker alone: what it has started lives on.
    pub(crate) fn kill(&mut self) -> Result<(), Stop> {
        self.note("the kit kills the worker, and only it");
        let killed = self.process.kill();
        killed.map_err(|error| self.broken_socket(&error))
    }

    /// Starts the program a second time, as a person would: how it ended within the bound, and what
    /// it wrote to standard error.
    pub(crate) async fn run_by_hand(&mut self) -> io::Result<(Option<ExitStatus>, Vec<String>)> {
        self.note("the program is started by hand as well");
        let (mut process, _) = Process::start(&self.program, Start::ByHand)?;
        let deadline = self.deadline();
        let mut said = Vec::new();
        while let Ok(Some(line)) = timeout_at(deadline, process.line()).await {
            self.keep_line(line.clone());
            if line.stream == Output::Stderr {
                said.push(line.text);
            }
        }
        let exit = timeout_at(deadline, process.exit()).await;
        let exit = exit.ok().transpose()?;
        self.note(match exit {
            Some(exit) => format!("started by hand, it ended with {exit}"),
            None => "started by hand, it did not end".into(),
        });
        process.end().await?;
        Ok((exit, said))
    }

    /// The end of the process, if it comes by then. Cancel-safe.
    pub(super) async fn exit_by(&mut self, deadline: Instant) -> Option<ExitStatus> {
        let exit = timeout_at(deadline, self.process.exit()).await;
        let exit = exit.ok()?.ok()?;
        self.note(format!("the process ended with {exit}"));
        Some(exit)
    }
}
