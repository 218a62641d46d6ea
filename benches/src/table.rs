//! Results as a table of text, which is Markdown at the same time.

use crate::numbers::readable;
use crate::reading::Figure;
use crate::result::{Contender, Row, SuiteResult};
use crate::verdict::{Outcome, Verdict};

/// A suite's table, with what was not measured below it.
pub fn suite(result: &SuiteResult) -> String {
    let mut lines = vec![heading(result.columns)];
    for row in &result.rows {
        let mut title = row.title.as_str();
        for contender in &row.contenders {
            lines.push(line(title, row, contender, result.columns));
            title = "";
        }
    }
    let table = match lines.len() {
        1 => String::new(),
        _ => render(&lines),
    };
    format!(
        "## {}\n\n{}\n\n{table}{}",
        result.name,
        result.about,
        remarks(&result.rows)
    )
}

/// What was not measured, and what must be known. The same words about several rows are said once.
fn remarks(rows: &[Row]) -> String {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for row in rows {
        for words in row.remarks() {
            match said.iter_mut().find(|(known, _)| *known == words) {
                Some((_, titles)) => titles.push(&row.title),
                None => said.push((words, vec![&row.title])),
            }
        }
    }
    let mut text = String::new();
    for (words, titles) in said {
        text += &match titles.len() == rows.len() {
            true => format!("\n- {words}"),
            false => format!("\n- {words} ({})", titles.join("; ")),
        };
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn heading(columns: &[Figure]) -> Vec<String> {
    let mut cells = vec!["what".to_owned(), "who".to_owned()];
    cells.extend(columns.iter().map(|figure| figure.heading().to_owned()));
    cells
}

fn line(title: &str, row: &Row, contender: &Contender, columns: &[Figure]) -> Vec<String> {
    let mut cells = vec![title.to_owned(), contender.who.clone()];
    cells.extend(columns.iter().map(|&figure| match contender.value(figure) {
        Some(value) => match row.ratio(contender, figure) {
            Some(ratio) => format!("{} ({}x)", readable(value), readable(ratio)),
            None => readable(value),
        },
        None => String::new(),
    }));
    cells
}

/// All promises as a table.
pub fn promises(verdicts: &[Verdict]) -> String {
    let heading = [
        "promise", "measured", "baseline", "ratio", "target", "verdict",
    ];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    lines.extend(verdicts.iter().map(promise));
    format!("## promises\n\n{}", render(&lines))
}

fn promise(verdict: &Verdict) -> Vec<String> {
    let (measured, baseline, ratio, words) = match &verdict.outcome {
        Outcome::NotMeasured(why) => {
            let nothing = String::new;
            (
                nothing(),
                nothing(),
                nothing(),
                format!("not measured: {why}"),
            )
        }
        Outcome::Measured(measured) => {
            let unit = verdict.figure.unit();
            let baseline = measured.baseline.as_ref();
            let words = match measured.kept {
                Some(true) => "kept",
                Some(false) => "MISSED",
                None => "told",
            };
            (
                format!("{} {unit}", readable(measured.value)),
                baseline.map_or_else(String::new, |it| {
                    format!("{} {unit} {}", readable(it.value), it.who)
                }),
                baseline.map_or_else(String::new, |it| format!("{}x", readable(it.ratio))),
                words.to_owned(),
            )
        }
    };
    vec![
        format!("`{}`", verdict.id),
        measured,
        baseline,
        ratio,
        verdict.target.clone(),
        words,
    ]
}

/// A Markdown table whose columns line up; the first line is the heading. Text is on the left of its
/// column, numbers on the right.
pub fn render(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
            .max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let numbers: Vec<bool> = (0..columns)
        .map(|column| is_numeric(lines, column))
        .collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (column, cell) in line.iter().enumerate() {
            let width = widths[column];
            text += &match numbers[column] {
                true => format!("| {cell:>width$} "),
                false => format!("| {cell:<width$} "),
            };
        }
        text += "|\n";
        if number == 0 {
            for (width, numeric) in widths.iter().zip(&numbers) {
                let end = if *numeric { ":" } else { "-" };
                text += &format!("|{}{end}", "-".repeat(width + 1));
            }
            text += "|\n";
        }
    }
    text
}

fn is_numeric(lines: &[Vec<String>], column: usize) -> bool {
    let mut cells = lines.iter().skip(1).filter_map(|line| line.get(column));
    let number = |cell: &String| {
        cell.is_empty() || cell.starts_with(|it: char| it.is_ascii_digit() || it == '-')
    };
    column > 0 && cells.all(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Figures, Taken};

    #[test]
    fn a_suite_shows_every_contender_beside_its_baseline() {
        let mut row = Row::new("pinned", "64 B", "raw");
        row.add(Taken::default().raw(Figures::from([(Figure::P50, 3.3)])));
        row.add(Taken::default().greenroom(Figures::from([(Figure::P50, 9.9)])));
        row.add(Taken::default().skipped("loky", "is not installed"));
        let result = SuiteResult {
            name: "round-trip",
            about: "There and back.",
            columns: &[Figure::P50],
            rows: vec![row],
        };
        let expected = "\
## round-trip

There and back.

| what | who       |       p50 us |
|------|-----------|-------------:|
| 64 B | raw       |         3.30 |
|      | greenroom | 9.90 (3.00x) |

- loky skipped: is not installed
";
        assert_eq!(suite(&result), expected);
    }

    #[test]
    fn a_reason_that_concerns_several_rows_is_said_once() {
        let mut rows = Vec::new();
        for (title, who) in [("one", "loky"), ("two", "loky"), ("three", "pool")] {
            let mut row = Row::new(title, title, "raw");
            row.add(Taken::default().skipped(who, "is not installed"));
            rows.push(row);
        }
        let columns = &[Figure::P50];
        let result = SuiteResult {
            name: "peers",
            about: "Others.",
            columns,
            rows,
        };
        let text = suite(&result);
        let end = "\n- loky skipped: is not installed (one; two)\n- pool skipped: is not installed (three)\n";
        assert!(text.ends_with(end), "{text}");
    }
}
