//! Which jobs of section 9.1 the program offers.

use std::collections::HashSet;

use super::case::Stop;
use super::session::Session;

/// The job that lists the others.
const LIST: &str = "conformance.jobs";
/// The first line of its output.
const TITLE: &str = "greenroom-conformance 1";

/// What the program offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Offers {
    /// It could not be asked: each case shows itself what is broken.
    Unknown,
    /// It has answered the question.
    Jobs(HashSet<String>),
}

impl Offers {
    /// Whether cases may count on this job; `conformance.jobs` stands for the ways to prepare.
    pub(crate) fn has(&self, job: &str) -> bool {
        match self {
            Self::Unknown => true,
            Self::Jobs(jobs) => jobs.contains(job),
        }
    }

    /// Asks a worker that has just been started.
    pub(crate) async fn ask(session: &mut Session) -> Result<Self, Stop> {
        session.ready().await?;
        let end = session.run_job(LIST, "", &[]).await?;
        let jobs = match std::str::from_utf8(&end.output) {
            Ok(text) if end.is_ok() => listed(text),
            _ => None,
        };
        Ok(Self::Jobs(jobs.unwrap_or_default()))
    }
}

/// The jobs of a list, or `None` if it is none.
fn listed(text: &str) -> Option<HashSet<String>> {
    let mut lines = text.lines();
    // The list itself stands for the ways to prepare, which a program offers with it.
    (lines.next()? == TITLE).then(|| lines.chain([LIST]).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_begins_with_its_title() {
        let jobs = listed("greenroom-conformance 1\nconformance.echo\nconformance.wait\n");
        assert_eq!(
            jobs,
            Some(HashSet::from([
                "conformance.jobs".to_owned(),
                "conformance.echo".to_owned(),
                "conformance.wait".to_owned()
            ]))
        );
        assert_eq!(listed("conformance.echo\n"), None);
        assert_eq!(listed(""), None);
    }
}
