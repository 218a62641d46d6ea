//! What is said of a program, and the exit code.

use crate::program::{Ended, SILENT, catalogues, conformance, first_theme, good_worker, ids};

#[test]
fn a_program_that_does_not_speak_fails_with_what_was_expected_of_it() {
    for (side, cases) in catalogues() {
        let (theme, count) = first_theme(&cases);
        let ended = Ended::of(conformance(&format!("{side} --only {theme} {SILENT}"))).expect(1);
        let text = &ended.stdout;
        let broken = match side {
            "worker" => "behaviour  breaks GR-4.1-1: expected InitializeResponse",
            _ => "behaviour  does not do what section 9.2 says: expected a worker",
        };
        for shown in [
            &format!("FAIL       {theme}/"),
            broken,
            "the kit    ",
            "must come  ",
            "exchange   ",
            "    cases  what was found, and the first case\n",
            "\nDoes not conform; ",
            &format!("\n{count} case"),
            " broken of ",
        ] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
        // One mistake is told once.
        assert_eq!(text.matches("exchange   ").count(), 1, "{text}");
        assert_eq!(text.matches("  the same as ").count(), count - 1, "{text}");
        assert_eq!(ended.stderr, "");
        assert!(!text.contains('\x1b'), "there are no colours in a pipe");
    }
}

#[test]
fn a_program_that_follows_the_text_passes_with_its_arguments_as_they_are() {
    // What follows PROGRAM is its own, even if the kit has an option of that name.
    let mut command = conformance("worker --only handshake --report json");
    command.arg(good_worker()).arg("--strict");
    let ended = Ended::of(command).expect(0);
    let report = ended.json();
    assert_eq!(report["ok"], true);
    assert_eq!(report["strict"], false);
    assert!(!ids(&report, "passed").is_empty(), "{report}");
}

#[test]
fn quiet_shows_what_is_wrong_and_nothing_else() {
    let (theme, _) = first_theme(&catalogues()[0].1);
    let ended = Ended::of(conformance(&format!("worker -q --only {theme} {SILENT}"))).expect(1);
    assert!(ended.stdout.starts_with("FAIL "), "{}", ended.stdout);
    assert!(!ended.stdout.contains("MUSTs for a"), "{}", ended.stdout);
    let mut command = conformance("worker -q --only handshake");
    command.arg(good_worker());
    let ended = Ended::of(command).expect(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
}
