//! How things look to people: amounts, tables, colours.

pub(crate) mod amount;
pub(crate) mod event;
pub(crate) mod report;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod units;
