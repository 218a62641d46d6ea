//! `tcp`, `http` and `exec`: how something is looked at from outside.

use std::path::Path;

use greenroom::Probe;

use super::command::Program;
use super::table::Table;
use super::value::Value;

/// The keys that name a look.
pub(super) const LOOKS: [&str; 3] = ["tcp", "http", "exec"];

/// The look that a table names, and its key.
pub(super) fn read(table: &mut Table<'_>, base: &Path) -> Option<(&'static str, Probe)> {
    // Addresses may hold passwords and tokens.
    let tcp = table
        .take_secret("tcp")
        .and_then(|value| made(value, Probe::tcp));
    let http = table
        .take_secret("http")
        .and_then(|value| made(value, Probe::http));
    let exec = table
        .take_secret("exec")
        .and_then(|words| exec(words, base));
    let tcp = tcp.map(|probe| ("tcp", probe));
    tcp.or(http.map(|probe| ("http", probe)))
        .or(exec.map(|probe| ("exec", probe)))
}

fn made<E: std::fmt::Display>(
    value: Value<'_>,
    make: impl FnOnce(String) -> Result<Probe, E>,
) -> Option<Probe> {
    let at = value.at.clone();
    let mistakes = value.mistakes();
    let probe = make(value.text()?);
    probe
        .map_err(|error| mistakes.add(at, error.to_string()))
        .ok()
}

fn exec(words: Value<'_>, base: &Path) -> Option<Probe> {
    let at = words.at.clone();
    let mistakes = words.mistakes();
    let probe = Probe::exec(&Program::from_words(words, base)?.command());
    probe
        .map_err(|error| mistakes.add(at, error.to_string()))
        .ok()
}
