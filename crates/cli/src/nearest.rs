//! Guesses what was meant.

/// The word that is most like what was written, if one is like it at all.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(written, known), known))
        .filter(|(distance, known)| *distance <= 1 + known.len().max(written.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_other_words_are_not() {
        let known = ["restart", "ready", "nice"];
        assert_eq!(nearest("restrat", known), Some("restart"));
        assert_eq!(nearest("redy", known), Some("ready"));
        assert_eq!(nearest("banana", known), None);
    }
}
