//! The cases, a file for each theme.

mod bodies;
mod calls;
mod deadlines;
mod environment;
mod frames;
mod handshake;
mod jobs;
mod jobs_broken;
mod logs;
mod output;
mod pings;
mod retire;
mod shutdown;
mod stacks;
mod stream;
mod types;
mod vectors;

use super::case::{BoxFuture, Closing, HostCase, Played};
use super::stage::Stage;
use crate::case::Case;

/// A job number that no host gives by then.
const NO_JOB: u64 = 1 << 40;

/// All of them, in the order of the sections that they are about.
pub(super) fn all() -> Vec<HostCase> {
    [
        environment::cases(),
        stream::cases(),
        frames::cases(),
        types::cases(),
        bodies::cases(),
        handshake::cases(),
        pings::cases(),
        shutdown::cases(),
        jobs::cases(),
        jobs_broken::cases(),
        output::cases(),
        calls::cases(),
        deadlines::cases(),
        retire::cases(),
        stacks::cases(),
        logs::cases(),
    ]
    .concat()
}

/// A case after which the worker behaves, until it is said otherwise with [`HostCase::closing`].
fn case(
    id: &'static str,
    requirements: &'static [&'static str],
    [sends, expects]: [&'static str; 2],
    run: for<'a> fn(&'a mut Stage) -> BoxFuture<'a, Played>,
) -> HostCase {
    HostCase {
        about: Case {
            id,
            requirements,
            sends,
            expects,
        },
        closing: Closing::Orderly,
        run,
    }
}

impl HostCase {
    /// With another closing.
    fn closing(self, closing: Closing) -> Self {
        Self { closing, ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::requirement::Requirement;

    #[test]
    fn each_case_has_a_name_of_its_own_and_cites_the_text() {
        let mut names = BTreeSet::new();
        for case in all() {
            let Case {
                id,
                requirements,
                sends,
                expects,
            } = case.about;
            assert!(names.insert(id), "two cases are named {id}");
            assert!(!requirements.is_empty(), "{id} cites nothing");
            for requirement in requirements {
                let found = Requirement::find(requirement);
                assert!(
                    found.is_some(),
                    "{id} cites {requirement}, which is not in the text"
                );
            }
            assert!(
                !sends.is_empty() && !expects.is_empty(),
                "{id} says nothing"
            );
        }
    }
}
