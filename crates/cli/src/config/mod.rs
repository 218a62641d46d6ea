//! The configuration file: read, checked, and made into units.
//!
//! A file is read by hand, key by key ([`table`]), rather than by derived code: so each mistake has
//! its place, all of them are found at once, and nothing of a secret gets into a message. What the
//! single keys mean stands in one file per table: [`daemon`], [`pool`], [`group`]; what daemons and
//! pools share in [`mod@unit`].

mod command;
mod daemon;
mod fingerprint;
mod group;
mod mistakes;
mod pool;
mod probe;
mod problem;
mod restart;
mod semantic;
pub(crate) mod signal;
mod stop;
mod table;
mod unit;
mod value;

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use greenroom::supervisor::Group;
use toml::de::DeTable;

use crate::quantity::{Size, Span};
use mistakes::Mistakes;
use problem::Mistake;
pub(crate) use problem::{ConfigError, Problem};
use table::Table;
pub(crate) use unit::Described;
use value::Value;

/// What a time must look like.
const SPAN: &str = "a length of time in quotes, for example \"2.5s\"";
/// What a size must look like.
const SIZE: &str = "a size in quotes, for example \"512MiB\"";
const MAX_BYTES: u64 = 1 << 20;

/// A file that was read, with what stands where.
pub(crate) struct Config {
    path: PathBuf,
    text: String,
    /// The places of the text that may not be shown.
    secrets: Vec<Range<usize>>,
    pub(crate) shutdown_timeout: Duration,
    /// Where the control socket is to be, if the file says so.
    pub(crate) socket: Option<PathBuf>,
    pub(crate) groups: Vec<Entry<Group>>,
    /// In the order of the file.
    pub(crate) units: Vec<Entry<Described>>,
}

/// A named table of the file.
#[derive(Clone)]
pub(crate) struct Entry<T> {
    pub(crate) name: String,
    pub(crate) value: T,
    /// What tells one value of a key from another. The values themselves may be secrets.
    pub(crate) fingerprints: BTreeMap<String, u64>,
    at: Range<usize>,
    /// Where its keys stand; those of inner tables as `restart.window`.
    places: BTreeMap<String, Range<usize>>,
}

impl Config {
    /// Reads a file. What it says is possible by itself; whether its units fit together is known
    /// by [`supervisor`](Self::supervisor).
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read_file(path)?;
        Self::parse(path, text)
    }

    pub(crate) fn parse(path: &Path, text: String) -> Result<Self, ConfigError> {
        let invalid = |mistakes: Vec<Mistake>, secrets: &[Range<usize>]| {
            let mistakes = mistakes.into_iter();
            let problems = mistakes.map(|mistake| Problem::new(path, &text, mistake, secrets));
            ConfigError::Invalid(problems.collect())
        };
        let root = DeTable::parse(&text).map_err(|error| {
            let mistake = syntax(&error);
            // Whether it is a secret that is misspelled here cannot be known.
            let secret = problem::values_at(&text, mistake.at.start);
            invalid(vec![mistake], &[secret])
        })?;
        let directory = directory_of(path);
        let mistakes = Mistakes::default();
        let mut root = Table::new("the file".into(), root, &mistakes);
        let settings = root.take("supervisor");
        let settings = settings.and_then(|value| value.table("a table: [supervisor]"));
        let (shutdown_timeout, socket) = settings.map_or_else(Default::default, |mut table| {
            table.name = "[supervisor]".into();
            let timeout = time(&mut table, "shutdown_timeout");
            let socket = table.take("socket").and_then(Value::text);
            table.finish();
            (timeout, socket.map(|path| directory.join(path)))
        });
        let groups = entries(root.take("group"), "group", |name, table| {
            Some(group::read(name.to_owned(), table))
        });
        let mut units = entries(root.take("daemon"), "daemon", |name, table| {
            daemon::read(name, table, &directory)
        });
        units.extend(entries(root.take("pool"), "pool", |name, table| {
            pool::read(name, table, &directory)
        }));
        units.sort_by_key(|entry| entry.at.start);
        root.finish();
        let (mistakes, secrets) = mistakes.into_parts();
        if !mistakes.is_empty() {
            return Err(invalid(mistakes, &secrets));
        }
        Ok(Self {
            path: path.to_owned(),
            shutdown_timeout: shutdown_timeout.unwrap_or(Duration::from_secs(30)),
            socket,
            groups,
            units,
            secrets,
            text,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn invalid(&self, at: Range<usize>, message: String) -> ConfigError {
        let mistake = Mistake { at, message };
        let problem = Problem::new(&self.path, &self.text, mistake, &self.secrets);
        ConfigError::Invalid(vec![problem])
    }
}

/// Where a file, usable or not, wants the control socket to be.
pub(crate) fn socket_of(path: &Path) -> Option<PathBuf> {
    let text = read_file(path).ok()?;
    let (root, _) = DeTable::parse_recoverable(&text);
    let socket = root.get_ref().get("supervisor")?.get_ref().get("socket")?;
    Some(directory_of(path).join(socket.get_ref().as_str()?))
}

/// The directory that relative paths of a file start from.
fn directory_of(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.parent().map(Path::to_owned).unwrap_or_default()
}

fn read_file(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => ConfigError::Missing { path: path.into() },
        _ => ConfigError::Unreadable {
            path: path.into(),
            source,
        },
    };
    // A pipe would keep whoever opens it waiting for a writer, and with it a whole supervisor.
    let at_once = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut options = std::fs::File::options();
    let file = options.read(true).custom_flags(at_once).open(path);
    let file = file.map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(ConfigError::NotAFile { path: path.into() });
    }
    let mut text = String::new();
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(ConfigError::TooLarge { path: path.into() });
    }
    Ok(text)
}

fn syntax(error: &toml::de::Error) -> Mistake {
    Mistake {
        at: error.span().unwrap_or_default(),
        message: error.message().replace('\n', ", "),
    }
}

/// The tables of all names below `[kind]`.
fn entries<'a, T>(
    value: Option<Value<'a>>,
    kind: &str,
    mut read: impl FnMut(&str, Table<'a>) -> Option<T>,
) -> Vec<Entry<T>> {
    let named = value.and_then(|value| value.table(&format!("tables such as [{kind}.NAME]")));
    let mut entries = Vec::new();
    for (name, at, value) in named.map(Table::into_named).unwrap_or_default() {
        let Some(mut table) = value.table("a table") else {
            continue;
        };
        table.name = format!("[{kind}.{name}]");
        table.at = at.clone();
        let (places, fingerprints) = table.outline();
        if let Some(value) = read(&name, table) {
            entries.push(Entry {
                name,
                value,
                fingerprints,
                at,
                places,
            });
        }
    }
    entries
}

/// For keys that hold a time and have a default.
fn span(table: &mut Table<'_>, key: &'static str, value: &mut Duration) {
    if let Some(span) = time(table, key) {
        *value = span;
    }
}

/// For keys that hold a time.
fn time(table: &mut Table<'_>, key: &'static str) -> Option<Duration> {
    let span = table.take(key)?.parsed::<Span>(SPAN)?;
    Some(span.0)
}

/// For keys that hold a size in bytes.
fn size(table: &mut Table<'_>, key: &'static str) -> Option<u64> {
    let size = table.take(key)?.parsed::<Size>(SIZE)?;
    Some(size.0)
}
