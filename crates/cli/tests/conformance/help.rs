//! What the program says of itself.

use crate::program::{Ended, conformance};

#[test]
fn the_help_teaches_examples_verdicts_and_exit_codes() {
    for side in ["worker", "host"] {
        let help = Ended::of(conformance(&format!("{side} --help"))).expect(0);
        for taught in [
            &format!("Usage: greenroom conformance {side} [OPTIONS] PROGRAM [ARG]..."),
            &format!("Examples:\n  greenroom conformance {side} ./my-{side}"),
            "Verdicts",
            "  non-strict   a SHOULD was not followed",
            "  FAIL         a MUST was broken",
            "Exit codes:",
            "   1  the answer is no",
            " 130  ended by Ctrl-C",
            "No report file is written then",
        ] {
            assert!(help.stdout.contains(taught), "{taught}: {}", help.stdout);
        }
        // What only other commands end with.
        for other in ["journal", "supervisor", "greenroom up"] {
            assert!(!help.stdout.contains(other), "{other}: {}", help.stdout);
        }
    }
}

#[test]
fn what_only_the_kit_calls_is_not_shown() {
    let help = Ended::of(conformance("--help")).expect(0);
    assert!(help.stdout.contains("  worker "), "{}", help.stdout);
    assert!(help.stdout.contains("  host "), "{}", help.stdout);
    assert!(!help.stdout.contains("body"), "{}", help.stdout);
}

#[test]
fn the_program_names_itself_as_it_is_called() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command.arg("--version");
    let version = Ended::of(command).expect(0).stdout;
    assert_eq!(
        version,
        concat!("greenroom ", env!("CARGO_PKG_VERSION"), "\n")
    );
}
