//! What a person sees while jobs run: a bar, if standard error is a terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::say;

pub(super) struct Progress {
    /// Hidden where there is no terminal.
    bar: ProgressBar,
    quiet: bool,
}

impl Progress {
    pub(super) fn new(total: Option<usize>, quiet: bool) -> Self {
        if quiet || !io::stderr().is_terminal() {
            let bar = ProgressBar::hidden();
            return Self { bar, quiet };
        }
        let bar = match total {
            Some(total) => ProgressBar::new(total as u64).with_style(style(
                "{bar:32.green/dim} {pos}/{len} jobs  {elapsed}  {msg:.red}",
            )),
            None => ProgressBar::new_spinner()
                .with_style(style("{spinner} {pos} jobs  {elapsed}  {msg:.red}")),
        };
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, quiet }
    }

    /// A job is over, or was over before this run.
    pub(super) fn job(&self, failed: u64) {
        if failed > 0 && !self.bar.is_hidden() {
            self.bar.set_message(format!("{failed} failed"));
        }
        self.bar.inc(1);
    }

    pub(super) fn stopping(&self) {
        if !self.quiet {
            self.line(
                "Stopping: jobs that run may finish, no other is started. Once more kills them.",
            );
        }
    }

    pub(super) fn line(&self, line: &str) {
        self.bar.suspend(|| say(line));
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// For others who write to the same terminal.
    pub(super) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
}
