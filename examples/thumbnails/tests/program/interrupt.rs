//! However the program is stopped, nothing runs on and no half thumbnail is left.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::run::{Held, Place, Running, files, shipped, text};

/// Far more than the three seconds that pictures in work get, far less than the deadline.
const SOON: Duration = Duration::from_secs(20);

/// One worker hangs, the other has made its first thumbnail.
fn hanging(place: &Place) -> Running {
    let (hang, photos) = (shipped("hostile/hang.jpg"), shipped("photos"));
    let arguments = [
        text(&hang),
        text(&photos),
        "--workers",
        "2",
        "--deadline",
        "600",
    ];
    let mut running = Running::start(place.command(&arguments));
    running.wait_for(" ok ");
    running
}

#[test]
fn ctrl_c_finishes_what_can_be_finished_and_shows_the_table() {
    let place = Place::new();
    let running = hanging(&place);
    let begin = Instant::now();
    running.signal(Signal::SIGINT);
    let ended = running.end();

    assert!(begin.elapsed() < SOON);
    assert_eq!(ended.code, Some(130));
    assert!(ended.said().contains("Stopping"), "{}", ended.said());
    assert!(ended.table.contains("total time"), "{}", ended.table);
    assert!(ended.table.contains("hang.jpg"), "{}", ended.table);
    assert_eq!(place.processes(), []);
    place.assert_no_partial_files();
    for thumbnail in files(&place.path("thumbnails")) {
        image::open(thumbnail).unwrap();
    }
}

#[test]
fn ctrl_c_twice_stops_at_once() {
    let place = Place::new();
    let mut running = hanging(&place);
    let workers = Held::all_in(&place);
    assert!(workers.len() >= 2, "a host and its workers");
    running.signal(Signal::SIGINT);
    running.wait_for("Stopping");
    running.signal(Signal::SIGINT);
    let ended = running.end();

    assert_eq!(ended.code, Some(130));
    assert_eq!(ended.table, "");
    workers.assert_gone_within(SOON);
    place.assert_no_partial_files();
}

#[test]
fn workers_do_not_outlive_a_host_that_is_killed() {
    let place = Place::new();
    let running = hanging(&place);
    let workers = Held::all_in(&place);
    assert!(workers.len() >= 2, "a host and its workers");
    running.signal(Signal::SIGKILL);
    running.end();
    workers.assert_gone_within(SOON);
}
