//! How a program is started: the keys that daemons, workers and checks share.

use std::path::{Path, PathBuf};

use greenroom::{Command, Worker};

use super::table::Table;
use super::value::Value;
use crate::quantity::Size;

/// A program with its surroundings. It is never shown: arguments and environment may be secrets.
#[derive(Clone)]
pub(super) struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    directory: PathBuf,
    environment: Vec<(String, String)>,
    inherit: Vec<String>,
    nice: Option<i32>,
    oom_score_adj: Option<i32>,
    hard_memory_limit: Option<u64>,
}

impl Program {
    /// Reads the program from `key` and its surroundings from the keys beside it.
    pub(super) fn read(table: &mut Table<'_>, key: &'static str, base: &Path) -> Option<Self> {
        let example = format!("{key} = [\"program\", \"argument\"]");
        let words = table.require_secret(key, &example);
        let directory = table.take("directory").and_then(Value::text);
        let environment = table.take_secret("environment").map(read_environment);
        let inherit = table.take("inherit").and_then(names);
        let nice = table.take("nice").and_then(|value| value.number(-20..=19));
        let oom = table.take("oom_score_adj");
        let oom_score_adj = oom.and_then(|value| value.number(-1000..=1000));
        let limit = table.take("hard_memory_limit");
        let limit = limit.and_then(|value| value.parsed::<Size>(super::SIZE));
        let mut program = Self::from_words(words?, base)?;
        if let Some(directory) = directory {
            program.directory = base.join(directory);
        }
        program.environment = environment.unwrap_or_default();
        program.inherit = inherit.unwrap_or_default();
        program.nice = nice.and_then(|nice| nice.try_into().ok());
        program.oom_score_adj = oom_score_adj.and_then(|score| score.try_into().ok());
        program.hard_memory_limit = limit.map(|size| size.0);
        Some(program)
    }

    /// A list of the program and its arguments. A relative path is one from `base`; a bare name is
    /// looked up in `PATH`.
    pub(super) fn from_words(words: Value<'_>, base: &Path) -> Option<Self> {
        const EXPECTED: &str = "a list of the program and its arguments, for example \
                                [\"sh\", \"-c\", \"exec ./serve\"]";
        let at = words.at.clone();
        let mistakes = words.mistakes();
        let mut words = words.list(EXPECTED)?.into_iter().map(usable_text);
        let Some(first) = words.next() else {
            mistakes.add(at, format!("the list is empty: it must be {EXPECTED}"));
            return None;
        };
        let path = PathBuf::from(first?);
        let path = match path.components().count() {
            0 | 1 => path,
            _ => base.join(path),
        };
        Some(Self {
            path,
            arguments: words.collect::<Option<_>>()?,
            directory: base.to_owned(),
            environment: Vec::new(),
            inherit: Vec::new(),
            nice: None,
            oom_score_adj: None,
            hard_memory_limit: None,
        })
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path)
            .args(&self.arguments)
            .current_dir(&self.directory);
        for name in &self.inherit {
            command = command.inherit_env(name);
        }
        for (name, value) in &self.environment {
            command = command.env(name, value);
        }
        if let Some(nice) = self.nice {
            command = command.nice(nice);
        }
        if let Some(score) = self.oom_score_adj {
            command = command.oom_score_adj(score);
        }
        if let Some(limit) = self.hard_memory_limit {
            command = command.hard_memory_limit(limit);
        }
        command
    }

    pub(super) fn worker(&self) -> Worker {
        Worker::from(self.command())
    }
}

/// A list of names.
pub(super) fn names(list: Value<'_>) -> Option<Vec<String>> {
    let entries = list.list("a list of names, for example [\"LANG\"]")?;
    entries.into_iter().map(Value::text).collect()
}

fn read_environment(value: Value<'_>) -> Vec<(String, String)> {
    let Some(table) = value.table("a table, for example { PORT = \"8080\" }") else {
        return Vec::new();
    };
    let mistakes = table.mistakes;
    let each = |(name, at, value): (String, _, Value<'_>)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            mistakes.add(at, "an environment variable cannot have this name");
        }
        Some((name, usable_text(value)?))
    };
    table.into_named().into_iter().filter_map(each).collect()
}

/// Text that the system can hand to a program.
fn usable_text(value: Value<'_>) -> Option<String> {
    let at = value.at.clone();
    let mistakes = value.mistakes();
    let text = value.text()?;
    if text.contains('\0') {
        mistakes.add(at, "this holds a NUL, which no program can be given");
        return None;
    }
    Some(text)
}
