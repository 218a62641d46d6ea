//! Which fields a struct has, in which order and of which types: what it asks of a deserializer.

use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Names and types as `messages.toml` would write them.
pub(crate) type Fields = Vec<(String, String)>;

/// The fields of `T`, and those of each struct inside it by its name.
pub(crate) fn layout_of<T: DeserializeOwned>() -> (Fields, Vec<(String, Fields)>) {
    let mut seen = Seen::default();
    T::deserialize(&mut seen).expect("what is asked for is given");
    let mut structs = seen.structs;
    let (_, fields) = structs.pop().expect("T is a struct");
    (fields, structs)
}

#[derive(Default)]
struct Seen {
    /// The type that was asked for last.
    kind: String,
    /// Each struct when its last field is done: the outermost one comes last.
    structs: Vec<(String, Fields)>,
}

macro_rules! answer {
    ($($asked:ident $visit:ident $value:expr, $kind:literal;)*) => {$(
        fn $asked<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Never> {
            self.kind = $kind.into();
            visitor.$visit($value)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Seen {
    type Error = Never;

    // A method of a trait for each type is what a function cannot write.
    answer! {
        deserialize_u8 visit_u8 0, "u8";
        deserialize_u16 visit_u16 0, "u16";
        deserialize_u32 visit_u32 0, "u32";
        deserialize_u64 visit_u64 0, "u64";
        deserialize_i64 visit_i64 0, "i64";
        deserialize_bool visit_bool false, "bool";
        deserialize_string visit_str "", "String";
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Never> {
        let value = visitor.visit_some(&mut *self)?;
        self.kind = format!("Option<{}>", self.kind);
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Never> {
        let value = visitor.visit_seq(OneItem(Some(&mut *self)))?;
        self.kind = match self.kind.as_str() {
            "u8" => "bytes".into(),
            item => format!("Vec<{item}>"),
        };
        Ok(value)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Never> {
        let value = visitor.visit_newtype_struct(&mut *self)?;
        let integer = std::mem::replace(&mut self.kind, name.into());
        let only = ("0".to_owned(), integer);
        self.structs.push((name.into(), vec![only]));
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Never> {
        let mut fields = Vec::new();
        let each = EachField {
            seen: &mut *self,
            names: names.iter(),
            fields: &mut fields,
        };
        let value = visitor.visit_seq(each)?;
        self.kind = name.into();
        self.structs.push((name.into(), fields));
        Ok(value)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Never> {
        Err(de::Error::custom("a type that section 3.2 does not have"))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 f64 char str bytes byte_buf unit unit_struct tuple tuple_struct
        map enum identifier ignored_any
    }
}

struct OneItem<'a>(Option<&'a mut Seen>);

impl<'de> SeqAccess<'de> for OneItem<'_> {
    type Error = Never;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Never> {
        self.0.take().map(|seen| seed.deserialize(seen)).transpose()
    }
}

struct EachField<'a> {
    seen: &'a mut Seen,
    names: std::slice::Iter<'static, &'static str>,
    fields: &'a mut Fields,
}

impl<'de> SeqAccess<'de> for EachField<'_> {
    type Error = Never;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Never> {
        let Some(name) = self.names.next() else {
            return Ok(None);
        };
        let value = seed.deserialize(&mut *self.seen)?;
        self.fields
            .push(((*name).to_owned(), self.seen.kind.clone()));
        Ok(Some(value))
    }
}

#[derive(Debug)]
pub(crate) struct Never(String);

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Never {}

impl de::Error for Never {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}
