//! What went over the wire, in rows that a person can read.

use std::fmt::Write as _;
use std::time::Duration;

use super::harmless;
use crate::fields::{Walk, count};
use crate::transcript::{Entry, Piece, Transcript, What};

/// Bytes of one piece are shown if there are no more than these; otherwise the first row of them.
const BYTES: usize = 64;
const ROW: usize = 16;
/// Of words, so many bytes.
const WORDS: usize = 400;
/// `length` and `type` of a frame.
const HEADER: usize = 6;
/// What the decoder says of a body that it refuses. Behind the first there is why, in words for
/// those who write decoders.
const MALFORMED: &str = "the body is malformed";
const NOT_CANONICAL: &str = "the fields are not in their shortest form";

/// One entry of the exchange, or several in a row that are equal.
pub(super) struct Row {
    pub(super) at: String,
    /// `->` for what the kit sent, `<-` for what the program sent, `|` for a line that it wrote.
    pub(super) arrow: &'static str,
    /// In words, harmless.
    pub(super) words: String,
    /// What is in a body that is not right; harmless, mostly empty.
    pub(super) fields: String,
    /// The bytes, 16 in a row.
    pub(super) dump: Vec<String>,
}

/// The last `most` rows, and how many entries there were before them.
pub(super) fn rows(transcript: &Transcript, most: usize) -> (usize, Vec<Row>) {
    let mut rows: Vec<(usize, Row)> = Vec::new();
    for (index, entry) in transcript.entries().iter().enumerate() {
        if let Some((left_out, _)) = transcript.left_out().filter(|(_, at)| *at == index) {
            let are = if left_out == 1 {
                "entry was"
            } else {
                "entries were"
            };
            let row = Row {
                at: at(entry.at),
                arrow: "  ",
                words: format!("… {left_out} {are} not kept"),
                fields: String::new(),
                dump: Vec::new(),
            };
            rows.push((left_out, row));
        }
        let row = row(entry);
        match rows.last_mut() {
            Some((times, last)) if last.arrow == row.arrow && last.words == row.words => {
                *times += 1;
            }
            _ => rows.push((1, row)),
        }
    }
    let shown = rows.split_off(rows.len().saturating_sub(most));
    let before = rows.iter().map(|(times, _)| times).sum();
    (before, shown.into_iter().map(folded).collect())
}

fn folded((times, mut row): (usize, Row)) -> Row {
    if times > 1 && !row.words.starts_with('…') {
        row.words = format!("{times} x {}", row.words);
    }
    row
}

fn row(entry: &Entry) -> Row {
    let at = at(entry.at);
    let (arrow, words, fields, dump) = match &entry.what {
        What::Sent(piece) => ("->", meaning(piece), String::new(), dump(piece, BYTES)),
        What::Received(piece) => match explained(piece) {
            Some((words, fields)) => ("<-", words, fields, dump(piece, usize::MAX)),
            None => ("<-", meaning(piece), String::new(), dump(piece, BYTES)),
        },
        What::Line(line) => ("| ", harmless(line, WORDS), String::new(), Vec::new()),
        What::Note(note) => ("  ", harmless(note, WORDS), String::new(), Vec::new()),
    };
    Row {
        at,
        arrow,
        words,
        fields,
        dump,
    }
}

/// Milliseconds with a tenth, as wide as a minute of them.
fn at(at: Duration) -> String {
    format!("{:7.1}", at.as_secs_f64() * 1_000.0)
}

fn meaning(piece: &Piece) -> String {
    let bytes = count(piece.length, "byte");
    match harmless(&piece.meaning, WORDS) {
        empty if empty.is_empty() => bytes,
        meaning => format!("{meaning} ({bytes})"),
    }
}

/// The meaning and the fields of a body that was refused.
fn explained(piece: &Piece) -> Option<(String, String)> {
    let said = &piece.meaning;
    let end = [MALFORMED, NOT_CANONICAL].into_iter().find_map(|words| {
        let at = said.find(words)?;
        Some(at + words.len())
    })?;
    let (header, body) = piece.head.split_at_checked(HEADER)?;
    let walk = Walk::over(
        u16::from_le_bytes([header[4], header[5]]),
        body,
        piece.length.saturating_sub(HEADER),
    );
    // What the decoder alone knows stays.
    let end = if walk.problems.is_empty() {
        said.len()
    } else {
        end
    };
    let words = meaning(&Piece {
        meaning: said[..end].to_owned(),
        ..piece.clone()
    });
    Some((words, harmless(&walk.to_string(), 4 * WORDS)))
}

/// All that is kept, if the piece has no more than `most` bytes.
fn dump(piece: &Piece, most: usize) -> Vec<String> {
    let whole = piece.length <= most;
    let shown = if whole { piece.head.len() } else { ROW };
    let chunks = piece.head[..shown.min(piece.head.len())].chunks(ROW);
    let mut rows: Vec<String> = chunks
        .enumerate()
        .map(|(index, chunk)| dump_row(index * ROW, chunk))
        .collect();
    if shown < piece.length
        && let Some(last) = rows.last_mut()
    {
        last.push_str(" …");
    }
    rows
}

/// `0000  05 00 00 00 03 00 07                             |.......|`
fn dump_row(offset: usize, bytes: &[u8]) -> String {
    let mut hex = String::new();
    let mut text = String::new();
    for byte in bytes {
        // A String takes everything.
        let _ = write!(hex, "{byte:02x} ");
        let visible = byte.is_ascii_graphic() || *byte == b' ';
        text.push(if visible { char::from(*byte) } else { '.' });
    }
    format!("{offset:04x}  {hex:<48} |{text}|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(bytes: &[u8]) -> What {
        What::Sent(Piece::new("", bytes))
    }

    fn notes(count: usize) -> Transcript {
        let mut transcript = Transcript::default();
        for number in 0..count {
            transcript.add(What::Note(number.to_string()));
        }
        transcript
    }

    #[test]
    fn bytes_are_shown_in_hex_and_in_letters() {
        let piece = Piece::new("Ping seq 7", b"\x05\0\0\0\x03\0A");
        assert_eq!(meaning(&piece), "Ping seq 7 (7 bytes)");
        let expected = "0000  05 00 00 00 03 00 41                             |......A|";
        assert_eq!(dump(&piece, BYTES), [expected]);
    }

    #[test]
    fn of_many_bytes_one_row_is_shown() {
        assert_eq!(dump(&Piece::new("", &[0; 64]), BYTES).len(), 4);
        let rows = dump(&Piece::new("", &[0; 1_000]), BYTES);
        assert_eq!(rows.len(), 1);
        assert!(rows[0].ends_with("| …"), "{rows:?}");
        assert_eq!(dump(&Piece::new("", &[0; 1_000]), usize::MAX).len(), 16);
    }

    #[test]
    fn equal_entries_are_one_row() {
        let mut transcript = Transcript::default();
        for _ in 0..42 {
            let piece = Piece::new("JobOutput 1, 32768 bytes", &[0; 32_775]);
            transcript.add(What::Received(piece));
        }
        transcript.add(sent(&[1]));
        let (before, rows) = rows(&transcript, 2);
        assert_eq!((before, rows.len()), (0, 2));
        assert_eq!(rows[0].words, "42 x JobOutput 1, 32768 bytes (32775 bytes)");
        assert_eq!(rows[1].words, "1 byte");
    }

    #[test]
    fn a_body_that_is_refused_is_told_field_by_field() {
        let meaning = "no message: Pong: the body is malformed: UnexpectedEnd { additional: 1 }";
        let mut transcript = Transcript::default();
        let frame = [4, 0, 0, 0, 4, 0, 7, 0];
        transcript.add(What::Received(Piece::new(meaning, &frame)));
        let (_, rows) = rows(&transcript, 1);
        assert_eq!(
            rows[0].words,
            "no message: Pong: the body is malformed (8 bytes)"
        );
        let fields = "seq=7 jobs=0; lag_us is missing: the body ends at byte 0x08";
        assert_eq!(rows[0].fields, fields);
    }

    #[test]
    fn the_last_entries_are_shown_and_the_others_counted() {
        let (before, rows) = rows(&notes(5), 2);
        assert_eq!((before, rows.len()), (3, 2));
        assert_eq!(rows[1].words, "4");
    }

    #[test]
    fn what_was_not_kept_is_said_where_it_was() {
        let (before, rows) = super::rows(&notes(250), 120);
        assert_eq!((before, rows.len()), (81, 120));
        assert_eq!(rows[19].words, "… 50 entries were not kept");
        let (before, rows) = super::rows(&notes(250), 10);
        assert_eq!((before, rows.len()), (240, 10));
    }
}
