//! What a person sees while jobs run: a bar, if standard error is a terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use crate::printer::Printer;

/// Frames a second.
const FRAMES: u8 = 20;

#[derive(Clone)]
pub(super) struct Progress {
    /// Hidden where there is no terminal.
    bar: ProgressBar,
    quiet: bool,
    errors: Printer,
}

impl Progress {
    pub(super) fn new(total: Option<usize>, quiet: bool, errors: Printer) -> Self {
        if quiet || !io::stderr().is_terminal() {
            let bar = ProgressBar::hidden();
            return Self { bar, quiet, errors };
        }
        let bar = match total {
            Some(total) => ProgressBar::new(total as u64).with_style(style(
                "{bar:32.green/dim} {pos}/{len} jobs  {elapsed}  {msg:.red}",
            )),
            None => ProgressBar::new_spinner()
                .with_style(style("{spinner} {pos} jobs  {elapsed}  {msg:.red}")),
        };
        let screen = Screen {
            terminal: Term::stderr(),
            printer: errors.clone(),
        };
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen), FRAMES);
        bar.set_draw_target(target);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, quiet, errors }
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
        self.bar.suspend(|| self.errors.print(line.to_owned()));
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// The terminal, as the bar draws on it: what it draws waits for nobody.
#[derive(Debug)]
struct Screen {
    /// For its size.
    terminal: Term,
    printer: Printer,
}

impl Screen {
    fn draw(&self, what: impl Into<String>) -> io::Result<()> {
        self.printer.write(what.into());
        Ok(())
    }

    fn move_by(&self, n: usize, direction: char) -> io::Result<()> {
        match n {
            0 => Ok(()),
            n => self.draw(format!("\x1b[{n}{direction}")),
        }
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.terminal.size().1
    }

    fn height(&self) -> u16 {
        self.terminal.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'D')
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.draw(format!("{line}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.draw(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
}
