//! Log records as lines on standard error: one JSON object each, so that no text in a record can
//! look like a second record.

use std::fmt;
use std::io::Write;
use std::sync::OnceLock;
use std::time::Instant;

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Bytes of one text in a record; the rest of it is cut off.
const MAX_TEXT: usize = 8 << 10;

static BEGUN: OnceLock<Instant> = OnceLock::new();

/// `elapsed_us` counts from here.
pub(crate) fn start_clock() {
    BEGUN.get_or_init(Instant::now);
}

/// Sends `tracing` events and `log` records that pass the filter to standard error, unless the
/// program has its own subscriber. An empty filter means `info`, and so does one that is malformed.
pub(crate) fn install(filter: &str) {
    let parsed = filter.parse::<Targets>();
    let targets = match &parsed {
        Ok(targets) if !filter.is_empty() => targets.clone(),
        _ => Targets::new().with_default(LevelFilter::INFO),
    };
    let subscriber = tracing_subscriber::registry().with(targets).with(JsonLines);
    // Fails if the program has a subscriber or a logger of its own, which then stays.
    let _ = subscriber.try_init();
    if let Err(error) = parsed
        && !filter.is_empty()
    {
        tracing::warn!(target: "worker", filter, "the host's log filter is malformed ({error}): using info");
    }
}

struct JsonLines;

impl<S> Layer<S> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = line(event, context.event_span(event).map(|span| span.name())).to_string();
        line.push('\n');
        // One write for one line. Nobody reads it any more if it fails.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

fn line(event: &Event<'_>, span: Option<&str>) -> Value {
    let mut record = Record::default();
    event.record(&mut record);
    let elapsed = BEGUN.get_or_init(Instant::now).elapsed();
    let target = record.log_target.as_deref();
    let mut line = json!({
        "level": event.metadata().level().as_str(),
        "target": target.unwrap_or(event.metadata().target()),
        "message": record.message,
        "fields": record.fields,
        "elapsed_us": u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
    });
    if let Some(span) = span {
        line["span"] = span.into();
    }
    line
}

#[derive(Default)]
struct Record {
    message: String,
    fields: Map<String, Value>,
    /// Where a `log` record says that it comes from.
    log_target: Option<String>,
}

impl Record {
    fn put(&mut self, field: &Field, value: Value) {
        self.fields.insert(field.name().to_owned(), value);
    }
}

impl Visit for Record {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let value = &value[..value.floor_char_boundary(MAX_TEXT)];
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "log.target" => self.log_target = Some(value.to_owned()),
            // Where in the source a `log` record was made: `tracing` events do not say it either.
            name if name.starts_with("log.") => {}
            _ => self.put(field, value.into()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        // `log.line`.
        if !field.name().starts_with("log.") {
            self.put(field, value.into());
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
