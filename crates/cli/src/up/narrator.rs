//! Tells what happens: to standard output, and to the service manager.

use std::time::Duration;

use greenroom::Supervisor;
use greenroom::supervisor::{OutputLines, SupervisorEvents};
use tokio::sync::mpsc;

use super::Args;
use super::host::Host;
use super::printer::Printer;
use super::service::{Say, ServiceManager};
use crate::show;
use crate::view::{EventView, LineView, Origin, UnitView};

/// How much is put in order at a time.
const BATCH: usize = 256;

/// Listens to everything until those who report are gone.
pub(super) struct Narrator {
    what: What,
    printer: Printer,
    service: ServiceManager,
    supervisor: Supervisor,
    origin: Origin,
    events: SupervisorEvents,
    lines: OutputLines,
    reports: mpsc::Receiver<String>,
    /// What has come by two ways and is to be told in the order of its time.
    batch: Vec<(Duration, Told)>,
    next_event: u64,
    was_ready: bool,
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
        host: &Host,
        service: ServiceManager,
        reports: mpsc::Receiver<String>,
    ) -> Self {
        Self {
            what: What {
                events: !args.quiet,
                lines: !args.quiet && !args.no_output,
                json: args.json,
            },
            printer,
            service,
            supervisor: host.supervisor.clone(),
            origin: host.origin,
            events: host.supervisor.events(),
            lines: host.supervisor.output(),
            reports,
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

    /// What belongs to no unit. Among JSON it goes to standard error.
    fn report(&mut self, report: &str) {
        for line in report.lines() {
            if self.what.json {
                eprintln!("greenroom: {line}");
            } else {
                self.printer.print(line.to_owned());
            }
        }
    }

    /// READY once everything is as it should be; STATUS whenever a unit may have another state.
    async fn tell_service_manager(&mut self) {
        let statuses = self.supervisor.statuses().await;
        let units: Vec<_> = statuses.iter().map(UnitView::brief).collect();
        let unwell: Vec<_> = units.iter().filter(|unit| !unit.healthy).collect();
        // After a start that did not succeed at once.
        if unwell.is_empty() && !self.was_ready {
            self.was_ready = true;
            self.service.say(Say::Ready);
        }
        let well = units.len() - unwell.len();
        let mut status = format!("{well} of {} units well", units.len());
        for unit in unwell.iter().take(3) {
            status += &format!("; {} is {}", unit.name, unit.state);
        }
        self.service.say(Say::Status(status));
    }
}
