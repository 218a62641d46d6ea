//! What a service manager above is told.

use std::os::unix::net::UnixDatagram;

use nix::sys::signal::Signal;

use crate::running::{PATIENCE, Up};

#[test]
fn it_hears_of_the_start_of_life_of_a_reload_and_of_the_end() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let hears = |wanted: &str| {
        let mut buffer = [0; 4096];
        loop {
            let length = socket
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("{wanted}: {error}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|line| line.starts_with(wanted)) {
                return message;
            }
        }
    };
    let up = Up::start_with(
        "[daemon.api]\ncommand = [\"sh\", \"-c\", \"echo ${NOTIFY_SOCKET-unset}; exec sleep 1000\"]\n",
        &[],
        |command| {
            command
                .env("NOTIFY_SOCKET", &path)
                .env("WATCHDOG_USEC", "300000");
        },
    );
    hears("READY=1");
    assert!(hears("STATUS=").contains("1 of 1 units well"));
    hears("WATCHDOG=1");
    up.signal(Signal::SIGHUP);
    assert!(hears("RELOADING=1").contains("MONOTONIC_USEC="));
    hears("READY=1");
    // The daemon is not to speak in our name.
    assert!(up.ask(&["logs", "api"]).contains("unset"));
    up.signal(Signal::SIGTERM);
    hears("STOPPING=1");
    assert_eq!(up.ended().code(), Some(0));
}

#[test]
fn a_reload_before_the_start_is_over_is_not_taken_for_its_end() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut up = Up::start_with(
        "[daemon.api]\ncommand = [\"sh\", \"-c\", \"trap 'echo open' USR1; echo armed; \
         while :; do sleep 0.1; done\"]\nready = { log = \"open\" }\n",
        &[],
        |command| {
            command.env("NOTIFY_SOCKET", &path);
        },
    );
    up.find(|it| it["text"] == "armed");
    up.signal(Signal::SIGHUP);
    up.ask(&["reload"]);
    up.ask(&["signal", "api", "USR1"]);
    up.event("api", "ready");
    let mut buffer = [0; 4096];
    loop {
        let length = socket.recv(&mut buffer).unwrap();
        let message = String::from_utf8_lossy(&buffer[..length]);
        assert!(!message.contains("RELOADING=1"), "{message}");
        if message.contains("READY=1") {
            break;
        }
    }
    up.ask(&["shutdown"]);
    assert_eq!(up.ended().code(), Some(0));
}
