//! The only file that knows bincode.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

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

/// The fields of a message as bytes.
pub(crate) fn encode<T: Serialize>(fields: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(fields, layout())
        .expect("plain structs of integers, strings and lists always serialize into memory")
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
    if encode(&fields) != body[..consumed] {
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
