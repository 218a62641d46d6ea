//! Where the inputs of jobs come from.

use std::io::{self, BufRead};
use std::iter::Enumerate;
use std::thread;
use std::vec;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::fingerprint::Fingerprint;

/// Longer lines are no jobs.
pub(super) const LONGEST_LINE: usize = 1 << 20;
/// Lines that may be read ahead of the jobs that are under way.
const READ_AHEAD: usize = 16;

/// What the command line says of the inputs.
pub(super) enum Given {
    Arguments(Vec<Bytes>),
    /// Lines of standard input.
    Lines,
}

impl Given {
    /// How many there are, if that is known.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Self::Arguments(arguments) => Some(arguments.len()),
            Self::Lines => None,
        }
    }
}

/// The input of one job.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) index: u64,
    pub(super) fingerprint: Fingerprint,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Bytes(Bytes),
    /// A line that was longer than may be, with its length. It was not kept.
    TooLong(u64),
}

/// All inputs, one after the other.
pub(super) enum Inputs {
    Arguments(Enumerate<vec::IntoIter<Bytes>>),
    Lines(mpsc::Receiver<io::Result<Input>>),
}

impl Inputs {
    /// Fails if the system refuses the thread that reads standard input.
    pub(super) fn open(given: Given) -> io::Result<Self> {
        match given {
            Given::Arguments(arguments) => Ok(Self::Arguments(arguments.into_iter().enumerate())),
            Given::Lines => {
                let (sender, receiver) = mpsc::channel(READ_AHEAD);
                // Not one of the runtime's: nobody must wait for a read that may never end.
                thread::Builder::new()
                    .name("stdin".into())
                    .spawn(move || send_lines(io::stdin().lock(), &sender))?;
                Ok(Self::Lines(receiver))
            }
        }
    }

    /// The next input; `None` at the end. Nothing follows an error.
    ///
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<io::Result<Input>> {
        match self {
            Self::Arguments(arguments) => {
                let (index, bytes) = arguments.next()?;
                Some(Ok(Input {
                    index: index as u64,
                    fingerprint: Fingerprint::of(&bytes),
                    content: Content::Bytes(bytes),
                }))
            }
            Self::Lines(lines) => lines.recv().await,
        }
    }
}

/// Until the end, an error, or until nobody wants more.
fn send_lines(mut from: impl BufRead, to: &mpsc::Sender<io::Result<Input>>) {
    for index in 0.. {
        let line = match read_line(&mut from) {
            Ok(None) => return,
            Ok(Some((fingerprint, content))) => Ok(Input {
                index,
                fingerprint,
                content,
            }),
            Err(error) => Err(error),
        };
        let last = line.is_err();
        if to.blocking_send(line).is_err() || last {
            return;
        }
    }
}

/// The next line without its end. What is too long is read, but not kept.
fn read_line(from: &mut impl BufRead) -> io::Result<Option<(Fingerprint, Content)>> {
    let mut fingerprint = Fingerprint::EMPTY;
    let mut length: u64 = 0;
    let mut kept = Vec::new();
    loop {
        let buffer = match from.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        let end = buffer.iter().position(|byte| *byte == b'\n');
        if buffer.is_empty() && length == 0 {
            return Ok(None);
        }
        let piece = &buffer[..end.unwrap_or(buffer.len())];
        fingerprint = fingerprint.and(piece);
        length += piece.len() as u64;
        if length <= LONGEST_LINE as u64 {
            kept.extend_from_slice(piece);
        } else {
            kept = Vec::new();
        }
        let consumed = piece.len() + usize::from(end.is_some());
        let at_end = end.is_some() || buffer.is_empty();
        from.consume(consumed);
        if at_end {
            break;
        }
    }
    let content = if length <= LONGEST_LINE as u64 {
        Content::Bytes(kept.into())
    } else {
        Content::TooLong(length)
    };
    Ok(Some((fingerprint, content)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], buffer: usize) -> Vec<Result<Bytes, u64>> {
        let mut from = io::BufReader::with_capacity(buffer, input);
        let mut lines = Vec::new();
        while let Some((fingerprint, content)) = read_line(&mut from).unwrap() {
            lines.push(match content {
                Content::Bytes(bytes) => {
                    assert_eq!(fingerprint, Fingerprint::of(&bytes));
                    Ok(bytes)
                }
                Content::TooLong(length) => Err(length),
            });
        }
        lines
    }

    #[test]
    fn every_line_is_an_input_also_an_empty_one_and_one_without_an_end() {
        for buffer in [1, 2, 3, 100] {
            let expected: Vec<Result<Bytes, u64>> =
                ["a", "", "bc\r", "d"].map(|line| Ok(line.into())).into();
            assert_eq!(lines(b"a\n\nbc\r\nd", buffer), expected);
            assert_eq!(lines(b"a\n\nbc\r\nd\n", buffer), expected);
            assert_eq!(lines(b"", buffer), []);
            assert_eq!(lines(b"\n", buffer), [Ok(Bytes::new())]);
        }
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself_only() {
        let mut input = vec![b'x'; LONGEST_LINE];
        input.extend_from_slice(b"\n");
        input.extend(vec![b'y'; LONGEST_LINE + 1]);
        input.extend_from_slice(b"\nz\n");
        let lines = lines(&input, 8 << 10);
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].as_ref().unwrap().len(), LONGEST_LINE);
        assert_eq!(lines[1], Err(LONGEST_LINE as u64 + 1));
        assert_eq!(lines[2], Ok("z".into()));
    }
}
