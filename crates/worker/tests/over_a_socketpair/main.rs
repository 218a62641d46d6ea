//! A worker over a real socketpair: this program starts itself as the worker and plays the host.
//!
//! Not under libtest, because the executable must be a worker when it is started as one. Takes a
//! scenario's name as an argument, and lists them with `--list`, as test runners expect.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(unreachable_pub, reason = "a program, not a library")]

mod actor;
mod peer;
mod scenarios;

use std::panic::catch_unwind;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Ok(role) = std::env::var(peer::ROLE) {
        return match role.as_str() {
            "middleman" => scenarios::middleman(),
            role => actor::play(role),
        };
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // `terse` is the value of `--format`, which has no other here.
    let is_filter = |argument: &&String| !argument.starts_with('-') && *argument != "terse";
    let filters: Vec<&String> = arguments.iter().filter(is_filter).collect();
    // None is ignored.
    let chosen: Vec<_> = scenarios::ALL
        .iter()
        .filter(|_| !has("--ignored"))
        .filter(|(name, _)| {
            filters.is_empty()
                || filters
                    .iter()
                    .any(|&f| name == f || (!has("--exact") && name.contains(f.as_str())))
        })
        .collect();
    if has("--list") {
        for (name, _) in chosen {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    for (name, scenario) in &chosen {
        let passed = catch_unwind(scenario).is_ok();
        println!("{} {name}", if passed { "ok    " } else { "FAILED" });
        failed += usize::from(!passed);
    }
    println!("{} passed, {failed} failed", chosen.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}
