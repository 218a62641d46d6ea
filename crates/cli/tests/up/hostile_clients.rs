//! Clients that send nonsense, or do not read, hurt nobody.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use crate::running::{PATIENCE, Up, text};

const SLEEPER: &str = "[daemon.api]\ncommand = [\"sleep\", \"1000\"]\n";

/// Sends bytes and gives all that comes back until the other side hangs up.
fn answer_to(up: &Up, bytes: &[u8], end: bool) -> String {
    let mut stream = UnixStream::connect(up.socket()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The other side may hang up before it has read everything.
    let _ = stream.write_all(bytes);
    if end {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => text(&answer),
    }
}

#[test]
fn nonsense_is_answered_in_words_and_cut_off() {
    let up = Up::start(SLEEPER);
    let greeted = "{\"greenroom\":1}\n";
    let mut huge = greeted.as_bytes().to_vec();
    huge.resize(huge.len() + 70_000, b'x');
    let cases: [(&[u8], bool, &str); 7] = [
        (b"GET / HTTP/1.1\r\n\r\n", false, "the first line must be"),
        (b"\xff\xfe\0\n", false, "the first line must be"),
        (
            b"{\"greenroom\":2}\n",
            false,
            "you speak version 2 of the control protocol",
        ),
        (b"{\"greenroom\":1", true, "ended within a line"),
        (b"{\"greenroom\":1", false, "nothing came for 5 s"),
        (
            b"{\"greenroom\":1}\n{\"request\":\"explode\"}\n",
            false,
            "this is no request",
        ),
        (&huge, false, "more than 65536 bytes"),
    ];
    for (bytes, end, expected) in cases {
        let answer = answer_to(&up, bytes, end);
        // A huge line may be cut off so soon that the words are lost.
        let lost = bytes.len() > 65_536 && !answer.contains("error");
        assert!(answer.contains(expected) || lost, "{expected}: {answer}");
        assert!(answer.starts_with("{\"greenroom\":1,"), "{answer}");
    }
    assert_eq!(up.status("api")["state"], "ready");
}

#[test]
fn one_too_many_is_told_so() {
    let up = Up::start(SLEEPER);
    let connect = || {
        let stream = UnixStream::connect(up.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut lines = BufReader::new(stream).lines();
        let greeting = lines.next().unwrap().unwrap();
        assert!(greeting.starts_with("{\"greenroom\":1,"), "{greeting}");
        lines
    };
    let held: Vec<_> = (0..64).map(|_| connect()).collect();
    let refusal = connect().next().unwrap().unwrap();
    assert!(refusal.contains("\"busy\""), "{refusal}");
    let output = up.run(&["status"]);
    assert_eq!(output.status.code(), Some(69));
    let said = text(&output.stderr);
    assert!(said.contains("64 others are connected already"), "{said}");
    drop(held);
    // Places are given back.
    let status = (0..1_000)
        .map(|_| up.run(&["status"]))
        .find(|output| output.status.success());
    assert!(status.is_some());
}

#[test]
fn one_that_stops_reading_what_it_follows_blocks_nobody_and_hears_what_it_missed() {
    let mut up = Up::start(
        "[daemon.loud]\ncommand = [\"sh\", \"-c\", \"x=$(head -c 4000 /dev/zero | tr '\\\\0' x); \
         while :; do echo $x; done\"]\n",
    );
    up.event("loud", "ready");
    let mut stream = UnixStream::connect(up.socket()).unwrap();
    let request = "{\"greenroom\":1}\n\
                   {\"request\":\"logs\",\"unit\":null,\"last\":50,\"follow\":true}\n";
    stream.write_all(request.as_bytes()).unwrap();
    // Others read on meanwhile, far more than is kept for one that does not.
    let count = |up: &mut Up, lines: usize| {
        for _ in 0..lines {
            up.find(|it| it["unit"] == "loud" && it["source"].is_string());
        }
    };
    count(&mut up, 4_000);
    assert_eq!(up.status("loud")["state"], "ready");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("{\"missed\":")));
    assert!(lines.any(|line| line.starts_with("{\"line\":")));
}

#[test]
fn one_that_does_not_read_its_answer_is_cut_off() {
    let mut up = Up::start(SLEEPER);
    up.event("api", "ready");
    let mut stream = UnixStream::connect(up.socket()).unwrap();
    stream.write_all(b"{\"greenroom\":1}\n").unwrap();
    // More answers than a socket holds.
    let requests = "{\"request\":\"status\",\"unit\":null}\n".repeat(2_000);
    // It may be cut off before everything is said.
    let _ = stream.write_all(requests.as_bytes());
    let mut fds = [PollFd::new(&stream, PollFlags::RDHUP)];
    let patience = Timespec::try_from(PATIENCE).unwrap();
    assert_eq!(
        poll(&mut fds, Some(&patience)).unwrap(),
        1,
        "it is still connected"
    );
    assert_eq!(up.status("api")["state"], "ready");
}

#[test]
fn those_who_follow_leave_places_for_the_others() {
    let mut up = Up::start(SLEEPER);
    up.event("api", "ready");
    let request = "{\"greenroom\":1}\n\
                   {\"request\":\"events\",\"last\":1,\"follow\":true}\n";
    let answers = || {
        let mut stream = UnixStream::connect(up.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
        let first = lines.nth(1).unwrap();
        (lines, first)
    };
    let followers: Vec<_> = (0..50).map(|_| answers()).collect();
    let refused = followers
        .iter()
        .filter(|it| it.1.contains("\"busy\""))
        .count();
    assert_eq!(refused, 2, "{}", followers[49].1);
    assert_eq!(up.status("api")["state"], "ready");
}

#[test]
fn answers_are_json_lines() {
    let up = Up::start(SLEEPER);
    let request = "{\"greenroom\":1}\n{\"request\":\"status\",\"unit\":null}\n";
    let answer = answer_to(&up, request.as_bytes(), true);
    let lines: Vec<Value> = answer
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["greenroom"], 1);
    assert_eq!(lines[1]["unit"]["name"], "api");
    assert!(lines[2]["done"].is_object());
}
