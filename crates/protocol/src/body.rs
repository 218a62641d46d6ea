//! The only file that knows bincode.

use std::io::{self, Write};

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::frame::HEADER;
use crate::{DecodeError, MessageType};

/// The most bytes that the fields of one message may take, its data apart.
pub const MAX_FIELDS: u32 = 128 << 10;

/// What one body's fields may claim in memory while they are decoded: the frame bounds the bytes
/// that arrive, this bounds what a length inside them can make the deserializer reserve. An integer
/// of one byte claims up to eight, so that this is what [`MAX_FIELDS`] bytes can rightly claim.
const CLAIM: usize = 8 * MAX_FIELDS as usize;

// Spelled out, so that a change of a default cannot change the wire.
type Layout = Configuration<LittleEndian, Varint, Limit<CLAIM>>;

fn layout() -> Layout {
    bincode::config::standard().with_limit::<CLAIM>()
}

/// The head of a frame: room for the header, then the message's fields.
pub(crate) fn encode<T: Serialize>(fields: &T) -> Vec<u8> {
    let mut head = Vec::with_capacity(64);
    head.resize(HEADER, 0);
    bincode::serde::encode_into_std_write(fields, &mut head, layout())
        .expect("plain structs of integers, strings and lists always serialize into memory");
    head
}

/// Whether `bytes` are how `fields` are written.
fn is_canonical<T: Serialize>(fields: &T, bytes: &[u8]) -> bool {
    let mut expected = Expected(bytes);
    bincode::serde::encode_into_std_write(fields, &mut expected, layout()).is_ok()
        && expected.0.is_empty()
}

/// Takes only the bytes that it was made of.
struct Expected<'a>(&'a [u8]);

impl Write for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .strip_prefix(bytes)
            .ok_or(io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The fields at the beginning of a body, and the data after them.
///
/// bincode takes integers that are written longer than need be; encoding again and comparing
/// leaves exactly one form for each value.
pub(crate) fn split<T>(kind: MessageType, mut body: Bytes) -> Result<(T, Bytes), DecodeError>
where
    T: Serialize + DeserializeOwned,
{
    let (fields, consumed): (T, usize) = bincode::serde::decode_from_slice(&body, layout())
        .map_err(|error| DecodeError::Malformed {
            kind,
            detail: error.to_string(),
        })?;
    if consumed > MAX_FIELDS as usize {
        return Err(DecodeError::Malformed {
            kind,
            detail: format!("the fields take {consumed} bytes, they may take {MAX_FIELDS}"),
        });
    }
    if !is_canonical(&fields, &body[..consumed]) {
        return Err(DecodeError::NotCanonical { kind });
    }
    let data = body.split_off(consumed);
    Ok((fields, data))
}

/// The fields of a message that carries no data.
pub(crate) fn decode<T>(kind: MessageType, body: Bytes) -> Result<T, DecodeError>
where
    T: Serialize + DeserializeOwned,
{
    let (fields, rest) = split(kind, body)?;
    if rest.is_empty() {
        Ok(fields)
    } else {
        Err(DecodeError::Trailing {
            kind,
            extra: rest.len(),
        })
    }
}
