//! Tells whether a value has changed, without keeping it: it may be a secret.

use std::hash::{DefaultHasher, Hash, Hasher};

use toml::de::DeValue;

/// The same for values that mean the same.
pub(super) fn fingerprint(value: &DeValue<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash(value, &mut hasher);
    hasher.finish()
}

/// Values that mean the same have the same hash; lengths keep neighbours apart.
fn hash(value: &DeValue<'_>, hasher: &mut impl Hasher) {
    value.type_str().hash(hasher);
    match value {
        DeValue::String(text) => text.hash(hasher),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .hash(hasher);
        }
        DeValue::Float(number) => number.as_str().hash(hasher),
        DeValue::Boolean(value) => value.hash(hasher),
        DeValue::Datetime(time) => time.to_string().hash(hasher),
        DeValue::Array(array) => {
            array.iter().count().hash(hasher);
            array.iter().for_each(|value| hash(value.get_ref(), hasher));
        }
        DeValue::Table(table) => {
            table.len().hash(hasher);
            for (key, value) in table {
                key.get_ref().hash(hasher);
                hash(value.get_ref(), hasher);
            }
        }
    }
}
