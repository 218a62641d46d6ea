//! What workers print. The library hands it on as `tracing` events; each becomes a line for the kit.

use std::fmt;

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::say;

pub(crate) struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "greenroom::worker" {
            let mut line = Line::default();
            event.record(&mut line);
            say(&json!({"log": line.text, "stream": line.stream()}));
        }
    }
}

#[derive(Default)]
struct Line {
    text: String,
    on_stdout: bool,
}

impl Line {
    fn stream(&self) -> &'static str {
        if self.on_stdout { "stdout" } else { "stderr" }
    }
}

impl Visit for Line {
    /// `from` is the stream that a line of text came on, or the target of a record, which is always
    /// on standard error.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.text = format!("{value:?}"),
            "from" => self.on_stdout = format!("{value:?}") == "Stdout",
            _ => {}
        }
    }
}
