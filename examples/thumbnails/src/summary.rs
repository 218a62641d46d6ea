//! How it went, as a table.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use console::{Color, Term, measure_text_width, style};
use greenroom::{Stats, WorkerId};

use crate::find::Unreadable;
use crate::text::{count, mebibytes, name, time};

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pictures: usize,
    pub(crate) ok: usize,
    pub(crate) failed: Vec<Failed>,
    pub(crate) launch_latencies: Vec<Duration>,
    /// Those that had a job.
    pub(crate) workers: HashSet<WorkerId>,
    /// The pool's numbers after its end.
    pub(crate) pool: Stats,
    pub(crate) total: Duration,
    pub(crate) interrupted: bool,
}

#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) picture: PathBuf,
    pub(crate) reason: String,
}

impl Summary {
    pub(crate) fn of(pictures: usize) -> Self {
        Self {
            pictures,
            ..Self::default()
        }
    }

    pub(crate) fn interrupted(self) -> Self {
        Self {
            interrupted: true,
            ..self
        }
    }

    /// Writes the table to standard output; with colours if that is a terminal that wants them.
    pub(crate) fn print(&self, unreadable: &[Unreadable], out: &Path) -> io::Result<()> {
        let mut table = Table(io::stdout().lock());
        writeln!(table.0)?;
        let thumbnails = format!("{} in {}", count(self.ok, "thumbnail"), name(out));
        table.row("ok", self.ok, Color::Green, &thumbnails)?;
        let failed = self.failed.len();
        table.row("failed", failed, Color::Red, "")?;
        table.failures(&self.failed)?;
        let unseen = self.pictures - self.ok - failed;
        if unseen > 0 {
            table.row("not started", unseen, Color::Yellow, "stopped by Ctrl-C")?;
        }
        if !unreadable.is_empty() {
            let unreadable = unreadable.len();
            table.row("not read", unreadable, Color::Red, "see the warnings")?;
        }
        writeln!(table.0)?;
        table.line("launch latency", &self.launch_latency())?;
        table.line("workers used", &self.workers_used())?;
        table.line("peak memory", &self.peak_memory())?;
        table.line("total time", &time(self.total))?;
        table.0.flush()
    }

    fn launch_latency(&self) -> String {
        let mut sorted = self.launch_latencies.clone();
        sorted.sort_unstable();
        match (percentile(&sorted, 50), percentile(&sorted, 99)) {
            (Some(p50), Some(p99)) => format!("p50 {}, p99 {}", time(p50), time(p99)),
            _ => "no job was launched".into(),
        }
    }

    fn workers_used(&self) -> String {
        match self.pool.workers_lost {
            0 => self.workers.len().to_string(),
            lost => format!("{}, {lost} of them lost and replaced", self.workers.len()),
        }
    }

    fn peak_memory(&self) -> String {
        match self.pool.peak_worker_memory {
            0 => "too short to be measured".into(),
            peak => format!("{} in one worker", mebibytes(peak)),
        }
    }
}

/// Labels to the left, what they are for to the right.
struct Table<W>(W);

impl<W: Write> Table<W> {
    /// A label, a number, a remark.
    fn row(&mut self, label: &str, number: usize, color: Color, remark: &str) -> io::Result<()> {
        let text = format!("{number:<6}");
        let number = match number {
            0 => style(text),
            _ => style(text).fg(color),
        };
        let row = format!("{number}{remark}");
        self.line(label, row.trim_end())
    }

    fn line(&mut self, label: &str, value: &str) -> io::Result<()> {
        let label = style(format!("{label:<16}")).dim();
        writeln!(self.0, "  {label}{value}")
    }

    /// Names and reasons in two columns if they fit, else one below the other.
    fn failures(&mut self, failed: &[Failed]) -> io::Result<()> {
        let mut rows: Vec<_> = failed
            .iter()
            .map(|failed| (name(&failed.picture), &failed.reason))
            .collect();
        rows.sort();
        let widest = |column: fn(&(String, &String)) -> usize| rows.iter().map(column).max();
        let names = widest(|(name, _)| measure_text_width(name)).unwrap_or(0);
        let reasons = widest(|(_, reason)| measure_text_width(reason)).unwrap_or(0);
        let fits = 4 + names + 2 + reasons <= width();
        for (name, reason) in rows {
            if fits {
                let pad = " ".repeat(names - measure_text_width(&name));
                writeln!(self.0, "    {name}{pad}  {}", style(reason).red())?;
            } else {
                writeln!(self.0, "    {name}\n      {}", style(reason).red())?;
            }
        }
        Ok(())
    }
}

/// Of the terminal; elsewhere long lines hurt nobody.
fn width() -> usize {
    let terminal = Term::stdout();
    match terminal.size_checked() {
        Some((_, columns)) if terminal.is_term() => columns.into(),
        _ => usize::MAX,
    }
}

/// The nearest rank: the smallest value that so many percent do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&values, 50), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&values, 99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&values[..1], 99), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 50), None);
    }
}
