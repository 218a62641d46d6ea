//! What a person starts: runs the suites one after the other and reports.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use greenroom_benches::result::{Row, SuiteResult};
use greenroom_benches::{plot, registry, rewrite, table, verdict};

use crate::Outcome;
use crate::arguments::{Arguments, circumstances, today};
use crate::peers::{self, Peer};
use crate::suites::{self, PlannedRow, Scale, Suite, Turn};

/// Everything that is not as it should be makes the exit code, and the rest goes on.
#[derive(Default)]
struct Troubles(usize);

impl Troubles {
    fn tell(&mut self, words: impl std::fmt::Display) {
        eprintln!("greenroom-benches: {words}");
        self.0 += 1;
    }
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    if arguments.list {
        list();
        return ExitCode::SUCCESS;
    }
    let mut troubles = Troubles::default();
    let chosen = choose(&arguments.suites, &mut troubles);
    let report = open_report(arguments, &chosen, &mut troubles);
    let peers = find_peers(arguments, &chosen);
    let scale = Scale {
        quick: arguments.quick,
        peers: &peers,
    };
    let circumstances = circumstances(arguments);
    println!("{circumstances}\n");

    let mut results = Vec::new();
    for suite in chosen {
        let result = measure(suite, &scale, arguments.rounds(), &mut troubles);
        println!("{}", table::suite(&result));
        if report && let Err(error) = draw(suite, &result, &arguments.out) {
            troubles.tell(format_args!("no plot of {}: {error}", suite.name));
        }
        results.push(result);
    }
    let verdicts = verdict::all(&results);
    println!("{}", table::promises(&verdicts));
    if report && let Err(error) = write_report(&arguments.out, &circumstances, &results, &verdicts)
    {
        troubles.tell(format_args!("the report could not be written: {error}"));
    }
    if let Some(file) = &arguments.update {
        update(file, &verdicts, &mut troubles);
    }
    if troubles.0 == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn list() {
    println!("suites:");
    for suite in suites::ALL {
        println!("  {:<12}{}", suite.name, suite.about);
    }
    println!("\npromises that they show:");
    for promise in registry::ALL {
        let suite = promise.shown_by.suite;
        println!("  {} ({suite}, {})", promise.id, promise.target_words());
        println!("      {}", promise.sentence);
    }
}

fn choose(names: &[String], troubles: &mut Troubles) -> Vec<&'static Suite> {
    if names.is_empty() {
        return suites::ALL.iter().collect();
    }
    for name in names {
        if !suites::ALL.iter().any(|suite| suite.name == name) {
            let known: Vec<_> = suites::ALL.iter().map(|suite| suite.name).collect();
            troubles.tell(format_args!(
                "no suite {name:?}; there are: {}",
                known.join(" ")
            ));
        }
    }
    let named: HashSet<&str> = names.iter().map(String::as_str).collect();
    suites::ALL
        .iter()
        .filter(|suite| named.contains(suite.name))
        .collect()
}

/// Before anything is measured: whoever has waited for minutes does not want to hear of it then.
fn open_report(arguments: &Arguments, chosen: &[&Suite], troubles: &mut Troubles) -> bool {
    let out = &arguments.out;
    if chosen.is_empty() {
        return false;
    }
    let probe = fs::create_dir_all(out).and_then(|()| tempfile::tempfile_in(out));
    if let Err(error) = &probe {
        troubles.tell(format_args!(
            "{} cannot be written, so there are only the tables here: {error}",
            out.display()
        ));
    }
    probe.is_ok()
}

fn find_peers(arguments: &Arguments, chosen: &[&Suite]) -> Vec<Peer> {
    if arguments.no_peers || !chosen.iter().any(|suite| suite.name == suites::PEERS) {
        return Vec::new();
    }
    peers::list(&arguments.peers).unwrap_or_else(|error| {
        println!("no peers are measured: {error}\n");
        Vec::new()
    })
}

fn measure(
    suite: &Suite,
    scale: &Scale<'_>,
    rounds: usize,
    troubles: &mut Troubles,
) -> SuiteResult {
    let rows = (suite.rows)(scale).into_iter().map(|row| {
        let row = measure_row(row, rounds);
        for words in &row.failed {
            troubles.tell(format_args!("{}, {}: {words}", suite.name, row.title));
        }
        row
    });
    SuiteResult {
        name: suite.name,
        about: suite.about,
        columns: suite.columns,
        rows: rows.collect(),
    }
}

fn measure_row(plan: PlannedRow, rounds: usize) -> Row {
    let mut row = Row::new(plan.id, plan.title, plan.baseline);
    if let Some(why) = plan.cpus.impossible() {
        row.skip("all", why);
        return row;
    }
    // What cannot be done in one round cannot be done in the next.
    let mut turns: Vec<&Turn> = plan.turns.iter().collect();
    for _ in 0..rounds {
        turns.retain(|turn| match turn.take(plan.cpus) {
            Ok(taken) => {
                let again = !taken.readings.is_empty();
                row.add(taken);
                again
            }
            Err(error) => {
                row.failed.push(error.to_string());
                false
            }
        });
    }
    row
}

fn draw(suite: &Suite, result: &SuiteResult, out: &Path) -> Outcome {
    for plot in suite.plots {
        if let Some(svg) = plot::svg(plot, &result.rows)? {
            fs::write(out.join(plot.file).with_extension("svg"), svg)?;
        }
    }
    Ok(())
}

fn write_report(
    out: &Path,
    circumstances: &str,
    results: &[SuiteResult],
    verdicts: &[verdict::Verdict],
) -> Outcome {
    let mut report = fs::File::create(out.join("report.md"))?;
    writeln!(
        report,
        "# What Greenroom costs, measured\n\n{circumstances}\n"
    )?;
    writeln!(report, "{}", table::promises(verdicts))?;
    for result in results {
        writeln!(report, "{}", table::suite(result))?;
        for suite in suites::ALL.iter().filter(|suite| suite.name == result.name) {
            for plot in suite.plots {
                writeln!(report, "![{}]({}.svg)\n", plot.title, plot.file)?;
            }
        }
    }
    let figures = serde_json::json!({
        "circumstances": circumstances,
        "suites": results,
        "promises": verdicts,
    });
    fs::write(out.join("figures.json"), format!("{figures:#}\n"))?;
    println!("Report, figures and plots: {}", out.display());
    Ok(())
}

fn update(file: &Path, verdicts: &[verdict::Verdict], troubles: &mut Troubles) {
    let done = fs::read_to_string(file).and_then(|text| {
        let rewritten = rewrite::last_column(&text, verdicts, &today());
        for words in &rewritten.remarks {
            println!("{}: {words}", file.display());
        }
        fs::write(file, rewritten.text)
    });
    if let Err(error) = done {
        troubles.tell(format_args!(
            "{} could not be updated: {error}",
            file.display()
        ));
    }
}
