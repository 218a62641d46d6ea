//! What was found, in one table.

use std::fmt;
use std::process::ExitCode;

/// Faults that are told in full; the others are only counted.
const TOLD: usize = 40;

/// One promise and what became of it.
#[derive(Debug)]
struct Row {
    promise: &'static str,
    figure: String,
    kept: bool,
}

/// What one part has found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    rows: Vec<Row>,
    faults: Vec<String>,
    untold: usize,
}

impl Verdict {
    /// A promise, with the figure that shows whether it was kept.
    pub(crate) fn promise(&mut self, promise: &'static str, kept: bool, figure: impl Into<String>) {
        self.rows.push(Row {
            promise,
            figure: figure.into(),
            kept,
        });
    }

    /// Something that must not be, in words.
    pub(crate) fn fault(&mut self, fault: impl Into<String>) {
        if self.faults.len() < TOLD {
            self.faults.push(fault.into());
        } else {
            self.untold += 1;
        }
    }

    pub(crate) fn faults(&self) -> usize {
        self.faults.len() + self.untold
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.rows.extend(other.rows);
        for fault in other.faults {
            self.fault(fault);
        }
        self.untold += other.untold;
    }

    /// A run that has shown nothing has not passed.
    pub(crate) fn passed(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.kept) && self.faults() == 0
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.passed() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.promise.len()).max();
        let width = width.unwrap_or_default();
        for Row {
            promise,
            figure,
            kept,
        } in &self.rows
        {
            let mark = if *kept { "kept  " } else { "BROKEN" };
            writeln!(f, "{mark}  {promise:width$}  {figure}")?;
        }
        for fault in &self.faults {
            writeln!(f, "fault: {fault}")?;
        }
        if self.untold > 0 {
            writeln!(f, "and {} faults more", self.untold)?;
        }
        write!(f, "{}", if self.passed() { "passed" } else { "FAILED" })
    }
}
