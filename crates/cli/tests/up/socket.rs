//! The control socket: for its owner only, and for one supervisor at a time.

use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};

use nix::sys::signal::Signal;

use crate::running::{Up, Watched, greenroom, pid_of, text};

const SLEEPER: &str = "[daemon.api]\ncommand = [\"sleep\", \"1000\"]\n";

#[test]
fn it_and_its_directory_are_for_the_owner_only() {
    let up = Up::start(SLEEPER);
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(up.socket()), 0o600);
    assert_eq!(mode(up.path("greenroom")), 0o700);
}

#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    let directory = crate::running::configured(SLEEPER);
    let shared = directory.path().join("greenroom");
    std::fs::create_dir(&shared).unwrap();
    std::fs::set_permissions(&shared, PermissionsExt::from_mode(0o777)).unwrap();
    let output = greenroom(directory.path(), &["up"]).output().unwrap();
    assert_eq!(output.status.code(), Some(77));
    assert!(text(&output.stderr).contains("may be changed by others"));
}

#[test]
fn a_second_supervisor_is_refused_with_the_pid_of_the_first() {
    let mut up = Up::start(SLEEPER);
    up.event("api", "ready");
    let output = up.run(&["up"]);
    assert_eq!(output.status.code(), Some(75));
    assert_eq!(
        text(&output.stderr),
        format!(
            "greenroom: greenroom up runs already as pid {}: it listens on {}\n",
            up.pid(),
            up.socket().display()
        )
    );
    assert_eq!(up.status("api")["state"], "ready");
}

#[test]
fn the_socket_of_a_killed_supervisor_is_taken_over_and_its_daemons_are_gone() {
    let directory = crate::running::configured(SLEEPER);
    let place = directory.path().to_owned();
    let mut first = Up::start_in(directory, &["--socket", "s.sock"], |_| {});
    let daemon = Watched::new(pid_of(&first.event("api", "started")));
    first.signal(Signal::SIGKILL);
    daemon.wait_for_end();
    // It may still be dying, and hold its lock, when its daemons are gone.
    Watched::new(first.pid()).wait_for_end();
    // The directory is still needed: the first is dropped last.
    assert!(place.join("s.sock").exists());
    let configuration = std::fs::read_to_string(first.path("greenroom.toml")).unwrap();
    let socket = place.join("s.sock");
    let arguments = ["--socket", socket.to_str().unwrap()];
    let mut second = Up::start_with(&configuration, &arguments, |_| {});
    second.event("api", "ready");
    let output = greenroom(&place, &["status", "--socket", "s.sock"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let directory = crate::running::configured(SLEEPER);
    let file = directory.path().join("precious");
    std::fs::write(&file, "data").unwrap();
    let output = greenroom(directory.path(), &["up", "--socket", "precious"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(71));
    assert!(text(&output.stderr).contains("is not a socket"));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "data");
}

#[test]
fn it_is_gone_after_an_orderly_end() {
    let up = Up::start(SLEEPER);
    let socket = up.socket();
    up.signal(Signal::SIGTERM);
    assert_eq!(up.ended().code(), Some(0));
    assert!(!socket.exists());
}

#[test]
fn of_many_that_start_at_once_over_a_stale_socket_one_has_it() {
    let directory = crate::running::configured(SLEEPER);
    let mut first = Up::start_in(directory, &[], |_| {});
    first.event("api", "ready");
    first.signal(Signal::SIGKILL);
    Watched::new(first.pid()).wait_for_end();
    let place = first.path("");
    let mut starters: Vec<_> = (0..6)
        .map(|_| {
            let mut command = greenroom(&place, &["up", "--quiet"]);
            Starter(command.stderr(Stdio::piped()).spawn().unwrap())
        })
        .collect();
    // All but one end, whoever that is: the ends are awaited in their own order.
    let mut ends = Vec::new();
    while starters.len() > 1 {
        let at = crate::running::first_to_end(starters.iter().map(|starter| starter.0.id()));
        ends.push(starters.remove(at).0.wait().unwrap().code());
    }
    assert_eq!(ends, [Some(75); 5]);
    // It may not listen yet; each question is a round trip.
    let listens = (0..1_000).any(|_| first.run(&["start", "api"]).status.success());
    assert!(listens, "the last one does not listen");
    let pid = std::fs::read_to_string(first.socket().with_extension("sock.lock")).unwrap();
    assert_eq!(pid, starters[0].0.id().to_string());
}

/// Killed in the end.
struct Starter(Child);

impl Drop for Starter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
