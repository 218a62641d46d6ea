//! One run, from the command line to the exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use console::Style;
use greenroom_conformance::report::text::{self, Tone};
use greenroom_conformance::report::{Report, Rules, Side, Tally, html, json, junit, name};
use greenroom_conformance::{Case, CaseResult, Options};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::args;
use super::choice::chosen;
use super::known;
use super::output::{self, Output, Written};
use super::problem::Problem;
use super::reports::{Format, Reports};
use super::side::{self, Program};
use crate::exit::Exit;
use crate::printer::{Printer, Stream, say};

/// How long the last words of a run that was interrupted may take to be written.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long the end may take of what runs.
const LAST_TASKS: Duration = Duration::from_secs(5);

pub(super) fn run(side: Side, options: &args::Options) -> ExitCode {
    let errors = match Printer::start(Stream::Error) {
        Ok(errors) => errors,
        Err(error) => {
            let problem = Problem::System(error);
            say(format_args!("error: {problem}"));
            return problem.exit().into();
        }
    };
    let result = if options.list {
        list(side, options)
    } else {
        test(side, options, &errors)
    };
    let exit = result.unwrap_or_else(|problem| {
        // A reader that has had enough is no news.
        if problem.exit() != Exit::OutputClosed {
            errors.print(format!("error: {problem}"));
        }
        problem.exit()
    });
    errors.finish();
    exit.into()
}

fn list(side: Side, options: &args::Options) -> Result<Exit, Problem> {
    let cases = chosen(&options.only, &side::catalogue(side))?;
    if let Some(other) = options
        .report
        .iter()
        .find(|it| !matches!(it.format, Format::Text | Format::Json))
    {
        let format = format!("{:?}", other.format).to_lowercase();
        return Err(Problem::Usage(format!(
            "--list cannot be shown as {format}: text and json are possible"
        )));
    }
    let reports = Reports::open(&options.report)?;
    let render = |format, paint| match format {
        Format::Json => json::list(side, &cases).map_err(io::Error::from),
        _ => Ok(text::list(&cases, paint)),
    };
    let shown = render(reports.stdout, paint).map_err(Problem::Output)?;
    reports
        .render(|format| render(format, text::plain))?
        .write()?;
    let mut stdout = io::stdout();
    let written = stdout.write_all(shown.as_bytes());
    written
        .and_then(|()| stdout.flush())
        .map_err(Problem::Output)?;
    Ok(Exit::Success)
}

fn test(side: Side, options: &args::Options, errors: &Printer) -> Result<Exit, Problem> {
    let catalogue = side::catalogue(side);
    let cases = chosen(&options.only, &catalogue)?;
    let mut rules = Rules {
        strict: options.strict,
        ..Rules::default()
    };
    if let Some(path) = &options.expect_failures {
        rules.expected = known::read(path, &catalogue)?;
    }
    let (name, arguments) = options
        .command
        .split_first()
        .ok_or_else(|| Problem::Usage("the program is missing".into()))?;
    let program = Program {
        path: greenroom::Command::new(name).find_program()?,
        arguments: arguments.to_vec(),
    };
    let reports = Reports::open(&options.report)?;
    let (output, written) = output::start()?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let test = Test {
        side,
        program,
        cases,
        rules,
        options: Options {
            timeout: options.timeout.0,
            parallel: options.jobs(),
        },
        reports,
        quiet: options.quiet,
        output,
        written,
        errors,
    };
    let exit = runtime.block_on(test.run());
    // What was killed is dropped before the process ends.
    runtime.shutdown_timeout(LAST_TASKS);
    exit
}

/// Everything that one run needs.
struct Test<'a> {
    side: Side,
    program: Program,
    cases: Vec<Case>,
    rules: Rules,
    options: Options,
    reports: Reports,
    quiet: bool,
    output: Output,
    written: Written,
    errors: &'a Printer,
}

impl Test<'_> {
    async fn run(mut self) -> Result<Exit, Problem> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupted = async || {
            tokio::select! {
                _ = interrupt.recv() => Exit::Interrupted,
                _ = terminate.recv() => Exit::Terminated,
            }
        };
        let began = Instant::now();
        let mut tally = Tally::default();
        let text = self.reports.stdout == Format::Text;
        let tell = |result: &CaseResult| {
            let outcome = self.rules.outcome(result);
            tally.add(result, outcome);
            if text && (!self.quiet || outcome.fails()) {
                let same_as = tally.same_as(result);
                self.output
                    .write(text::case(result, outcome, same_as, paint));
            }
        };
        let chosen = |case: &Case| self.cases.iter().any(|chosen| chosen.id == case.id);
        let run = side::run(self.side, &self.program, self.options, chosen, tell);
        let results = tokio::select! {
            results = run => results?,
            exit = interrupted() => return Ok(self.stop(exit, &tally, began.elapsed()).await),
            error = self.written.problem() => return Err(Problem::Output(error)),
        };
        let took = began.elapsed();
        let end = self.end(&results, &tally, took);
        tokio::select! {
            end = end => end,
            exit = interrupted() => Ok(exit),
        }
    }

    /// Writes what is left to write.
    async fn end(
        self,
        results: &[CaseResult],
        tally: &Tally,
        took: Duration,
    ) -> Result<Exit, Problem> {
        let report = Report {
            side: self.side,
            program: &self.program.path,
            name: &name(&self.program.path, &self.program.arguments),
            rules: &self.rules,
            results,
            took,
        };
        if self.reports.stdout != Format::Text {
            let shown = render(self.reports.stdout, &report).map_err(Problem::Output)?;
            self.output.write(shown);
        }
        self.summarize(tally, took);
        let files = match self.reports.render(|format| render(format, &report)) {
            Ok(rendered) => rendered.write_aside().await,
            Err(problem) => Err(problem),
        };
        let shown = self.written.all(self.output).await;
        shown.map_err(Problem::Output).and(files)?;
        Ok(if tally.ok() {
            Exit::Success
        } else {
            Exit::Failed
        })
    }

    /// Says how far it came. The run is over already, and its processes with it.
    async fn stop(self, exit: Exit, tally: &Tally, took: Duration) -> Exit {
        let ran = tally.cases();
        self.summarize(tally, took);
        self.errors.print(format!(
            "interrupted: {ran} of {} cases have run, no report is written",
            self.cases.len()
        ));
        // Whoever should read it may not.
        let _ = tokio::time::timeout(LAST_WORDS, self.written.all(self.output)).await;
        exit
    }

    /// Where the text is; beside another format, where people look.
    fn summarize(&self, tally: &Tally, took: Duration) {
        if self.quiet {
            return;
        }
        if self.reports.stdout == Format::Text {
            let summary = text::summary(self.side, tally, took, paint);
            self.output.write(format!("\n{summary}"));
        } else {
            let summary = text::summary(self.side, tally, took, paint_errors);
            self.errors.write(summary);
        }
    }
}

fn render(format: Format, report: &Report<'_>) -> io::Result<String> {
    match format {
        Format::Text => Ok(text::whole(report, text::plain)),
        Format::Json => json::render(report).map_err(io::Error::from),
        Format::Junit => junit::render(report).map_err(io::Error::other),
        Format::Html => Ok(html::render(report)),
    }
}

/// For standard output. `console` decides whether there are colours.
fn paint(tone: Tone, text: &str) -> String {
    style(tone).apply_to(text).to_string()
}

fn paint_errors(tone: Tone, text: &str) -> String {
    style(tone).for_stderr().apply_to(text).to_string()
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Good => Style::new().green(),
        Tone::Bad => Style::new().red().bold(),
        Tone::Odd => Style::new().yellow(),
        Tone::Quiet => Style::new().dim(),
    }
}
