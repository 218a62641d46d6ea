//! The kit as a host: what a worker program is put through.

mod case;
mod cases;
mod offers;
mod probe;
mod process;
mod referee;
mod session;
mod wire;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use self::case::{Stop, WorkerCase};
use self::probe::{Met, meet};
use self::session::Session;
use rustix::io::Errno;

use crate::case::{Case, CaseResult, Finding, Verdict};
use crate::run::{Options, run_side_by_side};
use crate::transcript::{Transcript, What};

/// A whole case has so many times the bound of a single wait: for a case that loops.
const WAITS: u32 = 10;

/// A worker program under test.
#[derive(Clone, Debug)]
pub struct Program {
    /// The executable, as a path.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
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
        source: io::Error,
    },
}

/// All cases, in the order of the sections that they are about.
pub fn catalogue() -> Vec<Case> {
    cases::all().iter().map(|case| case.about).collect()
}

/// Runs those cases that `chosen` takes, and tells each result as it is there; returns all of them in
/// the catalogue's order.
///
/// One process is started before, to see that the program is a worker and which jobs it offers. A
/// program that sends nothing at all within the bound, or within 10 s if that is longer, fails every
/// case with this one finding. One that is slow, or on a slow machine, gets a longer bound than was
/// asked for: ten times what that process took, but at most 60 s. Must be called on a tokio
/// runtime with I/O and time. Dropped before it ends, it kills every process that it has started.
pub async fn run(
    program: &Program,
    options: Options,
    chosen: impl Fn(&Case) -> bool,
    tell: impl FnMut(&CaseResult),
) -> Result<Vec<CaseResult>, NotTested> {
    let program = Arc::new(program.clone());
    let (met, bound) = meet(&program, options.timeout).await?;
    let met = Arc::new(met);
    let cases = cases::all().into_iter().filter(|case| chosen(&case.about));
    let cases = cases.map(|case| run_case(case, Arc::clone(&program), Arc::clone(&met), bound));
    Ok(run_side_by_side(cases, options.parallel, tell).await)
}

/// Runs one case with a process of its own, which has ended when this is through.
async fn run_case(
    case: WorkerCase,
    program: Arc<Program>,
    met: Arc<Met>,
    bound: Duration,
) -> CaseResult {
    let began = Instant::now();
    let result = |behaviour, closing, transcript| CaseResult {
        case: case.about,
        behaviour,
        closing,
        transcript,
        took: began.elapsed(),
    };
    if let Met::Mute(finding, transcript) = &*met {
        let skip = Verdict::Skip("the program has not spoken".into());
        return result(Verdict::Fail(finding.clone()), skip, transcript.clone());
    }
    if let Some(job) = case.needs.iter().find(|job| !met.offers(job)) {
        let reason = format!("the program does not offer the job {job} (section 9.1)");
        let skip = Verdict::Skip(reason);
        return result(skip.clone(), skip, Transcript::default());
    }
    let mut session = match Session::spawn(program, case.about, case.closing, bound) {
        Ok(session) => session,
        // The kit's own lack of descriptors, processes or memory is nothing to blame the program for.
        Err(error) if is_lack(&error) => {
            let reason = format!("the system refuses to start it: {error}; try fewer at a time");
            let skip = Verdict::Skip(reason);
            return result(skip.clone(), skip, Transcript::default());
        }
        Err(error) => {
            let expected = "a program that can be started";
            let finding = Finding::new("GR-1.2-1", expected, error.to_string());
            let mut transcript = Transcript::default();
            transcript.add(What::Note(format!("not started: {error}")));
            let skip = Verdict::Skip("the program was not started".into());
            return result(Verdict::Fail(finding), skip, transcript);
        }
    };
    let main = case.about.requirements.first().copied();
    let backstop = || {
        let requirement = main.unwrap_or("GR-1.3-2");
        let expected = format!("the whole case within {:?}", bound * WAITS);
        Stop::Fail(Finding::new(requirement, expected, "no end of it"))
    };
    let behaviour = timeout(bound * WAITS, (case.run)(&mut session)).await;
    let behaviour = behaviour.unwrap_or_else(|_| Err(backstop()));
    let behaviour = met.judge(&session, behaviour);
    let closing = match behaviour {
        Err(Stop::Fail(_)) => Verdict::Skip("the case had failed before".into()),
        _ => {
            let closing = timeout(bound * WAITS, session.close()).await;
            closing.unwrap_or_else(|_| backstop().into())
        }
    };
    let (behaviour, transcript) = session.finish(behaviour).await;
    result(behaviour, closing, transcript)
}

/// Whether the system has too little of something for another process.
fn is_lack(error: &std::io::Error) -> bool {
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM];
    lacks
        .iter()
        .any(|lack| error.raw_os_error() == Some(lack.raw_os_error()))
}
