//! What the program says of itself, and of a command line that it cannot use.

use crate::program::{Ended, map};

fn refused(arguments: &[&str]) -> String {
    let mut command = map("");
    command.args(arguments);
    Ended::of(command).expect(2).stderr
}

#[test]
fn the_help_teaches_results_journal_and_exit_codes() {
    let output = map("--help").output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for taught in [
        "Examples:",
        "Journal (--resume):",
        "queued_us",
        "took_us",
        "Ctrl-C",
        "Exit codes:",
        "  69  no worker can be started",
        " 130  ended by Ctrl-C",
    ] {
        assert!(help.contains(taught), "{taught}");
    }
}

#[test]
fn a_wrong_value_is_refused_with_a_right_one() {
    assert!(refused(&["--deadline", "5", "x"]).contains("2.5s"));
    assert!(refused(&["--deadline", "0s", "x"]).contains("2.5s"));
    assert!(refused(&["--memory-limit", "lots", "x"]).contains("512MiB"));
    assert!(refused(&["--max", "0", "x"]).contains("1..=32768"));
    let contradiction = refused(&["--idle", "3", "--max", "2", "x"]);
    assert!(
        contradiction.contains("--idle 3 is more than --max 2"),
        "{contradiction}"
    );
}
