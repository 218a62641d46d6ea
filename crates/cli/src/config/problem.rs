//! What is wrong with a configuration file, and where.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// A configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// It is not there.
    #[error("there is no file {}: write one (`greenroom check --help` shows how), or name it with -c", .path.display())]
    Missing { path: PathBuf },
    #[error("{} cannot be read: {source}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is not a file: give the path of a configuration", .path.display())]
    NotAFile { path: PathBuf },
    #[error("{} has more than 1 MiB: this is no configuration", .path.display())]
    TooLarge { path: PathBuf },
    /// It says what cannot be.
    #[error("{}", Listed(.0))]
    Invalid(Vec<Problem>),
}

/// One thing that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    pub(crate) file: PathBuf,
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    pub(crate) message: String,
    /// The line itself, or of a long one what surrounds the place; what may be a secret in it is
    /// masked.
    pub(crate) text: String,
    /// Characters of the line that come before that.
    #[serde(skip)]
    skipped: usize,
    /// How many characters of the line are meant.
    #[serde(skip)]
    width: usize,
}

/// A mistake at a place in the text, before the place has a line number.
#[derive(Clone, Debug)]
pub(crate) struct Mistake {
    pub(crate) at: Range<usize>,
    pub(crate) message: String,
}

/// The most characters of a line that are shown.
const SHOWN: usize = 160;

impl Problem {
    /// `secrets` are the places of `text` that may not be shown.
    pub(crate) fn new(file: &Path, text: &str, mistake: Mistake, secrets: &[Range<usize>]) -> Self {
        let start = text.floor_char_boundary(mistake.at.start.min(text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = text.floor_char_boundary(mistake.at.end.clamp(start, line_end));
        let line = text[line_start..line_end].trim_end();
        let before = text[line_start..start].chars().count();
        let is_long = line.chars().nth(SHOWN).is_some();
        let skipped = if is_long {
            before.saturating_sub(SHOWN / 4)
        } else {
            0
        };
        let masked = masked(line, line_start, secrets);
        Self {
            file: file.to_owned(),
            line: text[..line_start].matches('\n').count() + 1,
            column: before + 1,
            message: mistake.message,
            text: masked.chars().skip(skipped).take(SHOWN).collect(),
            skipped,
            width: text[start..end].chars().count().max(1),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        // Tabs stay tabs, so that the marks stand below what they mean.
        let indent: String = self
            .text
            .chars()
            .take(self.column - 1 - self.skipped)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let shown = self.text.chars().count() + self.skipped;
        let width = shown.saturating_sub(self.column - 1);
        let marks = "^".repeat(self.width.min(width).max(1));
        write!(
            f,
            "{}:{}:{}: {}\n  {number} | {}\n  {margin} | {indent}{marks}",
            self.file.display(),
            self.line,
            self.column,
            self.message,
            self.text,
        )
    }
}

struct Listed<'a>(&'a [Problem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// The line as it may be shown: of secrets there is the shape, and nothing commands a terminal.
fn masked(line: &str, start: usize, secrets: &[Range<usize>]) -> String {
    let shown = |(at, c): (usize, char)| {
        let secret = secrets.iter().any(|secret| secret.contains(&(start + at)));
        let shape = c.is_whitespace() || "[]{},=\"'#".contains(c);
        match c {
            '\t' => '\t',
            c if c.is_control() => '\u{fffd}',
            _ if secret && !shape => '*',
            c => c,
        }
    };
    line.char_indices().map(shown).collect()
}

/// What may be a secret in a line that cannot be read as TOML: everything but headers and what
/// stands before the first `=`.
pub(crate) fn values_at(text: &str, at: usize) -> Range<usize> {
    let at = text.floor_char_boundary(at.min(text.len()));
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let line = &text[start..end];
    let trimmed = line.trim();
    match line.find('=') {
        Some(equals) if !trimmed.starts_with(['"', '\'']) => start + equals..end,
        _ if trimmed.starts_with('[') && trimmed.ends_with(']') => end..end,
        _ => start..end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_shown_with_its_line_and_marked() {
        let text = "[daemon.api]\nrestrat = \"always\"\n";
        let mistake = Mistake {
            at: 13..20,
            message: "unknown key".into(),
        };
        let shown = Problem::new(Path::new("g.toml"), text, mistake, &[]).to_string();
        assert_eq!(
            shown,
            "g.toml:2:1: unknown key\n  2 | restrat = \"always\"\n    | ^^^^^^^"
        );
    }

    #[test]
    fn of_a_long_line_the_surroundings_are_shown() {
        let text = format!("a = \"{}\"; b\n", "q".repeat(300_000));
        let mistake = Mistake {
            at: 4..300_006,
            message: "too long".into(),
        };
        let shown = Problem::new(Path::new("g"), &text, mistake, &[]).to_string();
        assert!(
            shown.starts_with("g:1:5: too long\n  1 | a = \"qqq"),
            "{shown}"
        );
        assert!(shown.len() < 400, "{}", shown.len());
        let late = Mistake {
            at: 300_008..300_009,
            message: "what is that".into(),
        };
        let shown = Problem::new(Path::new("g"), &text, late, &[]).to_string();
        assert!(shown.ends_with("^") && shown.contains("q\"; b"), "{shown}");
        assert!(shown.len() < 300, "{}", shown.len());
    }

    #[test]
    fn secrets_are_masked() {
        let hidden = |text: &str| masked(text, 0, &[values_at(text, 3)]);
        assert_eq!(
            hidden("environment = { KEY = \"s3cret\" "),
            "environment = { *** = \"******\" "
        );
        assert_eq!(hidden("  \"--password=x\","), "  \"**********=*\",");
        assert_eq!(hidden("[daemon.api]"), "[daemon.api]");
        assert_eq!(hidden("hunter2"), "*******");
        let secrets = [104..107, 114..115];
        assert_eq!(
            masked("a = 'b', c = 'd'", 100, &secrets),
            "a = '*', c = '*'"
        );
    }

    #[test]
    fn a_place_at_the_very_end_has_a_line() {
        let mistake = Mistake {
            at: 5..5,
            message: "unfinished".into(),
        };
        let problem = Problem::new(Path::new("g"), "a = [", mistake, &[]);
        assert_eq!((problem.line, problem.column), (1, 6));
    }
}
