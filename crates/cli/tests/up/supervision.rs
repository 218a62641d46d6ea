//! Units are started, watched, started again and told of.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::running::{Up, Watched, pid_of, text};

const SLEEPER: &str = "[daemon.api]\ncommand = [\"sleep\", \"1000\"]\n";

#[test]
fn a_killed_daemon_is_replaced_and_its_death_is_told() {
    let mut up = Up::start(SLEEPER);
    let first = pid_of(&up.event("api", "started"));
    kill(Pid::from_raw(first.try_into().unwrap()), Signal::SIGKILL).unwrap();
    let exited = up.event("api", "exited");
    assert_eq!(exited["report"]["signal"], 9, "{exited}");
    let second = pid_of(&up.event("api", "started"));
    assert_ne!(first, second);
    up.event("api", "ready");

    let status = up.status("api");
    assert_eq!(status["pid"], second);
    assert_eq!(status["restarts"], 1);
    let why = up.ask(&["why", "api"]);
    assert!(why.starts_with("api was killed by SIGKILL\n"), "{why}");
    assert!(why.contains("journey") && why.contains("ready "), "{why}");
}

#[test]
fn the_table_shows_all_units_and_the_code_says_whether_all_is_well() {
    let configuration = format!(
        "{SLEEPER}[daemon.broken]\ncommand = [\"sh\", \"-c\", \"echo no luck; exit 3\"]\n\
         restart = \"never\"\n"
    );
    let mut up = Up::start(&configuration);
    up.find(|it| it["event"] == "failed" && it["unit"] == "broken");
    let output = up.run(&["status"]);
    let table = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{table}");
    assert!(table.starts_with("NAME    KIND    STATE"), "{table}");
    assert!(table.contains("\nbroken  daemon  failed"), "{table}");
    assert!(up.ask(&["why", "broken"]).contains("| no luck"));
    // One that never ended has nothing to tell.
    assert_eq!(up.run(&["why", "api"]).status.code(), Some(1));
}

#[test]
fn a_unit_is_stopped_started_and_restarted_by_hand() {
    let mut up = Up::start(SLEEPER);
    let first = Watched::new(pid_of(&up.event("api", "started")));
    assert_eq!(up.ask(&["stop", "api"]), "api is stopped\n");
    first.wait_for_end();
    assert!(up.ask(&["start", "api"]).starts_with("api is ready, pid "));
    let second = pid_of(&up.event("api", "started"));
    let said = up.ask(&["restart", "api"]);
    let third = pid_of(&up.event("api", "started"));
    assert_eq!(said, format!("api is ready, pid {third}\n"));
    assert_ne!(second, third);
    // By hand is no failure.
    assert_eq!(up.status("api")["restarts_in_window"], 0);
}

#[test]
fn a_mistyped_unit_is_named_with_the_nearest() {
    let up = Up::start(SLEEPER);
    let output = up.run(&["restart", "ap"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "greenroom: there is no unit ap: did you mean api?\n"
    );
}

#[test]
fn a_signal_reaches_a_daemon() {
    let mut up = Up::start(
        "[daemon.api]\ncommand = [\"sh\", \"-c\", \"trap 'echo got it' USR1; echo up; \
         while :; do sleep 1000 & wait; kill $!; done\"]\nready = { log = \"up\" }\n",
    );
    up.event("api", "ready");
    up.ask(&["signal", "api", "usr1"]);
    up.find(|it| it["text"] == "got it");
}

#[test]
fn environment_and_arguments_are_told_to_nobody() {
    let mut up = Up::start(
        "[daemon.api]\ncommand = [\"sh\", \"-c\", \"exit 3\", \"s3cret-argument\"]\n\
         environment = { TOKEN = \"s3cret-value\" }\nrestart = { max_restarts = 1 }\n",
    );
    up.event("api", "failed");
    let mut told = format!("{:?}", up.story);
    let commands: [&[&str]; 5] = [
        &["status"],
        &["status", "--json", "api"],
        &["why", "--json", "api"],
        &["events", "--json"],
        &["logs", "--json"],
    ];
    for arguments in commands {
        let output = up.run(arguments);
        told += &text(&output.stdout);
        told += &text(&output.stderr);
    }
    up.signal(Signal::SIGTERM);
    let ended = up.ended();
    told += &ended.stderr;
    assert!(!told.contains("s3cret"), "{told}");
    assert!(told.contains("exited with code 3"));
}

#[test]
fn a_unit_that_cannot_be_started_is_told_and_the_others_go_on() {
    let configuration = format!("{SLEEPER}[daemon.ghost]\ncommand = [\"./no-such-program\"]\n");
    let mut up = Up::start(&configuration);
    let failed = up.event("ghost", "failed");
    assert!(
        failed["text"].as_str().unwrap().contains("no-such-program"),
        "{failed}"
    );
    assert!(up.ask(&["start", "api"]).starts_with("api is ready"));
    assert_eq!(up.status("ghost")["state"], "failed");
}

#[test]
fn colours_are_for_those_who_can_see_them() {
    let mut up = Up::start(SLEEPER);
    up.event("api", "ready");
    let directory = up.path("");
    let table = |variable: &str, other: &str| {
        let mut command = crate::running::greenroom(&directory, &["status"]);
        command.env_remove(other).env(variable, "1");
        text(&command.output().unwrap().stdout)
    };
    assert!(table("CLICOLOR_FORCE", "NO_COLOR").contains("\u{1b}[32mready"));
    assert!(!table("NO_COLOR", "CLICOLOR_FORCE").contains('\u{1b}'));
}

#[test]
fn lines_and_events_are_printed_for_people_in_colour() {
    let directory = crate::running::configured(
        "[daemon.api]\ncommand = [\"sh\", \"-c\", \"echo 'a\\u001b[2Jb'\"]\nsignificant = true\n\
         restart = \"never\"\n",
    );
    let mut command = crate::running::greenroom(directory.path(), &["up"]);
    command.env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1");
    let output = command.output().unwrap();
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("started, pid"), "{told}");
    // What would command the terminal does not get there.
    assert!(told.contains("a\u{fffd}[2Jb"), "{told}");
}
