//! Puts measured values into the table of promises that people read.

use crate::verdict::{Outcome, Verdict};

/// A text with new values, and what is to be told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The text.
    pub text: String,
    /// Rows without a promise and promises without a row.
    pub remarks: Vec<String>,
}

/// Replaces the last cell of each row that begins with a measured promise's name. Everything else
/// stays as it is, to the byte.
pub fn last_column(text: &str, verdicts: &[Verdict], date: &str) -> Rewritten {
    let mut remarks = Vec::new();
    let mut found = Vec::new();
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let id = row_id(line);
        found.extend(id);
        let verdict = id.and_then(|id| verdicts.iter().find(|it| it.id == id));
        lines.push(match verdict.map(|it| (it, &it.outcome)) {
            Some((it, Outcome::Measured(measured))) => {
                with_last_cell(line, &format!("{} ({date})", measured.words(it.figure)))
            }
            _ => line.to_owned(),
        });
    }
    for id in &found {
        if !verdicts.iter().any(|it| it.id == *id) {
            remarks.push(format!(
                "`{id}` is shown by no benchmark: its row stays as it is"
            ));
        }
    }
    for verdict in verdicts {
        let measured = matches!(verdict.outcome, Outcome::Measured(_));
        if measured && !found.contains(&verdict.id) {
            remarks.push(format!("`{}` was measured and has no row", verdict.id));
        }
    }
    Rewritten {
        text: lines.join("\n"),
        remarks,
    }
}

/// The name in a row's first cell.
fn row_id(line: &str) -> Option<&str> {
    let (id, _) = line.strip_prefix("| `")?.split_once("` |")?;
    Some(id)
}

fn with_last_cell(line: &str, cell: &str) -> String {
    let row = line.trim_end().trim_end_matches('|');
    match row.rfind('|') {
        Some(border) => format!("{} {cell} |", &row[..=border]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Figure;
    use crate::verdict::Measured;

    fn verdict(id: &'static str, outcome: Outcome) -> Verdict {
        Verdict {
            id,
            sentence: "",
            kind: crate::promise::Kind::Cost,
            figure: Figure::Memory,
            target: String::new(),
            outcome,
        }
    }

    #[test]
    fn only_the_last_cell_of_what_was_measured_changes() {
        let measured = |value| {
            Outcome::Measured(Measured {
                value,
                baseline: None,
                kept: None,
            })
        };
        let verdicts = [
            verdict("memory", measured(12.3)),
            verdict("cpu", Outcome::NotMeasured("no".into())),
            verdict("elsewhere", measured(1.0)),
        ];
        let text = "# Promises\n\n| `memory` | at most 16 KiB | old |\n| `cpu` | low | old |\n\
                    | `orphans` | none | a test |\n";
        let rewritten = last_column(text, &verdicts, "2026-01-02");
        let expected = "# Promises\n\n| `memory` | at most 16 KiB | 12.3 KiB (2026-01-02) |\n\
                        | `cpu` | low | old |\n| `orphans` | none | a test |\n";
        assert_eq!(rewritten.text, expected);
        assert_eq!(
            rewritten.remarks,
            [
                "`orphans` is shown by no benchmark: its row stays as it is",
                "`elsewhere` was measured and has no row",
            ]
        );
    }
}
