//! How a case ends: what has become of the first worker, and whether the host is as good as before.

use super::case::{Closing, Stop};
use super::say::{Job, Outcome, SECTION, Say};
use super::session::Part;
use super::stage::Stage;
use crate::case::{Finding, Verdict};

/// The input of the job that shows that the host still works.
const ECHO: &str = "is the host still there";

impl Stage {
    /// Judges the closing, up to the end of the host.
    pub(super) async fn close(&mut self, closing: Closing) -> Verdict {
        if let Err(finding) = self.worker_ended(closing).await {
            return Verdict::Fail(finding);
        }
        for session in &mut self.cast {
            session.let_go(&mut self.transcript);
        }
        if closing == Closing::Judged || self.setting.no_jobs.is_some() {
            return Verdict::Pass;
        }
        if let Err(finding) = self.echo().await {
            return Verdict::Fail(finding);
        }
        self.end_of_input().await
    }

    async fn worker_ended(&mut self, closing: Closing) -> Result<(), Finding> {
        match closing {
            // A host that does not follow section 9.2 ends its workers when it likes.
            Closing::Orderly if self.setting.no_jobs.is_some() => Ok(()),
            Closing::Orderly => match self.actor() {
                Some(actor) if actor.is_over() && !actor.left => {
                    let expected = "the host to leave the worker alone";
                    Err(Finding::new(SECTION, expected, "its end"))
                }
                _ => Ok(()),
            },
            Closing::Refused => self.must_be_gone("GR-1.3-4").await,
            Closing::WorkerGone | Closing::Judged => Ok(()),
        }
    }

    async fn must_be_gone(&mut self, requirement: &'static str) -> Result<(), Finding> {
        let expected = "the host to end the worker, its connection and its process";
        // It may give the process the time to leave by itself.
        let bound = self.announced(|request| request.close_timeout_ms) + self.setting.timeout;
        let gone = self.within(bound, requirement, expected, |stage| {
            stage.actor()?.dead.then_some(())
        });
        let gone = gone.await.is_ok();
        let got = match self.actor() {
            _ if gone => return Ok(()),
            Some(actor) if actor.end.is_some() => "a process that lives on, without a connection",
            Some(_) => "a connection that is still open",
            None => "no worker",
        };
        Err(Finding::new(requirement, expected, got))
    }

    /// A job in a worker that behaves.
    pub(super) async fn echo(&mut self) -> Result<(), Finding> {
        let expected = "the host to run a job in a worker that behaves";
        let fail = |got: String| Finding::new(SECTION, expected, got);
        let job = Job {
            name: "echo".into(),
            input: Some(ECHO.into()),
            ..Job::default()
        };
        let key = match self.ask_for(job) {
            Ok(key) => key,
            Err(_) => return Ok(()),
        };
        match self.outcome(SECTION, &key).await {
            Ok(Outcome::Ok { output, .. }) if output == ECHO => Ok(()),
            Ok(other) => Err(fail(format!("{other:?}"))),
            Err(Stop::Fail(finding) | Stop::NonStrict(finding)) => Err(fail(finding.got)),
            Err(Stop::Skip(reason)) => Err(fail(reason)),
        }
    }

    /// Section 9.2: the host closes its workers and exits with 0, and every job has had one outcome.
    pub(super) async fn end_of_input(&mut self) -> Verdict {
        self.note("the end of the host's standard input");
        self.process.end_input();
        let expected = "the host to exit with 0 after the end of its input";
        let bound = self.announced(|request| request.close_timeout_ms) + self.setting.timeout;
        let ended = self.within(bound, SECTION, expected, |stage| stage.host_ended.map(drop));
        if ended.await.is_err() {
            return Verdict::Fail(Finding::new(SECTION, expected, "a host that still runs"));
        }
        // Its last lines.
        self.watch(self.setting.timeout).await;
        match self.process.reap().await {
            Ok(status) if status.success() => {}
            Ok(status) => {
                return Verdict::Fail(Finding::new(SECTION, expected, status.to_string()));
            }
            Err(error) => return Verdict::Fail(Finding::new(SECTION, expected, error.to_string())),
        }
        for key in self.keys.clone() {
            let of_key = |say: &&Say| matches!(say, Say::Outcome { key: of, .. } if *of == key);
            let outcomes = self.says.iter().filter(of_key).count();
            if outcomes != 1 {
                let got = format!("{outcomes} of job {key}");
                return Verdict::Fail(Finding::new(SECTION, "one outcome of each job", got));
            }
        }
        let unasked = self.cast.iter().any(|session| {
            let ready = session.referee.limits().is_some();
            session.part == Part::Understudy
                && ready
                && !session.referee.is_dismissed()
                && !session.left
        });
        if unasked {
            let expected = "Shutdown for each worker before the host ends";
            return Verdict::NonStrict(Finding::new(SECTION, expected, "an end without it"));
        }
        Verdict::Pass
    }
}
