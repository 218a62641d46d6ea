//! Reads a TOML table key by key, remembers where everything stands, and refuses what nobody asked
//! for.
//!
//! Mistakes are collected instead of ending the reading, so that a file is mended in one go. What
//! cannot be read gives `None`, as what is absent does: who reads need not care, because a file with
//! mistakes is not used.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fingerprint::fingerprint;
use super::mistakes::Mistakes;
use super::value::Value;
use crate::nearest::nearest;

/// A table that is being read.
pub(crate) struct Table<'a> {
    /// As people would write it: `[daemon.api]`.
    pub(crate) name: String,
    pub(crate) at: Range<usize>,
    entries: BTreeMap<String, (Range<usize>, Spanned<DeValue<'a>>)>,
    /// The keys that are known, and whether their values are secret.
    asked: Vec<(&'static str, bool)>,
    pub(crate) mistakes: &'a Mistakes,
}

impl<'a> Table<'a> {
    pub(crate) fn new(name: String, table: Spanned<DeTable<'a>>, mistakes: &'a Mistakes) -> Self {
        let at = table.span();
        let entries = table
            .into_inner()
            .into_iter()
            .map(|(key, value)| {
                let at = key.span();
                (key.into_inner().into_owned(), (at, value))
            })
            .collect();
        Self {
            name,
            at,
            entries,
            asked: Vec::new(),
            mistakes,
        }
    }

    /// The value of a key, if it is there. The key is known from now on.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.asked.push((key, false));
        let (_, value) = self.entries.remove(key)?;
        Some(self.value(key, value))
    }

    /// As [`take`](Self::take), of a value that no message may repeat.
    pub(crate) fn take_secret(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.asked.push((key, true));
        let (_, value) = self.entries.remove(key)?;
        self.mistakes.hide(value.span());
        Some(self.value(key, value))
    }

    /// As [`take`](Self::take), of a key that must be there.
    pub(crate) fn require_secret(&mut self, key: &'static str, example: &str) -> Option<Value<'a>> {
        let value = self.take_secret(key);
        if value.is_none() {
            self.mistake(format!(
                "{} needs the key {key:?}: write {example}",
                self.name
            ));
        }
        value
    }

    /// All keys with their places and values, in the order of the file: of a table whose keys are
    /// names.
    pub(crate) fn into_named(mut self) -> Vec<(String, Range<usize>, Value<'a>)> {
        let mut named: Vec<_> = std::mem::take(&mut self.entries)
            .into_iter()
            .map(|(key, (at, value))| {
                let value = self.value(&key, value);
                (key, at, value)
            })
            .collect();
        named.sort_by_key(|(_, at, _)| at.start);
        named
    }

    /// Where the keys stand, and what tells one value from another.
    pub(crate) fn outline(&self) -> (BTreeMap<String, Range<usize>>, BTreeMap<String, u64>) {
        let mut places = BTreeMap::new();
        let mut prints = BTreeMap::new();
        for (key, (at, value)) in &self.entries {
            places.insert(key.clone(), at.clone());
            prints.insert(key.clone(), fingerprint(value.get_ref()));
            if let DeValue::Table(inner) = value.get_ref() {
                for inner in inner.keys() {
                    places.insert(format!("{key}.{}", inner.get_ref()), inner.span());
                }
            }
        }
        (places, prints)
    }

    /// Says so unless exactly one of some keys is there; asked before they are taken.
    pub(crate) fn one_of(&self, keys: &[&str]) -> bool {
        let given = keys
            .iter()
            .filter(|key| self.entries.contains_key(**key))
            .count();
        if given != 1 {
            let (last, others) = keys.split_last().unwrap_or((&"", &[]));
            let others = others.join(", ");
            self.mistake(format!(
                "{} needs exactly one of {others} and {last}",
                self.name
            ));
        }
        given == 1
    }

    /// Says that something is wrong with the table as a whole.
    pub(crate) fn mistake(&self, message: impl Into<String>) {
        self.mistakes.add(self.at.clone(), message);
    }

    /// Refuses the keys that nobody has asked for.
    pub(crate) fn finish(self) {
        for (key, (at, value)) in &self.entries {
            let known = || self.asked.iter().map(|(known, _)| *known);
            let nearest = nearest(key, known());
            let help = match nearest {
                Some(nearest) => format!("did you mean {nearest:?}?"),
                None => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
            };
            let message = format!("unknown key {key:?} in {}: {help}", self.name);
            // A misspelled environment is still one.
            let harmless = (self.asked.iter()).any(|known| Some(known.0) == nearest && !known.1);
            if !harmless || value.get_ref().is_table() || value.get_ref().is_array() {
                self.mistakes.hide(value.span());
            }
            self.mistakes.add(at.clone(), message);
        }
    }

    fn value(&self, key: &str, value: Spanned<DeValue<'a>>) -> Value<'a> {
        Value {
            key: key.to_owned(),
            is_entry: false,
            table: self.name.clone(),
            at: value.span(),
            value: value.into_inner(),
            mistakes: self.mistakes,
        }
    }
}
