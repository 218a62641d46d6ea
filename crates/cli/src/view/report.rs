//! How one run of a unit ended.

use greenroom::ExitStatus;
use greenroom::supervisor::UnitReport;
use greenroom::unit::ExitClass;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{millis, timestamp};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReportView {
    pub(crate) unit: String,
    /// Which run of the unit, from 0.
    pub(crate) generation: u64,
    pub(crate) pid: Option<u32>,
    pub(crate) ended: Timestamp,
    /// Why it ended, in words.
    pub(crate) reason: String,
    /// What the system said, in words; nothing if it never ran.
    pub(crate) status: Option<String>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// `success`, `failure`, or `fatal`: another start can only fail again.
    pub(crate) class: String,
    pub(crate) journey: Vec<Phase>,
    /// 0 if it was never measured.
    pub(crate) peak_memory_bytes: u64,
    pub(crate) last_lines: Vec<String>,
    pub(crate) dropped_lines: u64,
    /// Whether somebody outside its process group still held its output when it had ended.
    pub(crate) output_held_open: bool,
    /// Processes that had left its group and were killed after it ended.
    pub(crate) strays: Vec<u32>,
}

/// A state, and how long the run was in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Phase {
    pub(crate) state: String,
    pub(crate) ms: u64,
}

impl From<&UnitReport> for ReportView {
    fn from(report: &UnitReport) -> Self {
        let (exit_code, signal) = match report.status {
            Some(ExitStatus::Code(code)) => (Some(code), None),
            Some(ExitStatus::Signal { signal, .. }) => (None, Some(signal)),
            Some(ExitStatus::OutOfMemory) => (None, Some(9)),
            None => (None, None),
        };
        let journey = report.journey.iter();
        Self {
            unit: report.name.clone(),
            generation: report.run.generation,
            pid: report.pid,
            ended: timestamp(report.ended),
            reason: report.reason.to_string(),
            status: report.status.map(|status| status.to_string()),
            exit_code,
            signal,
            class: match report.class {
                ExitClass::Success => "success",
                ExitClass::Failure => "failure",
                ExitClass::Fatal => "fatal",
            }
            .into(),
            journey: journey
                .map(|(state, time)| Phase {
                    state: state.to_string(),
                    ms: millis(*time),
                })
                .collect(),
            peak_memory_bytes: report.peak_memory,
            last_lines: report.last_lines.clone(),
            dropped_lines: report.dropped_lines,
            output_held_open: report.output_held_open,
            strays: report.strays.clone(),
        }
    }
}
