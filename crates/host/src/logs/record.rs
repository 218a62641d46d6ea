//! Lines as `tracing` events.

use greenroom_supervision::WorkerId;
use serde::Deserialize;

use super::OutputSource;

/// A log record as the workers' library writes it, one JSON object on a line of stderr.
#[derive(Deserialize)]
pub(super) struct Record {
    level: String,
    target: String,
    message: String,
    #[serde(default)]
    fields: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    span: String,
}

impl Record {
    pub(super) fn parse(line: &str, source: OutputSource) -> Option<Self> {
        match source {
            OutputSource::Stderr if line.starts_with('{') => serde_json::from_str(line).ok(),
            _ => None,
        }
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

/// Says a line, or a record at its own level, with these fields. The target and level of an event
/// must be constants, hence a macro.
macro_rules! say {
    ($target:literal, $source:expr, $record:expr, $line:expr, $($field:tt)*) => {
        match $record {
            None => tracing::info!(target: $target, $($field)*, from = ?$source, "{}", $line),
            Some(record) => match record.level.as_str() {
                "ERROR" => say!(@ error, $target, record, $($field)*),
                "WARN" => say!(@ warn, $target, record, $($field)*),
                "DEBUG" => say!(@ debug, $target, record, $($field)*),
                "TRACE" => say!(@ trace, $target, record, $($field)*),
                _ => say!(@ info, $target, record, $($field)*),
            },
        }
    };
    (@ $level:ident, $target:literal, $record:expr, $($field:tt)*) => {{
        let fields = serde_json::Value::Object($record.fields.clone());
        tracing::$level!(
            target: $target, $($field)*,
            from = $record.target, span = $record.span, %fields, "{}", $record.message
        )
    }};
}

pub(super) fn emit_of_worker(
    worker: WorkerId,
    pid: u32,
    jobs: &[String],
    source: OutputSource,
    record: Option<&Record>,
    line: &str,
) {
    say!("greenroom::worker", source, record, line, %worker, pid, ?jobs);
}

pub(super) fn emit_of_unit(
    unit: &str,
    generation: u64,
    pid: u32,
    source: OutputSource,
    record: Option<&Record>,
    line: &str,
) {
    say!(
        "greenroom::unit",
        source,
        record,
        line,
        unit,
        generation,
        pid
    );
}
