//! What a case is written with: what the first worker says, and the jobs that it is given.

use bytes::Bytes;
use greenroom_protocol::{HostMessage, WorkerMessage};

use super::case::{Played, Stop};
use super::say::{Command, Job, Outcome, SECTION};
use super::session::{Session, accepted};
use super::stage::Stage;
use super::wire::WireOrder;
use crate::case::Finding;

/// A job that the host has given to the actor, with its whole input.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) key: String,
    pub(super) number: u64,
}

impl Stage {
    // ---- saying

    /// The first worker. Only after [`asked`](Self::asked), which waits for it.
    pub(super) fn me(&mut self) -> &mut Session {
        self.cast.first_mut().expect("the case has waited for it")
    }

    /// Says something as the actor.
    pub(super) fn send(&mut self, message: WorkerMessage) {
        self.send_all(&[message]);
    }

    /// Says several things in one piece.
    pub(super) fn send_all(&mut self, messages: &[WorkerMessage]) {
        let actor = self.cast.first_mut().expect("the case has waited for it");
        actor.send_all(messages, &mut self.transcript);
    }

    /// Sends bytes, whatever they are.
    pub(super) fn send_raw(&mut self, meaning: &str, bytes: impl Into<Bytes>) {
        let actor = self.cast.first_mut().expect("the case has waited for it");
        actor.send_raw(meaning, bytes.into(), &mut self.transcript);
    }

    /// Sends these messages one byte after the other.
    pub(super) fn send_torn(&mut self, messages: &[WorkerMessage]) {
        let bytes = self.me().encode(messages);
        self.me().order_wire(WireOrder::Narrow);
        for (at, byte) in bytes.iter().enumerate() {
            self.send_raw(&format!("byte {at}"), vec![*byte]);
        }
    }

    /// Ends the actor as a process that exits: its connection closes first.
    pub(super) fn exit(&mut self, code: u8) {
        let actor = self.cast.first_mut().expect("the case has waited for it");
        actor.exit(code, &mut self.transcript);
    }

    /// Calls the host, and waits for the answer. What was said before has been read by then.
    pub(super) async fn call(
        &mut self,
        method: &str,
        argument: &str,
    ) -> Result<(Option<String>, Bytes), Stop> {
        let (number, call) = self.me().call(method, argument.to_owned());
        self.send(call);
        self.answer_to(number).await
    }

    /// Waits for the answer to a call.
    pub(super) async fn answer_to(&mut self, number: u64) -> Result<(Option<String>, Bytes), Stop> {
        let expected = format!("CallResponse {number}");
        self.message("GR-5.6-2", &expected, |message| match message {
            HostMessage::CallResponse(response, data) if response.call == number => {
                Some((response.error, data))
            }
            _ => None,
        })
        .await
    }

    // ---- jobs

    /// A new key.
    pub(super) fn key(&mut self) -> String {
        let key = format!("k{}", self.keys.len() + 1);
        self.keys.push(key.clone());
        key
    }

    /// Has the host launch a job; whoever gets it. Returns its key.
    pub(super) fn ask_for(&mut self, job: Job) -> Result<String, Stop> {
        if let Some(reason) = &self.setting.no_jobs {
            return Err(Stop::Skip(format!(
                "the host runs no jobs for the kit: {reason}"
            )));
        }
        let key = self.key();
        let job = Job {
            key: key.clone(),
            ..job
        };
        self.command(&Command::Job(job));
        Ok(key)
    }

    /// Has the host launch a job, and waits until the actor has it with all of its input.
    pub(super) async fn given(&mut self, job: Job) -> Result<Given, Stop> {
        let known = self.me().jobs.len();
        let key = self.ask_for(job)?;
        let number = self
            .until(SECTION, "StartJob", |stage| {
                let jobs = &stage.actor()?.jobs;
                let (number, _) = jobs.iter().next_back()?;
                (jobs.len() > known).then_some(*number)
            })
            .await?;
        let expected = "the input of the job up to the last piece";
        self.until("GR-5.4-8", expected, |stage| {
            stage.actor()?.jobs[&number].whole.then_some(())
        })
        .await?;
        Ok(Given { key, number })
    }

    /// A ready actor with a small job that it has accepted, as the host knows: a host that cannot
    /// write any more need not read what was sent before.
    pub(super) async fn at_work(&mut self) -> Result<Given, Stop> {
        self.ready().await?;
        let job = self.given(small_job()).await?;
        self.send(accepted(job.number));
        self.call("echo", "").await?;
        Ok(job)
    }

    /// How a job ends. The requirement is cited if it does not.
    pub(super) async fn outcome(
        &mut self,
        requirement: &'static str,
        key: &str,
    ) -> Result<Outcome, Stop> {
        let expected = format!("an outcome of job {key}");
        self.until(requirement, &expected, |stage| {
            stage.outcome_of(key).cloned()
        })
        .await
    }

    /// A job that must end well with this output. The requirement is cited if it does not.
    pub(super) async fn ends_with(
        &mut self,
        requirement: &'static str,
        key: &str,
        expected: &str,
    ) -> Played {
        match self.outcome(requirement, key).await? {
            Outcome::Ok { output, .. } if output == expected => Ok(()),
            other => {
                let expected = format!("job {key} to end well with {expected:?}");
                Err(Finding::new(requirement, expected, format!("{other:?}")).into())
            }
        }
    }

    /// A job that must be lost: it was accepted, and its worker does not say how it ended. The
    /// requirement is cited if the host does not notice.
    pub(super) async fn is_lost(&mut self, requirement: &'static str, key: &str) -> Played {
        match self.outcome(requirement, key).await? {
            Outcome::Lost { .. } => Ok(()),
            other => {
                let expected = format!("job {key} to be lost");
                Err(Finding::new(SECTION, expected, format!("{other:?}")).into())
            }
        }
    }
}

/// A job whose input and output are a few bytes.
pub(super) fn small_job() -> Job {
    Job {
        name: "small".into(),
        input: Some("a few bytes".into()),
        ..Job::default()
    }
}
