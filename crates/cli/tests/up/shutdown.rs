//! How everything ends.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::running::{Up, Watched, greenroom, pid_of};

const STUBBORN: &str = "[supervisor]\nshutdown_timeout = \"60s\"\n\
    [daemon.stubborn]\ncommand = [\"sh\", \"-c\", \"trap '' TERM INT; echo deaf; \
    while :; do sleep 1000; done\"]\nready = { log = \"deaf\" }\n\
    stop = [{ signal = \"TERM\", wait = \"50s\" }]\n";

#[test]
fn one_signal_stops_everything_in_reverse_order() {
    let mut up = Up::start(
        "[daemon.db]\ncommand = [\"sleep\", \"1000\"]\n\
         [daemon.api]\ncommand = [\"sleep\", \"1000\"]\nafter = [\"db\"]\n",
    );
    up.event("api", "ready");
    up.signal(Signal::SIGTERM);
    let ended = up.ended();
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let mut stopped = ended.story.iter().filter(|it| it["event"] == "stopped");
    assert_eq!(stopped.next().unwrap()["unit"], "api");
    assert_eq!(stopped.next().unwrap()["unit"], "db");
}

#[test]
fn who_still_blocks_is_told_and_a_second_signal_kills_at_once() {
    let mut up = Up::start(STUBBORN);
    up.event("stubborn", "ready");
    let process = Watched::new(pid_of(&up.status("stubborn")));
    up.signal(Signal::SIGTERM);
    let blocked = up.find(|it| it["event"] == "blocked");
    assert_eq!(blocked["units"][0]["unit"], "stubborn");
    assert_eq!(blocked["units"][0]["step"], "SIGTERM");
    up.signal(Signal::SIGINT);
    process.wait_for_end();
    assert_eq!(up.ended().code(), Some(0));
}

#[test]
fn shutdown_by_command_waits_and_tells() {
    let mut up = Up::start(STUBBORN);
    up.event("stubborn", "ready");
    let told = up.ask(&["shutdown", "--now"]);
    assert!(told.contains("stopping everything"), "{told}");
    assert!(told.contains("stubborn"), "{told}");
    assert_eq!(up.ended().code(), Some(0));
}

#[test]
fn the_end_of_a_significant_unit_is_the_end_of_everything_with_its_code() {
    let mut up = Up::start(
        "[daemon.api]\ncommand = [\"sh\", \"-c\", \"read line; exit 7\"]\nstdin = true\n\
         significant = true\nrestart = \"never\"\n\
         stop = [{ close_stdin = true, wait = \"1s\" }]\n\
         [daemon.other]\ncommand = [\"sleep\", \"1000\"]\n",
    );
    let other = Watched::new(pid_of(&up.event("other", "started")));
    up.ask(&["start", "api"]);
    let api = up.status("api");
    let pid = nix::unistd::Pid::from_raw(pid_of(&api).try_into().unwrap());
    nix::sys::signal::kill(pid, Signal::SIGUSR1).unwrap();
    other.wait_for_end();
    let ended = up.ended();
    assert_eq!(ended.code(), Some(128 + 10));
    let told = ended.stderr.lines().last().unwrap();
    assert!(
        told.starts_with("greenroom: api, which is significant, was killed by"),
        "{told}"
    );
    let shutting_down = ended
        .story
        .iter()
        .find(|it| it["event"] == "shutting_down")
        .unwrap();
    assert!(
        shutting_down["why"]
            .as_str()
            .unwrap()
            .starts_with("api, which is significant")
    );
}

#[test]
fn a_significant_unit_that_exits_gives_its_code() {
    let up = Up::start(
        "[daemon.api]\ncommand = [\"sh\", \"-c\", \"exit 7\"]\nsignificant = true\n\
         restart = \"never\"\n",
    );
    assert_eq!(up.ended().code(), Some(7));
}

#[test]
fn a_closed_standard_output_ends_nothing() {
    let mut up = Up::start(
        "[daemon.api]\ncommand = [\"sh\", \"-c\", \"while :; do echo line; sleep 0.01; done\"]\n",
    );
    up.event("api", "ready");
    let said = up.close_stdout();
    assert!(said.contains("standard output is closed"), "{said}");
    assert_eq!(up.status("api")["state"], "ready");
    up.ask(&["shutdown"]);
    assert_eq!(up.ended().code(), Some(0));
}

#[test]
fn shutdown_does_not_take_the_death_of_the_supervisor_for_a_good_end() {
    let mut up = Up::start(STUBBORN);
    up.event("stubborn", "ready");
    let mut client = greenroom(&up.path(""), &["shutdown"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(client.stdout.take().unwrap()).lines();
    told.next().unwrap().unwrap();
    up.signal(Signal::SIGKILL);
    let output = client.wait_with_output().unwrap();
    let said = crate::running::text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("it may have been killed"), "{said}");
}

#[test]
fn an_unread_standard_error_keeps_no_signal_away() {
    let mut up = Up::start("[daemon.api]\ncommand = [\"sleep\", \"1000\"]\n");
    up.event("api", "ready");
    // More than a pipe holds is said of it.
    let mistakes: String = (0..3_000)
        .map(|n| format!("mistake{n} = \"{n}\"\n"))
        .collect();
    up.rewrite(&mistakes);
    assert_eq!(up.run(&["reload"]).status.code(), Some(78));
    assert_eq!(up.status("api")["state"], "ready");
    up.signal(Signal::SIGTERM);
    Watched::new(up.pid()).wait_for_end();
    assert_eq!(up.ended().code(), Some(0));
}
