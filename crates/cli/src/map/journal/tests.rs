//! What a journal promises across crashes and mistakes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::map::fingerprint::Fingerprint;

struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        Self {
            _folder: folder,
            path,
        }
    }

    fn open(&self) -> Result<(Journal, Done), JournalError> {
        Journal::open(&self.path, &Identity::new(Path::new("/bin/worker"), "kind"))
    }

    fn refusal(&self) -> String {
        self.open().map(|_| ()).unwrap_err().to_string()
    }

    fn add(&self, text: &str) {
        let mut content = fs::read(&self.path).unwrap_or_default();
        content.extend_from_slice(text.as_bytes());
        fs::write(&self.path, content).unwrap();
    }

    fn content(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }
}

fn outcome(index: u64, input: &str, ok: bool) -> Outcome {
    Outcome {
        fingerprint: Fingerprint::of(input.as_bytes()),
        ok,
        line: format!("{{\"index\":{index},\"input\":\"{input}\",\"ok\":{ok}}}").into_bytes(),
    }
}

fn before(done: &mut Done, index: u64, input: &str) -> Before {
    done.before(index, Fingerprint::of(input.as_bytes()))
}

#[test]
fn it_remembers_who_succeeded_in_any_order_and_notices_another_input() {
    let place = Place::new();
    let (mut journal, mut done) = place.open().unwrap();
    assert_eq!(before(&mut done, 0, "a"), Before::ToDo);
    let outcomes = [
        outcome(4, "e", true),
        outcome(0, "a", true),
        outcome(2, "c", false),
        outcome(1, "b", false),
        outcome(1, "b", true),
    ];
    journal.append(outcomes.iter()).unwrap();
    drop(journal);

    let (_journal, mut done) = place.open().unwrap();
    assert_eq!(before(&mut done, 0, "a"), Before::Succeeded);
    assert_eq!(before(&mut done, 1, "b"), Before::Succeeded);
    assert_eq!(before(&mut done, 2, "c"), Before::ToDo);
    assert_eq!(before(&mut done, 3, "d"), Before::ToDo);
    assert_eq!(done.rest(), 1);
    assert_eq!(before(&mut done, 4, "other"), Before::OtherInput);
}

#[test]
fn only_its_owner_can_read_it() {
    let place = Place::new();
    let _journal = place.open().unwrap();
    let mode = fs::metadata(&place.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_second_run_is_refused_until_the_first_has_ended() {
    let place = Place::new();
    let journal = place.open().unwrap();
    assert!(place.refusal().contains("is used by another run"));
    drop(journal);
    assert!(place.open().is_ok());
}

#[test]
fn whatever_a_crash_leaves_of_the_last_line_is_cut_off() {
    let place = Place::new();
    let (mut journal, _) = place.open().unwrap();
    journal.append([outcome(0, "a", true)].iter()).unwrap();
    drop(journal);
    let before_last = place.content();
    let (mut journal, _) = place.open().unwrap();
    journal.append([outcome(1, "b", true)].iter()).unwrap();
    drop(journal);
    let whole = place.content();

    for end in before_last.len() + 1..whole.len() {
        fs::write(&place.path, &whole[..end]).unwrap();
        let (mut journal, mut done) = place.open().unwrap();
        assert_eq!(place.content(), before_last, "{end}");
        assert_eq!(before(&mut done, 0, "a"), Before::Succeeded);
        assert_eq!(before(&mut done, 1, "b"), Before::ToDo);
        journal.append([outcome(1, "b", true)].iter()).unwrap();
        drop(journal);
        assert_eq!(place.content(), whole, "{end}");
    }
    // What a power failure may leave.
    place.add("\0\0\0\0\n");
    drop(place.open().unwrap());
    assert_eq!(place.content(), whole);
}

#[test]
fn a_first_line_that_a_crash_has_torn_is_written_again() {
    let place = Place::new();
    drop(place.open().unwrap());
    let whole = place.content();
    for end in 0..whole.len() {
        fs::write(&place.path, &whole[..end]).unwrap();
        drop(place.open().unwrap());
        assert_eq!(place.content(), whole, "{end}");
    }
}

#[test]
fn a_file_of_somebody_else_is_left_as_it_is() {
    for content in ["precious", "precious\n", "{}\n", "{\"greenroom\":1}", "\n"] {
        let place = Place::new();
        place.add(content);
        assert!(
            place.refusal().contains("is no journal of greenroom map"),
            "{content:?}"
        );
        assert_eq!(place.content(), content);
    }
}

#[test]
fn damage_in_the_middle_is_refused_with_its_line() {
    let place = Place::new();
    drop(place.open().unwrap());
    place.add("garbage\n{\"input_hash\":\"cbf29ce484222325\",\"index\":0,\"ok\":true}\n");
    let content = place.content();
    assert!(place.refusal().contains("is damaged in line 2"));
    assert_eq!(place.content(), content);
}

#[test]
fn another_worker_name_or_version_is_refused_in_words() {
    let place = Place::new();
    drop(place.open().unwrap());
    for (worker, name, expected) in [
        (
            "/bin/other",
            "kind",
            "the worker \"/bin/worker\", this run has \"/bin/other\"",
        ),
        (
            "/bin/worker",
            "",
            "the job name \"kind\", this run has \"\"",
        ),
    ] {
        let identity = Identity::new(Path::new(worker), name);
        let refused = Journal::open(&place.path, &identity).map(|_| ());
        let refusal = refused.unwrap_err().to_string();
        assert!(refusal.contains(expected), "{refusal}");
    }
    fs::write(&place.path, "{\"greenroom_map_journal\":2}\n").unwrap();
    assert!(
        place
            .refusal()
            .contains("has version 2, this program knows 1")
    );
}

#[test]
fn what_is_no_file_is_refused() {
    let open = |path: &str| {
        let identity = Identity::new(Path::new("w"), "");
        let opened = Journal::open(Path::new(path), &identity).map(|_| ());
        opened.unwrap_err().to_string()
    };
    assert!(open("/dev/null").contains("is not a file"));
    assert!(open("/").contains("cannot be used: Is a directory"));
    assert!(open("/nowhere/at/all").contains("cannot be used: No such file"));
}
