//! What workers log, one line each on standard error, above the bar.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::progress::Progress;
use super::text::one_line;

/// Where the library sends the lines of workers.
const WORKERS: &str = "greenroom::worker";
/// Where it speaks of a whole pool.
const POOLS: &str = "greenroom::pool";

/// From now on logs are shown.
pub(super) fn show(progress: &Progress, quiet: bool) {
    let lines = Lines {
        progress: progress.clone(),
        own: if quiet { Level::ERROR } else { Level::WARN },
    };
    let subscriber = tracing_subscriber::registry().with(lines);
    // This is a program's only run: nobody else has set one.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

struct Lines {
    progress: Progress,
    /// What the library says of itself is shown up to this.
    own: Level,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        let of_worker = about.target() == WORKERS;
        // A worker's records are chosen by its own filter. What a pool has to say ends the run, and
        // the run says it.
        if !of_worker && (*about.level() > self.own || about.target().starts_with(POOLS)) {
            return;
        }
        let mut record = Record::default();
        event.record(&mut record);
        let line = record.line(*about.level());
        self.progress.line(&line);
    }
}

/// The parts of an event that are shown.
#[derive(Default)]
struct Record {
    message: String,
    worker: String,
    jobs: String,
    fields: String,
}

impl Record {
    /// `WARN worker 0.3 [job 7] message {"more":1}`
    fn line(&self, level: Level) -> String {
        let mut line = format!("{level:>5}");
        if !self.worker.is_empty() {
            line += " worker ";
            line += &self.worker;
        }
        // A list of texts: `["7"]`.
        let jobs: Vec<&str> = self.jobs.split('"').skip(1).step_by(2).collect();
        if !jobs.is_empty() {
            line += " job ";
            line += &jobs.join(", ");
        }
        line += ": ";
        line += &one_line(&self.message);
        if !self.fields.is_empty() && self.fields != "{}" {
            line += " ";
            line += &one_line(&self.fields);
        }
        line
    }
}

impl Visit for Record {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let part = match field.name() {
            "message" => &mut self.message,
            "worker" => &mut self.worker,
            "jobs" => &mut self.jobs,
            "fields" => &mut self.fields,
            // Who logged, which its author knows.
            "pid" | "from" | "span" => return,
            name => {
                let comma = if self.fields.is_empty() { "" } else { ", " };
                write!(self.fields, "{comma}{name}: ").expect("a String takes everything");
                &mut self.fields
            }
        };
        write!(part, "{value:?}").expect("a String takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_who_and_what_and_cannot_command_the_terminal() {
        let record = Record {
            message: "hot\x1b[2J".into(),
            worker: "0.3".into(),
            jobs: r#"["7"]"#.into(),
            fields: r#"{"degrees":90}"#.into(),
        };
        let expected = r#" WARN worker 0.3 job 7: hot\u{1b}[2J {"degrees":90}"#;
        assert_eq!(record.line(Level::WARN), expected);
        let record = Record {
            message: "plain".into(),
            jobs: "[]".into(),
            fields: "{}".into(),
            ..Record::default()
        };
        assert_eq!(record.line(Level::INFO), " INFO: plain");
    }
}
