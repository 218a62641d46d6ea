//! Tells what happens: to standard output, and to the service manager.

use std::time::Duration;

use greenroom::Supervisor;
use greenroom::supervisor::{OutputLine, OutputLines, SupervisorEvents};
use tokio::sync::mpsc;

use super::Args;
use super::host::Host;
use super::output::{Expected, Seen};
use super::service::{Say, ServiceManager};
use crate::printer::Printer;
use crate::show;
use crate::view::{EventView, LineView, Origin};

/// How much is put in order at a time.
const BATCH: usize = 256;

/// Listens to everything until those who report are gone.
pub(super) struct Narrator {
    what: What,
    printer: Printer,
    errors: Printer,
    service: ServiceManager,
    supervisor: Supervisor,
    origin: Origin,
    events: SupervisorEvents,
    lines: OutputLines,
    reports: mpsc::Receiver<Report>,
    expected: Expected,
    /// What has come by two ways and is to be told in the order of its time.
    batch: Vec<(Duration, Told)>,
    next_event: u64,
    was_ready: bool,
}

/// Something that belongs to no unit, in words.
pub(super) struct Report {
    text: String,
    /// Also for those who want warnings only.
    wanted: bool,
}

impl Report {
    /// A warning, or what somebody has asked for.
    pub(super) fn wanted(text: String) -> Self {
        Self { text, wanted: true }
    }

    /// For those who look on.
    pub(super) fn news(text: String) -> Self {
        let wanted = false;
        Self { text, wanted }
    }
}

/// What is printed, and how.
#[derive(Clone, Copy)]
struct What {
    events: bool,
    lines: bool,
    json: bool,
}

enum Told {
    Event(EventView),
    Line(LineView),
}

impl Narrator {
    /// Hears of everything from now on.
    pub(super) fn new(
        args: &Args,
        printer: Printer,
        errors: Printer,
        host: &Host,
        service: ServiceManager,
        reports: mpsc::Receiver<Report>,
    ) -> Self {
        Self {
            what: What {
                events: !args.quiet,
                lines: !args.quiet && !args.no_output,
                json: args.json,
            },
            printer,
            errors,
            service,
            supervisor: host.supervisor.clone(),
            origin: host.origin,
            events: host.supervisor.events(),
            lines: host.supervisor.output(),
            reports,
            expected: Expected::default(),
            batch: Vec::new(),
            next_event: 0,
            was_ready: false,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let room = self.batch.len() < BATCH;
            tokio::select! {
                // First all that is there, then what it comes to.
                biased;
                Some(line) = self.lines.next(), if room => {
                    self.count(&line);
                    let told = Told::Line(LineView::new(&line, self.origin));
                    self.batch.push((line.at, told));
                }
                Some(event) = self.events.next(), if room => {
                    let told = Told::Event(EventView::new(&event, self.origin));
                    self.batch.push((event.at, told));
                }
                () = std::future::ready(()), if !self.batch.is_empty() => self.tell().await,
                report = self.reports.recv() => match report {
                    Some(report) => self.report(&report),
                    None => break,
                },
            }
        }
        self.printer.finish();
    }

    /// Says what a unit printed too fast.
    fn count(&mut self, line: &OutputLine) {
        if let Seen::New {
            dropped: Some(lines),
        } = self.expected.see(line)
            && self.what.lines
        {
            let unit = &*line.unit;
            tracing::warn!(
                unit,
                lines,
                "lines were dropped: they were printed too fast"
            );
        }
    }

    async fn tell(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        batch.sort_by_key(|(at, _)| *at);
        let mut has_events = false;
        for (_, told) in batch {
            match told {
                Told::Event(event) => {
                    has_events = true;
                    self.event(&event);
                }
                Told::Line(line) => self.line(&line),
            }
        }
        if has_events && self.service.is_there() {
            self.tell_service_manager().await;
        }
    }

    fn event(&mut self, event: &EventView) {
        let missed = event.sequence.saturating_sub(self.next_event);
        if missed > 0 {
            tracing::warn!(missed, "events came too fast to be printed");
        }
        self.next_event = event.sequence + 1;
        if event.event == "shutting_down" {
            self.service.say(Say::Stopping);
        }
        if self.what.events {
            let text = show::event::event;
            self.print(event, text);
        }
    }

    fn line(&mut self, line: &LineView) {
        if self.what.lines {
            self.print(line, show::event::line);
        }
    }

    fn print<T: serde::Serialize>(&mut self, view: &T, text: impl Fn(&T) -> String) {
        let line = if self.what.json {
            // Views can always be written.
            serde_json::to_string(view).unwrap_or_else(|error| error.to_string())
        } else {
            text(view)
        };
        self.printer.print(line);
    }

    /// Among JSON it goes to standard error.
    fn report(&mut self, report: &Report) {
        if !self.what.events && !report.wanted {
            return;
        }
        for line in report.text.lines() {
            if self.what.json {
                self.errors.print(format!("greenroom: {line}"));
            } else {
                self.printer.print(line.to_owned());
            }
        }
    }

    /// READY once everything is as it should be; STATUS whenever a unit may have another state.
    async fn tell_service_manager(&mut self) {
        let unwell = self.supervisor.health_report().await;
        let units = self.supervisor.unit_names().await.len();
        // After a start that did not succeed at once.
        if unwell.is_empty() && !self.was_ready {
            self.was_ready = true;
            self.service.say(Say::Ready);
        }
        // Between the two questions a unit may have gone.
        let well = units.saturating_sub(unwell.len());
        let mut status = format!("{well} of {units} units well");
        for (name, why) in unwell.iter().take(3) {
            status += &format!("; {name}: {why}");
        }
        // The rest of a line that is too long, or of what a daemon says, is for nobody.
        let status = greenroom::harmless(&status.replace('\n', " "), 1_024);
        self.service.say(Say::Status(status));
    }
}
