//! PROMISES.md says what is measured and tested, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use greenroom_benches::promise::Kind;
use greenroom_benches::registry;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The cells of the rows of the table below a heading.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("PROMISES.md")).unwrap();
    let (_, section) = text.split_once(heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    rows.skip(1)
        .map(|row| {
            let cells = row.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

#[test]
fn every_measured_promise_has_its_row_and_every_row_its_promise() {
    let rows = table("\n## Ratios and costs");
    let written: Vec<[&str; 4]> = rows
        .iter()
        .map(|row| [&*row[0], &*row[1], &*row[2], &*row[3]])
        .collect();
    let promised: Vec<[String; 4]> = registry::ALL
        .iter()
        .map(|promise| {
            let kind = match promise.kind() {
                Kind::Ratio => "ratio",
                Kind::Cost => "cost",
            };
            [
                format!("`{}`", promise.id),
                promise.sentence.to_owned(),
                kind.to_owned(),
                promise.target_words(),
            ]
        })
        .collect();
    assert_eq!(written, promised);
}

#[test]
fn every_row_has_a_value_that_was_measured() {
    for row in table("\n## Ratios and costs") {
        let value = &row[4];
        assert!(value.ends_with(')') && value.contains("(20"), "{row:?}");
    }
}

#[test]
fn every_guarantee_names_a_test_that_is_there() {
    let rows = table("\n## Guarantees");
    assert!(rows.len() > 20, "{}", rows.len());
    for row in rows {
        let words: Vec<&str> = row[2].trim_matches('`').split(' ').collect();
        let (package, file, name) = match words[..] {
            [package, file] => (package, file, None),
            [package, file, name] => (package, file, Some(name)),
            _ => panic!("{row:?}"),
        };
        let source = source(package, file);
        let text = fs::read_to_string(&source).unwrap_or_else(|_| panic!("no {source:?}: {row:?}"));
        if let Some(name) = name {
            assert!(text.contains(&format!("fn {name}(")), "{row:?}");
        }
    }
}

fn source(package: &str, file: &str) -> PathBuf {
    let home = match package.strip_prefix("greenroom-").unwrap() {
        "tests" => root().join("tests"),
        part => root().join("crates").join(part),
    };
    let tests = home.join("tests");
    let single = tests.join(format!("{file}.rs"));
    if single.exists() {
        single
    } else {
        tests.join(file).join("main.rs")
    }
}
