//! Whether a JPEG file is all there.
//!
//! The decoder fills in what is missing with grey and says nothing, as viewers do. A thumbnail of
//! half a picture would hide that the other half is lost.

/// Whether the file comes to the end-of-image marker that its own segments lead to.
///
/// Walks from marker to marker. Segments are skipped by their length, so the marker at the end of a
/// preview that is embedded in one of them does not count. Within the compressed data every 0xFF
/// that is no marker is followed by a zero.
pub(crate) fn reaches_its_end(file: &[u8]) -> bool {
    const END_OF_IMAGE: u8 = 0xd9;
    let mut rest = file;
    while let Some(marker) = next_marker(&mut rest) {
        match marker {
            END_OF_IMAGE => return true,
            _ if stands_alone(marker) => {}
            _ => match segment_length(rest).and_then(|length| rest.get(length..)) {
                Some(after) => rest = after,
                None => return false,
            },
        }
    }
    false
}

/// Moves behind the next marker, and says which it is.
fn next_marker(rest: &mut &[u8]) -> Option<u8> {
    loop {
        let start = rest.iter().position(|&byte| byte == 0xff)?;
        // Any number of them may come before the marker's second byte.
        let fill = rest[start..]
            .iter()
            .take_while(|&&byte| byte == 0xff)
            .count();
        let marker = *rest.get(start + fill)?;
        *rest = &rest[start + fill + 1..];
        if marker != 0 {
            return Some(marker);
        }
    }
}

/// Start of image, restarts and TEM have no segment behind them.
fn stands_alone(marker: u8) -> bool {
    matches!(marker, 0x01 | 0xd0..=0xd8)
}

fn segment_length(rest: &[u8]) -> Option<usize> {
    let bytes = rest.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start, a segment that holds a whole small JPEG, compressed data with a stuffed 0xFF and a
    /// restart, end, and what some cameras append.
    const WHOLE: &[u8] = &[
        0xff, 0xd8, // start of image
        0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9, // APP1 with a preview
        0xff, 0xff, 0xda, 0, 3, 1, // fill byte, start of scan
        0x12, 0xff, 0x00, 0x34, 0xff, 0xd0, 0x56, // data
        0xff, 0xd9, // end of image
        0x00, 0x01,
    ];
    const APPENDED: usize = 2;

    #[test]
    fn a_whole_file_reaches_its_end_and_no_beginning_of_it_does() {
        assert!(reaches_its_end(WHOLE));
        for length in 0..WHOLE.len() {
            let whole = length >= WHOLE.len() - APPENDED;
            assert_eq!(reaches_its_end(&WHOLE[..length]), whole, "{length} bytes");
        }
    }

    #[test]
    fn a_segment_that_is_longer_than_the_file_is_no_end() {
        assert!(!reaches_its_end(&[
            0xff, 0xd8, 0xff, 0xe0, 0xff, 0xff, 0xff, 0xd9
        ]));
    }
}
