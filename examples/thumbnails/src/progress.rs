//! What is shown while pictures are worked on: a bar on a terminal, lines elsewhere.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::say;
use crate::text::{count, name};

pub(crate) enum Progress {
    Bar { bar: ProgressBar, failed: usize },
    Lines { done: usize, total: usize },
}

impl Progress {
    /// On standard error: standard output is for the result.
    pub(crate) fn new(total: usize) -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines { done: 0, total };
        }
        let bar = ProgressBar::new(total as u64).with_style(style());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self::Bar { bar, failed: 0 }
    }

    pub(crate) fn picture(&mut self, path: &Path, failure: Option<&str>) {
        match self {
            Self::Bar { bar, failed } => {
                if failure.is_some() {
                    *failed += 1;
                    bar.set_message(format!("{failed} failed"));
                }
                bar.inc(1);
            }
            Self::Lines { done, total } => {
                *done += 1;
                let width = total.to_string().len();
                let picture = name(path);
                say(&match failure {
                    None => format!("[{done:width$}/{total}] ok      {picture}"),
                    Some(reason) => format!("[{done:width$}/{total}] failed  {picture}: {reason}"),
                });
            }
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Self::Bar { bar, .. } = self {
            bar.finish_and_clear();
        }
    }

    pub(crate) fn interrupted(&self, in_work: usize) {
        let line = format!(
            "Stopping: {} in work may be finished. Press Ctrl-C again to stop at once.",
            count(in_work, "picture")
        );
        match self {
            Self::Bar { bar, .. } => bar.println(line),
            Self::Lines { .. } => say(&line),
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:32.green/dim} {pos}/{len} pictures  {elapsed}  {msg:.red}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
}
