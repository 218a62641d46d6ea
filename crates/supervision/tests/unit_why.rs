//! What is said of a unit is what has happened to it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use greenroom_supervision::exit::ExitReason;
use greenroom_supervision::supervisor::{Group, Strategy};
use greenroom_supervision::unit::{Condition, UnitSpec, UnitState};
use hall::{Child, Hall, after, code, daemon, secs};

fn behind(name: &str, needed: &str) -> UnitSpec {
    after(daemon(name), &[(needed, Condition::Ready)])
}

#[test]
fn an_earlier_end_is_not_part_of_a_later_stop() {
    let mut hall = Hall::new();
    hall.add(daemon("db"), Child::steady());
    hall.add(behind("web", "db"), Child::stubborn());
    hall.start();
    hall.advance(secs(1));
    hall.stop_unit("web");
    hall.advance(secs(20));
    assert_eq!(
        hall.why("web"),
        "was stopped: a person; it did not leave within 10s and was killed"
    );
    hall.stop_unit("db");
    hall.advance(secs(1));
    hall.start_unit("web");
    hall.advance(secs(1));
    assert_eq!(hall.state("web"), UnitState::Waiting);
    hall.stop_unit("web");
    assert_eq!(hall.why("web"), "was stopped: a person");
}

#[test]
fn a_restart_whose_delay_is_over_is_due() {
    let mut hall = Hall::new();
    hall.supervisor
        .add_group(Group::new("team", Strategy::OneForAll))
        .unwrap();
    hall.add(daemon("alone"), Child::ends(secs(1), code(1)));
    let member = UnitSpec {
        group: Some("team".into()),
        ..daemon("member")
    };
    hall.add(member, Child::ends(secs(1), code(1)));
    hall.start();
    hall.advance(secs(1));
    // Nobody has woken the machine yet.
    hall.now = hall.now + secs(2);
    let due = "exited with code 1; restart 1 of 5 is due";
    assert_eq!(hall.why("alone"), due);
    assert_eq!(hall.why("member"), due, "no other is waited for");
}

#[test]
fn one_that_was_killed_because_time_was_up_was_not_killed_on_request() {
    let mut hall = Hall::new();
    hall.add(daemon("db"), Child::stubborn());
    hall.add(behind("web", "db"), Child::stubborn());
    hall.start();
    hall.advance(secs(1));
    hall.stop();
    hall.advance(secs(5));
    hall.freeze(secs(60));
    hall.advance(secs(5));
    // Its turn had not come: it had the time since the order.
    let after = secs(65);
    let exit = &hall.look("db").exits[0];
    assert_eq!(exit.reason, ExitReason::CloseTimeout { after });
    assert_eq!(
        hall.why("db"),
        "everything was stopped: a person; it did not leave within 1m 5s and was killed"
    );
}
