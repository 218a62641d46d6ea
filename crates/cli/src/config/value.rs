//! A value of the file: read as what it should be, or refused in words.

use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use toml::Spanned;
use toml::de::DeValue;

use super::mistakes::Mistakes;
use super::table::Table;
use crate::nearest::nearest;

/// A value that is being read.
pub(crate) struct Value<'a> {
    /// Its key, or `an entry of` its list's.
    pub(super) key: String,
    pub(super) is_entry: bool,
    /// The table that it stands in.
    pub(super) table: String,
    pub(crate) at: Range<usize>,
    pub(super) value: DeValue<'a>,
    pub(super) mistakes: &'a Mistakes,
}

impl<'a> Value<'a> {
    pub(crate) fn text(self) -> Option<String> {
        match self.value {
            DeValue::String(text) => Some(text.into_owned()),
            _ => self.must_be("text in quotes"),
        }
    }

    /// Text that says something of type `T`.
    pub(crate) fn parsed<T: FromStr<Err: std::fmt::Display>>(self, expected: &str) -> Option<T> {
        let DeValue::String(text) = &self.value else {
            return self.must_be(expected);
        };
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.wrong(error),
        }
    }

    pub(crate) fn number(self, range: RangeInclusive<i64>) -> Option<i64> {
        let number = match &self.value {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None if *range.end() == i64::MAX => {
                self.must_be(&format!("a whole number from {}", range.start()))
            }
            None => self.must_be(&format!(
                "a whole number from {} to {}",
                range.start(),
                range.end()
            )),
        }
    }

    pub(crate) fn boolean(self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => Some(value),
            _ => self.must_be("true or false"),
        }
    }

    pub(crate) fn list(self, expected: &str) -> Option<Vec<Value<'a>>> {
        let DeValue::Array(array) = self.value else {
            return self.must_be(expected);
        };
        let each = |value: Spanned<DeValue<'a>>| Value {
            key: format!("an entry of {}", self.key),
            is_entry: true,
            table: self.table.clone(),
            at: value.span(),
            value: value.into_inner(),
            mistakes: self.mistakes,
        };
        Some(array.into_iter().map(each).collect())
    }

    pub(crate) fn table(self, expected: &str) -> Option<Table<'a>> {
        let DeValue::Table(table) = self.value else {
            return self.must_be(expected);
        };
        let name = format!("{} of {}", self.key, self.table);
        let table = Spanned::new(self.at, table);
        Some(Table::new(name, table, self.mistakes))
    }

    /// One of some words.
    pub(crate) fn choice<T: Copy>(self, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<_> = choices
            .iter()
            .map(|(word, _)| format!("{word:?}"))
            .collect();
        let expected = words.join(" or ");
        let DeValue::String(text) = &self.value else {
            return self.must_be(&expected);
        };
        if let Some((_, value)) = choices.iter().find(|(word, _)| word == text) {
            return Some(*value);
        }
        let help = match nearest(text, choices.iter().map(|(word, _)| *word)) {
            Some(nearest) => format!("did you mean {nearest:?}?"),
            None => format!("write {expected}"),
        };
        let message = format!("{text:?} is not known here: {help}");
        self.wrong(message)
    }

    /// As people would write it: `key "restart" in [daemon.api]`.
    fn name(&self) -> String {
        let Self { key, table, .. } = self;
        if self.is_entry {
            format!("{key} of {table}")
        } else {
            format!("key {key:?} in {table}")
        }
    }

    pub(crate) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    pub(crate) fn is_number(&self) -> bool {
        self.value.is_integer()
    }

    /// Where what is wrong with it is written down.
    pub(crate) fn mistakes(&self) -> &'a Mistakes {
        self.mistakes
    }

    /// Says what it must be.
    pub(crate) fn must_be<T>(self, expected: &str) -> Option<T> {
        let found = match &self.value {
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "this number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time of day",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        // Whatever is in there was not looked at.
        if self.value.is_table() || self.value.is_array() {
            self.mistakes.hide(self.at.clone());
        }
        let message = format!("{} must be {expected}, not {found}", self.name());
        self.mistakes.add(self.at, message);
        None
    }

    /// Says what is wrong with it.
    pub(crate) fn wrong<T>(self, message: impl std::fmt::Display) -> Option<T> {
        let message = format!("{}: {message}", self.name());
        self.mistakes.add(self.at, message);
        None
    }
}
