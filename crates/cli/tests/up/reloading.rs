//! A reload applies what has changed, and nothing else.

use nix::sys::signal::Signal;

use crate::running::{Up, Watched, pid_of, text};

const BEFORE: &str = "[daemon.kept]\ncommand = [\"sleep\", \"1000\"]\n\
    [daemon.gone]\ncommand = [\"sleep\", \"1000\"]\n\
    [daemon.changed]\ncommand = [\"sleep\", \"1000\"]\nafter = [\"gone\"]\n";
const AFTER: &str = "[daemon.kept]\ncommand = [\"sleep\", \"1000\"]\n\
    [daemon.changed]\ncommand = [\"sleep\", \"1001\"]\nafter = [\"new\"]\n\
    [daemon.new]\ncommand = [\"sleep\", \"1000\"]\nafter = [\"kept\"]\n";
const PLAN: &str = "- gone\n~ changed: after, command\n+ new\n= 1 unchanged\n";

#[test]
fn what_is_new_starts_what_is_gone_stops_and_the_rest_is_left_alone() {
    let mut up = Up::start(BEFORE);
    up.event("changed", "ready");
    let kept = up.status("kept")["pid"].clone();
    let changed = pid_of(&up.status("changed"));
    let gone = Watched::new(pid_of(&up.status("gone")));
    up.rewrite(AFTER);

    assert_eq!(up.ask(&["reload", "--dry-run"]), PLAN);
    assert_eq!(
        pid_of(&up.status("changed")),
        changed,
        "a dry run changes nothing"
    );

    assert_eq!(up.ask(&["reload"]), PLAN);
    gone.wait_for_end();
    assert_eq!(up.run(&["status", "gone"]).status.code(), Some(2));
    assert_eq!(up.status("kept")["pid"], kept);
    assert_eq!(up.status("new")["state"], "ready");
    assert_eq!(up.status("changed")["state"], "ready");
    assert_ne!(pid_of(&up.status("changed")), changed);
    assert_eq!(up.ask(&["reload"]), "= 3 unchanged\n");
}

#[test]
fn units_can_change_places() {
    let one_way = "[daemon.a]\ncommand = [\"sleep\", \"1000\"]\n\
                   [daemon.b]\ncommand = [\"sleep\", \"1000\"]\nafter = [\"a\"]\n";
    let other_way = "[daemon.a]\ncommand = [\"sleep\", \"1000\"]\nafter = [\"b\"]\n\
                     [daemon.b]\ncommand = [\"sleep\", \"1000\"]\n";
    let mut up = Up::start(one_way);
    up.event("b", "ready");
    up.rewrite(other_way);
    assert_eq!(
        up.ask(&["reload"]),
        "~ a: after\n~ b: after\n= 0 unchanged\n"
    );
    assert_eq!(up.status("a")["state"], "ready");
    up.rewrite(one_way);
    up.ask(&["reload"]);
    assert_eq!(up.status("b")["state"], "ready");
}

#[test]
fn one_that_was_stopped_stays_stopped() {
    let mut up = Up::start(BEFORE);
    up.event("changed", "ready");
    up.ask(&["stop", "changed"]);
    up.rewrite(AFTER);
    up.ask(&["reload"]);
    assert_eq!(up.status("changed")["state"], "stopped");
}

#[test]
fn an_invalid_file_changes_nothing() {
    let mut up = Up::start(BEFORE);
    up.event("changed", "ready");
    let changed = pid_of(&up.status("changed"));
    for (bad, expected) in [
        (
            "[daemon.changed]\ncommand = 5\n",
            "greenroom.toml:2:11: key \"command\"",
        ),
        (
            "[daemon.a]\ncommand = [\"x\"]\nafter = [\"nobody\"]\n",
            "which does not exist",
        ),
        (
            "[daemon.a]\ncommand = [\"x\"]\ngroup = \"g\"\n[group.g]\n",
            "which is new",
        ),
    ] {
        up.rewrite(bad);
        let output = up.run(&["reload"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains(expected), "{said}");
        assert!(said.ends_with("nothing was changed\n"), "{said}");
    }
    assert_eq!(pid_of(&up.status("changed")), changed);
}

#[test]
fn what_only_a_new_start_brings_about_is_said() {
    let mut up = Up::start(BEFORE);
    up.event("changed", "ready");
    up.rewrite(&format!(
        "[supervisor]\nshutdown_timeout = \"7s\"\n{BEFORE}"
    ));
    // Until that new start, by each reload.
    for _ in 0..2 {
        let said = up.ask(&["reload"]);
        assert_eq!(
            said,
            "! shutdown_timeout in [supervisor] takes effect with a new start of greenroom up\n\
             = 3 unchanged\n"
        );
    }
}

#[test]
fn a_hangup_reloads() {
    let mut up = Up::start(BEFORE);
    up.event("changed", "ready");
    up.rewrite(AFTER);
    up.signal(Signal::SIGHUP);
    up.event("new", "ready");
}

#[test]
fn a_reload_that_meets_the_end_starts_nothing() {
    const DEAF: &str = "[daemon.deaf]\ncommand = [\"sh\", \"-c\", \"trap '' TERM; echo deaf; \
        while :; do sleep 1000; done\"]\nready = { log = \"deaf\" }\n\
        stop = [{ signal = \"TERM\", wait = \"50s\" }]\n";
    let mut up = Up::start(DEAF);
    up.event("deaf", "ready");
    up.rewrite(&DEAF.replace("1000", "1001"));
    up.signal(Signal::SIGHUP);
    up.event("deaf", "stopping");
    up.signal(Signal::SIGTERM);
    up.find(|it| it["event"] == "shutting_down");
    // Nor does a client.
    let output = up.run(&["start", "deaf"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    up.signal(Signal::SIGINT);
    let ended = up.ended();
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let mut kinds = ended.story.iter().map(|it| &it["event"]);
    kinds.find(|kind| *kind == "shutting_down").unwrap();
    assert!(!kinds.any(|kind| kind == "starting"), "{:#?}", ended.story);
}
