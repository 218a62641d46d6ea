//! The duties of process 1.

use crate::running::{Up, Watched};

#[test]
fn orphans_are_reaped() {
    // The shell in the middle ends at once; its child is an orphan, and ends when it is told to.
    let mut up = Up::start_with(
        "[daemon.parent]\n\
         command = [\"sh\", \"-c\", \"o=$(sh -c 'sleep 1000 >/dev/null & echo $!'); \
         echo orphan $o; exec sleep 1000\"]\n",
        &["--init"],
        |_| {},
    );
    let line = up.find(|it| {
        it["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("orphan "))
    });
    let orphan = line["text"]
        .as_str()
        .unwrap()
        .trim_start_matches("orphan ")
        .to_owned();
    let parent = std::fs::read_to_string(format!("/proc/{orphan}/stat")).unwrap();
    let parent = parent
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .to_owned();
    assert_eq!(parent, up.pid().to_string(), "it was adopted");
    let pid: i32 = orphan.parse().unwrap();
    let watched = Watched::new(pid.try_into().unwrap());
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    watched.wait_for_end();
    // Each question is a round trip through the supervisor.
    let reaped = (0..500).any(|_| {
        up.run(&["status"]);
        !std::path::Path::new(&format!("/proc/{orphan}")).exists()
    });
    assert!(reaped, "a zombie is left");
    assert_eq!(up.status("parent")["state"], "ready");
}
