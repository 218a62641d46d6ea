//! Reads the list of known failures.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use greenroom_conformance::Case;
use greenroom_conformance::expected::{Expected, Mistake, Problem as Wrong};

use super::choice::meant;
use super::problem::Problem;

/// No list is longer.
const LONGEST: u64 = 1 << 20;

/// The failures that are known. `cases` is the whole catalogue.
pub(super) fn read(path: &Path, cases: &[Case]) -> Result<Expected, Problem> {
    let text = read_text(path).map_err(|source| Problem::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Expected::parse(&text, cases).map_err(|mistakes| {
        let told: Vec<String> = mistakes.iter().map(|it| told(path, it, cases)).collect();
        Problem::Usage(told.join("\n       "))
    })
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(LONGEST + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    Ok(text)
}

fn told(path: &Path, mistake: &Mistake, cases: &[Case]) -> String {
    let meant = match &mistake.problem {
        Wrong::Unknown { id } => meant(id, cases.iter().map(|case| case.id)),
        Wrong::NoReason { .. } | Wrong::Duplicate { .. } => String::new(),
    };
    format!("{}, {mistake}{meant}", path.display())
}
