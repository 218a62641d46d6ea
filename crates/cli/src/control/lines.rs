//! Lines of bounded length.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Reads lines of at most so many bytes.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    limit: usize,
    /// What has come of the next line.
    begun: Vec<u8>,
}

/// Why there is no next line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    #[error("a line has more than {limit} bytes")]
    TooLong { limit: usize },
    #[error("the connection ended within a line")]
    Cut,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        let begun = Vec::new();
        Self {
            reader,
            limit,
            begun,
        }
    }

    /// The next line without its end; `None` at the end of everything.
    ///
    /// Cancel-safe: what has come is kept.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, LineError> {
        loop {
            let chunk = self.reader.fill_buf().await?;
            if chunk.is_empty() {
                let clean = self.begun.is_empty();
                return if clean { Ok(None) } else { Err(LineError::Cut) };
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let wanted = end.unwrap_or(chunk.len());
            if self.begun.len() + wanted > self.limit {
                return Err(LineError::TooLong { limit: self.limit });
            }
            self.begun.extend_from_slice(&chunk[..wanted]);
            self.reader.consume(wanted + usize::from(end.is_some()));
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.begun)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_one_by_one_and_none_is_too_long() {
        let mut lines = Lines::new(&b"one\n\nthree\n"[..], 5);
        for expected in [&b"one"[..], b"", b"three"] {
            assert_eq!(lines.next().await.unwrap().unwrap(), expected);
        }
        assert!(lines.next().await.unwrap().is_none());

        let mut lines = Lines::new(&b"sixsix\n"[..], 5);
        let error = lines.next().await.unwrap_err();
        assert!(matches!(error, LineError::TooLong { limit: 5 }), "{error}");

        let mut lines = Lines::new(&b"half"[..], 5);
        assert!(matches!(lines.next().await, Err(LineError::Cut)));
    }
}
