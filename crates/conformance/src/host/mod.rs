//! The kit as workers: what a host program is put through.

mod acting;
mod arrivals;
pub mod body;
mod case;
mod cases;
mod closing;
mod event;
mod process;
mod referee;
mod say;
mod session;
mod stage;
mod understudy;
mod waiting;
mod wire;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::arrivals::Wardrobe;
use self::case::{Closing, HostCase};
use self::say::SECTION;
use self::session::Part;
use self::stage::{Setting, Stage};
use crate::case::{Case, CaseResult, Finding, Verdict};
use crate::run::{Options, run_side_by_side};
use crate::transcript::Transcript;

/// A host program under test.
#[derive(Clone, Debug)]
pub struct Program {
    /// The executable, as a path.
    pub path: PathBuf,
    /// Its arguments; the path of a worker is added behind them.
    pub arguments: Vec<OsString>,
    /// The command that calls [`body::run`] with the path of a socket, which is added behind it.
    pub body: Vec<OsString>,
}

/// Why the program could not be tested at all.
#[derive(Debug, thiserror::Error)]
pub enum NotTested {
    /// It cannot be started.
    #[error("{} cannot be started: {source}", path.display())]
    NotStarted {
        /// The executable.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system refuses a directory or a socket.
    #[error("{step}: {source}")]
    System {
        /// What was tried.
        step: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// All cases, in the order of the sections that they are about.
pub fn catalogue() -> Vec<Case> {
    cases::all().iter().map(|case| case.about).collect()
}

/// Runs those cases that `chosen` takes, and tells each result as it is there; returns all of them in
/// the catalogue's order.
pub async fn run(
    program: &Program,
    options: Options,
    chosen: impl Fn(&Case) -> bool,
    tell: impl FnMut(&CaseResult),
) -> Result<Vec<CaseResult>, NotTested> {
    let wardrobe = Wardrobe::new(&program.body).map_err(|source| NotTested::System {
        step: "write the program that hosts are given as their worker",
        source,
    })?;
    let wardrobe = Arc::new(wardrobe);
    let setting = |no_jobs| Setting {
        program: program.clone(),
        wardrobe: Arc::clone(&wardrobe),
        timeout: options.timeout,
        no_jobs,
    };
    let no_jobs = why_no_jobs(setting(None)).await?;
    let setting = Arc::new(setting(no_jobs));
    let cases = cases::all().into_iter().filter(|case| chosen(&case.about));
    let cases = cases.map(|case| play(case, Arc::clone(&setting)));
    Ok(run_side_by_side(cases, options.parallel, tell).await)
}

/// Whether the host runs jobs for the kit, as section 9.2 says; if not, what it did instead.
async fn why_no_jobs(setting: Setting) -> Result<Option<String>, NotTested> {
    let mut stage = Stage::start(Arc::new(setting), &["GR-4.1-2"], Part::Understudy)?;
    let echo = stage.echo().await;
    // It was a trial: how it ends is not judged.
    let _ = stage.clear().await;
    Ok(echo.err().map(|finding| finding.got))
}

async fn play(case: HostCase, setting: Arc<Setting>) -> CaseResult {
    let HostCase {
        about,
        closing,
        run,
    } = case;
    let requirements = about.requirements;
    let first = Part::Actor { pongs: true };
    let mut stage = match Stage::start(setting, requirements, first) {
        Ok(stage) => stage,
        Err(error) => {
            let finding = Finding::new(SECTION, "a host to test", error.to_string());
            return CaseResult {
                case: about,
                behaviour: Verdict::Fail(finding),
                closing: Verdict::Skip("there was no host".into()),
                transcript: Transcript::default(),
                took: Duration::ZERO,
            };
        }
    };
    let played = run(&mut stage).await;
    let behaviour = stage.verdict(played.map_or_else(Verdict::from, |()| Verdict::Pass));
    let closing = match &behaviour {
        Verdict::Fail(_) => Verdict::Skip("the case has failed before".into()),
        Verdict::Skip(_) => stage.close(Closing::Judged).await,
        Verdict::Pass | Verdict::NonStrict(_) => {
            let closed = stage.close(closing).await;
            stage.verdict(closed)
        }
    };
    // Whatever it is that has survived, nobody looks at it any more.
    let _ = stage.clear().await;
    CaseResult {
        case: about,
        behaviour,
        closing,
        took: stage.transcript.elapsed(),
        transcript: stage.transcript,
    }
}
