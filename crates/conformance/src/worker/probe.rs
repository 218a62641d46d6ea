//! The first meeting, before any case: whether the program is a worker at all, and what it offers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::case::{Closing, Stop};
use super::offers::Offers;
use super::session::Session;
use super::{NotTested, Program, WAITS};
use crate::case::{Case, Finding};
use crate::transcript::Transcript;

/// It has at least so long for its first word: a busy machine must not make it mute.
const PATIENCE: Duration = Duration::from_secs(10);

/// Each wait of a case is so many times as long as the whole first meeting: how slow the program and
/// the machine are is seen there.
const SLOWER: u32 = 10;
/// But no longer than this, if it was not asked for.
const LONGEST: Duration = Duration::from_secs(60);

/// What came of the first `InitializeRequest`.
#[derive(Debug)]
pub(crate) enum Met {
    /// A response: it is a worker.
    Worker(Offers),
    /// Something, but no response that can be used. Each case shows for itself what is broken; what
    /// ends without a response shows nothing, because any program could have done that.
    Stranger(Finding),
    /// Not a single byte.
    Mute(Finding, Transcript),
}

impl Met {
    /// Whether cases may count on this job of section 9.1.
    pub(crate) fn offers(&self, job: &str) -> bool {
        match self {
            Self::Worker(offers) => offers.has(job),
            Self::Stranger(_) | Self::Mute(..) => true,
        }
    }

    /// A case that is through is none for a program that has never shown that it is a worker.
    pub(crate) fn judge(&self, session: &Session, behaviour: Result<(), Stop>) -> Result<(), Stop> {
        match (self, &behaviour) {
            (Self::Worker(_), _) | (_, Err(Stop::Fail(_))) => behaviour,
            _ if session.response().is_some() => behaviour,
            (Self::Stranger(finding) | Self::Mute(finding, _), _) => {
                Err(Stop::Fail(finding.clone()))
            }
        }
    }
}

/// Starts the program once as a host does, and asks what it offers. Returns the bound as well that
/// each wait has: the one that was asked for, or a longer one if the program or the machine is slow.
pub(crate) async fn meet(
    program: &Arc<Program>,
    asked_for: Duration,
) -> Result<(Met, Duration), NotTested> {
    let about = Case {
        id: "the question for what is offered",
        requirements: &[],
        sends: "",
        expects: "",
    };
    let began = Instant::now();
    let bound = asked_for.max(PATIENCE);
    let started = Session::spawn(Arc::clone(program), about, Closing::Judged, bound);
    let mut session = started.map_err(|source| NotTested::NotStarted {
        path: program.path.clone(),
        source,
    })?;
    let asked = timeout(bound * WAITS, Offers::ask(&mut session)).await;
    let slow = (began.elapsed() * SLOWER).min(LONGEST);
    let (answered, heard) = (session.response().is_some(), session.has_heard());
    let (_, transcript) = session.finish(Ok(())).await;
    let finding = match asked {
        Ok(Ok(offers)) => return Ok((Met::Worker(offers), asked_for.max(slow))),
        _ if answered => return Ok((Met::Worker(Offers::Unknown), asked_for)),
        Ok(Err(Stop::Fail(finding) | Stop::NonStrict(finding))) => finding,
        Ok(Err(Stop::Skip(_))) | Err(_) => {
            Finding::new("GR-4.1-1", "InitializeResponse", "anything else, for ever")
        }
    };
    let said = finding.got;
    let met = if heard {
        let got = format!("{said}, and this program has never completed a handshake");
        Met::Stranger(Finding { got, ..finding })
    } else {
        let got = format!("{said}: this program has never answered InitializeRequest");
        Met::Mute(Finding { got, ..finding }, transcript)
    };
    Ok((met, asked_for))
}
