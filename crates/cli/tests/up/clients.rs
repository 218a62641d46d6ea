//! What is streamed: events and lines, past and present.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::running::{Up, greenroom};

const TALKER: &str = "[daemon.talker]\ncommand = [\"sh\", \"-c\", \"echo one; echo two >&2; \
                      exec sleep 1000\"]\n";

#[test]
fn events_show_the_past_and_what_comes() {
    let mut up = Up::start(TALKER);
    up.event("talker", "ready");
    let directory = up.path("");
    let mut follower = greenroom(&directory, &["events", "-f", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(follower.stdout.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let mut kinds = Vec::new();
    let mut until = |last: &str| {
        for event in events.by_ref() {
            let kind = event["event"].as_str().unwrap().to_owned();
            assert_eq!(event["sequence"], kinds.len(), "without gaps");
            kinds.push(kind.clone());
            if kind == last {
                break;
            }
        }
        kinds.clone()
    };
    assert_eq!(until("ready"), ["starting", "started", "ready"]);
    up.ask(&["stop", "talker"]);
    let kinds = until("stopped");
    assert_eq!(kinds[3..], ["stopping", "exited", "stopped"]);
    // The end of the supervisor is the end of the stream.
    up.ask(&["shutdown"]);
    until("none");
    assert!(follower.wait().unwrap().success());
}

#[test]
fn logs_show_the_last_lines_of_both_outputs() {
    let mut up = Up::start(TALKER);
    let printed = |up: &Up| {
        up.story
            .iter()
            .filter(|it| it["source"].is_string())
            .count()
    };
    while printed(&up) < 2 {
        up.find(|it| it["source"].is_string());
    }
    let logs = up.ask(&["logs", "--json", "talker"]);
    let mut lines: Vec<(String, String)> = logs
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let word = |key: &str| line[key].as_str().unwrap().to_owned();
            (word("source"), word("text"))
        })
        .collect();
    lines.sort();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(lines, [pair("stderr", "two"), pair("stdout", "one")]);
    assert_eq!(up.ask(&["logs", "-n", "1", "--json"]).lines().count(), 1);
}

#[test]
fn followed_logs_miss_nothing_and_repeat_nothing() {
    let mut up = Up::start(
        "[daemon.counter]\ncommand = [\"sh\", \"-c\", \"i=0; while :; do i=$((i+1)); echo $i; \
         sleep 0.01; done\"]\n",
    );
    up.find(|it| it["text"] == "5");
    let directory = up.path("");
    let mut follower = greenroom(&directory, &["logs", "-f", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let numbers: Vec<u64> = lines
        .take(60)
        .map(|line| {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            line["text"].as_str().unwrap().parse().unwrap()
        })
        .collect();
    follower.kill().unwrap();
    follower.wait().unwrap();
    let first = numbers[0];
    let expected: Vec<u64> = (first..).take(60).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn nobody_listening_is_said_with_its_own_code() {
    let directory = crate::running::configured(TALKER);
    let output = greenroom(directory.path(), &["status"]).output().unwrap();
    assert_eq!(output.status.code(), Some(69));
    let said = crate::running::text(&output.stderr);
    assert!(
        said.contains("start the supervisor with `greenroom up`"),
        "{said}"
    );
    let output = greenroom(directory.path(), &["status", "-c", "other.toml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(66));
}

#[test]
fn words_that_nobody_can_hear_change_no_code() {
    let directory = crate::running::configured(TALKER);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = greenroom(directory.path(), &["status"]);
    let status = command.stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(69));
}

#[test]
fn what_units_print_is_not_printed_where_it_is_not_wanted() {
    // A record as workers write it has a level of its own.
    const CHATTER: &str = r#"
        [daemon.api]
        command = ["sh", "-c", '''echo '{"level":"ERROR","target":"api","message":"chatter"}' >&2''']
        restart = "never"
        significant = true
    "#;
    for option in ["--quiet", "--no-output"] {
        let directory = crate::running::configured(CHATTER);
        let output = greenroom(directory.path(), &["up", option])
            .output()
            .unwrap();
        let said = crate::running::text(&output.stderr) + &crate::running::text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(!said.contains("chatter"), "{said}");
    }
}
