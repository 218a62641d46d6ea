//! What `map` was given, what it has written, and whether that fits together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// All attempts of one round.
pub(super) struct Books {
    inputs: Vec<String>,
    /// Jobs that were seen to succeed on standard output.
    seen: BTreeSet<usize>,
}

impl Books {
    pub(super) fn new(inputs: Vec<String>) -> Self {
        Self {
            inputs,
            seen: BTreeSet::new(),
        }
    }

    /// The output of one attempt. Of one that was killed the last line may be cut.
    pub(super) fn attempt(&mut self, output: &[u8], killed: bool) -> Result<(), String> {
        let mut here = BTreeSet::new();
        for line in output.split_inclusive(|byte| *byte == b'\n') {
            if killed && !line.ends_with(b"\n") {
                continue;
            }
            let (index, ok) = self.read(line)?;
            if !here.insert(index) {
                return Err(format!("job {index} has two results in one run"));
            }
            if ok && !self.seen.insert(index) {
                return Err(format!("job {index} has succeeded twice"));
            }
        }
        Ok(())
    }

    /// The journal, after the last attempt.
    pub(super) fn close(&self, journal: &Path) -> Result<(), String> {
        let text = std::fs::read(journal).map_err(|error| format!("no journal: {error}"))?;
        let mut succeeded = BTreeMap::<usize, u64>::new();
        for line in text.split_inclusive(|byte| *byte == b'\n').skip(1) {
            let (index, ok) = self.read(line)?;
            *succeeded.entry(index).or_default() += u64::from(ok);
        }
        for index in 0..self.inputs.len() {
            match succeeded.get(&index) {
                Some(1) => {}
                times => {
                    let times = times.copied().unwrap_or_default();
                    return Err(format!("job {index} is {times} times in the journal"));
                }
            }
        }
        Ok(())
    }

    /// The number of the job, and whether it has succeeded. A wrong output is an error.
    fn read(&self, line: &[u8]) -> Result<(usize, bool), String> {
        let shown = || String::from_utf8_lossy(line).into_owned();
        let value: Value =
            serde_json::from_slice(line).map_err(|error| format!("{error}: {:?}", shown()))?;
        let index = value["index"]
            .as_u64()
            .and_then(|index| index.try_into().ok());
        let index: usize = index.ok_or_else(|| format!("no index: {}", shown()))?;
        let input = self.inputs.get(index).map(String::as_str);
        if input.is_none() || value["input"].as_str() != input {
            return Err(format!("not the input of job {index}: {}", shown()));
        }
        let ok = value["ok"] == true;
        if ok && value["output"].as_str() != input {
            return Err(format!("not the output of job {index}: {}", shown()));
        }
        Ok((index, ok))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books() -> Books {
        Books::new(vec!["a".into(), "b".into()])
    }

    fn line(index: u64, input: &str, output: &str) -> String {
        let value = serde_json::json!({
            "index": index, "input": input, "ok": true, "output": output,
        });
        format!("{value}\n")
    }

    #[test]
    fn a_job_that_succeeds_twice_is_found() {
        let mut books = books();
        let first = line(0, "a", "a");
        books.attempt(first.as_bytes(), false).expect("it is right");
        assert!(books.attempt(first.as_bytes(), false).is_err());
    }

    #[test]
    fn what_is_wrong_or_cut_is_found() {
        assert!(
            books()
                .attempt(line(0, "a", "b").as_bytes(), false)
                .is_err()
        );
        assert!(
            books()
                .attempt(line(1, "a", "a").as_bytes(), false)
                .is_err()
        );
        assert!(
            books()
                .attempt(line(2, "a", "a").as_bytes(), false)
                .is_err()
        );
        assert!(books().attempt(b"{\"index\":0", false).is_err());
        books()
            .attempt(b"{\"index\":0", true)
            .expect("it was killed");
    }

    #[test]
    fn a_journal_that_lacks_a_job_is_found() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let both = format!("{{}}\n{}{}", line(0, "a", "a"), line(1, "b", "b"));
        std::fs::write(file.path(), &both).expect("it can be written");
        books().close(file.path()).expect("it is whole");
        let once = format!("{{}}\n{}", line(0, "a", "a"));
        std::fs::write(file.path(), once).expect("it can be written");
        assert!(books().close(file.path()).is_err());
    }
}
