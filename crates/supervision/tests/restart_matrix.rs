//! Every way to end, under every policy, strategy and escalation, as one table to be read.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hall;

use std::fmt::Write;

use greenroom_supervision::restart::{ExitMatch, Restart};
use greenroom_supervision::supervisor::{Escalation, Group, Strategy};
use greenroom_supervision::unit::UnitSpec;
use hall::{Child, Hall, code, daemon, secs};

const ENDS: [(&str, i32); 3] = [("success", 0), ("failure", 1), ("fatal", 78)];

fn short(escalation: Escalation) -> &'static str {
    match escalation {
        Escalation::Isolate => "isolate",
        Escalation::StopGroup => "stop group",
        Escalation::Shutdown => "shutdown",
    }
}

/// The second of three members ends once, after ten seconds; what has become of all a minute later.
fn outcome(restart: Restart, exit: i32, strategy: Strategy, escalation: Escalation) -> String {
    let mut hall = Hall::new();
    let group = Group {
        escalation,
        ..Group::new("team", strategy)
    };
    hall.supervisor.add_group(group).unwrap();
    for name in ["a", "b", "c"] {
        let mut spec = UnitSpec {
            group: Some("team".into()),
            ..daemon(name)
        };
        spec.policy.restart.restart = restart;
        spec.policy.restart.exits.fatal = vec![ExitMatch::Code(78)];
        hall.add_script(spec, move |generation| match (name, generation) {
            ("b", 0) => Child::ends(secs(10), code(exit)),
            _ => Child::steady(),
        });
    }
    hall.start();
    hall.advance(secs(70));
    let each = ["a", "b", "c"].map(|name| {
        let again = hall.starts_of(name).len() > 1;
        let state = hall.state(name).to_string();
        if again {
            format!("{state} again")
        } else {
            state
        }
    });
    let end = match hall.endings.first() {
        Some((_, ending)) => format!("ended with code {}", ending.exit_code()),
        None => "goes on".to_owned(),
    };
    format!("{:<12} {:<14} {:<12} {end}", each[0], each[1], each[2])
}

#[test]
fn the_whole_table() {
    let mut table = format!(
        "{:<8} {:<9} {:<11} {:<10} | {:<12} {:<14} {:<12} the whole\n",
        "b ends", "restart", "strategy", "escalation", "a", "b", "c"
    );
    for (name, exit) in ENDS {
        for restart in [Restart::Never, Restart::OnFailure, Restart::Always] {
            for strategy in [
                Strategy::OneForOne,
                Strategy::OneForAll,
                Strategy::RestForOne,
            ] {
                for escalation in [
                    Escalation::Isolate,
                    Escalation::StopGroup,
                    Escalation::Shutdown,
                ] {
                    let outcome = outcome(restart, exit, strategy, escalation);
                    writeln!(
                        table,
                        "{name:<8} {:<9} {:<11} {:<10} | {outcome}",
                        format!("{restart:?}"),
                        format!("{strategy:?}"),
                        short(escalation),
                    )
                    .unwrap();
                }
            }
        }
    }
    insta::assert_snapshot!(table);
}
