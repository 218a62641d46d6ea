//! A minute of chaos, always with the same seed: its plan is the same each time. The program itself
//! says more: `cargo run -p greenroom-tests --bin chaos`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Nothing is special about it. Another one is tried by hand, or with `--minutes`.
const SEED: &str = "7";

fn chaos(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaos"));
    command.args(arguments).output().unwrap()
}

#[test]
fn a_minute_of_chaos_loses_nothing() {
    let output = chaos(&["--seed", SEED]);
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "chaos --seed {SEED}: {}\n{said}\n{errors}",
        output.status
    );
    println!("{said}");
}

#[test]
fn a_command_line_that_cannot_be_used_is_refused_in_words() {
    for (arguments, words) in [
        (&["--hours", "1"][..], "unknown argument \"--hours\""),
        (&["--seconds", "0"], "--seconds must be from 1 to 1000000"),
        (&["--seed"], "--seed needs a value"),
        (&["--only", "pools"], "give pool, units or map"),
        (&["--minutes", "1", "--seconds", "1"], "only once"),
    ] {
        let output = chaos(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {errors}");
        assert!(errors.contains(words), "{arguments:?}: {errors}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

/// The wall clock may jump at any time. No program may make it jump on the machine that it runs on,
/// so this is shown by what the crates name: the wall clock is read in a few places that write it
/// down for people, and nowhere is a time of it compared or waited for.
#[test]
fn the_wall_clock_is_only_for_people() {
    let writers = [
        "cli/src/view/mod.rs",
        "host/src/supervisor/draft.rs",
        "host/src/supervisor/facts.rs",
        "host/src/supervisor/slot.rs",
        "host/src/supervisor/status.rs",
        "host/src/supervisor/tell.rs",
    ];
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut named = Vec::new();
    for of in ["protocol", "supervision", "host", "worker", "cli"] {
        let mut files = Vec::new();
        sources(&crates.join(of).join("src"), &mut files);
        assert!(!files.is_empty(), "{of} has no sources");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.strip_prefix(&crates).unwrap().display().to_string();
            if ["SystemTime", "UNIX_EPOCH", "CLOCK_REALTIME"]
                .iter()
                .any(|clock| text.contains(clock))
            {
                assert!(writers.contains(&&*name), "{name} reads the wall clock");
                named.push(name);
            }
        }
    }
    named.sort();
    assert_eq!(named, writers, "the list is longer than needed");
}

fn sources(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            files.push(path);
        }
    }
}
