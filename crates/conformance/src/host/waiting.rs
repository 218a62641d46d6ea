//! What a case is written with: it waits for something, always within a bound, and says what it
//! waited for.

use std::time::Duration;

use greenroom_protocol::{HostMessage, InitializeRequest, InitializeResponse, WorkerMessage};
use tokio::time::Instant;

use super::case::{Played, Stop};
use super::say::{SECTION, WorkerIs};
use super::session::Part;
use super::stage::Stage;
use crate::case::Finding;

impl Stage {
    // ---- waiting

    /// Waits until there is something to see, within the bound of the run.
    pub(super) async fn until<T>(
        &mut self,
        requirement: &'static str,
        expected: &str,
        look: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<T, Stop> {
        let bound = self.wait_at_most.unwrap_or(self.setting.timeout);
        self.within(bound, requirement, expected, look).await
    }

    /// Waits until there is something to see, within a bound.
    pub(super) async fn within<T>(
        &mut self,
        bound: Duration,
        requirement: &'static str,
        expected: &str,
        mut look: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<T, Stop> {
        let end = Instant::now() + bound;
        loop {
            if let Some(seen) = look(self) {
                return Ok(seen);
            }
            if !self.step(end).await {
                self.catch_up();
                if let Some(seen) = look(self) {
                    return Ok(seen);
                }
                let got = match self.host_ended {
                    Some(_) => "the end of the host".into(),
                    None => format!("nothing of the kind within {bound:?}"),
                };
                return Err(Finding::new(requirement, expected, got).into());
            }
        }
    }

    /// Waits for a message to the actor; passes over others.
    pub(super) async fn message<T>(
        &mut self,
        requirement: &'static str,
        expected: &str,
        pick: impl FnMut(HostMessage) -> Option<T>,
    ) -> Result<T, Stop> {
        self.message_after(Duration::ZERO, requirement, expected, pick)
            .await
    }

    /// Waits for a message that the host sends after this time, within the bound of the run.
    pub(super) async fn message_after<T>(
        &mut self,
        time: Duration,
        requirement: &'static str,
        expected: &str,
        mut pick: impl FnMut(HostMessage) -> Option<T>,
    ) -> Result<T, Stop> {
        let bound = time + self.wait_at_most.unwrap_or(self.setting.timeout);
        let found = self.within(bound, requirement, expected, |stage| {
            let actor = stage.cast.first_mut()?;
            while let Some(message) = actor.inbox.pop_front() {
                if let Some(found) = pick(message) {
                    return Some(Ok(found));
                }
            }
            actor
                .is_over()
                .then(|| Err(actor.end.clone().unwrap_or_else(killed)))
        });
        found.await?.map_err(|how| {
            let got = format!("the end of the connection: {how}");
            Finding::new(requirement, expected, got).into()
        })
    }

    /// Lets everything happen that happens within a while. For what must *not* happen.
    pub(super) async fn watch(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while self.step(end).await {}
    }

    // ---- the handshake

    /// Waits until the host has started a worker.
    pub(super) async fn started(&mut self) -> Played {
        self.until(SECTION, "a worker to be started", |stage| {
            stage.actor().map(drop)
        })
        .await
    }

    /// Waits until the host has started a worker and asked it to initialize.
    pub(super) async fn asked(&mut self) -> Result<InitializeRequest, Stop> {
        self.started().await?;
        self.message("GR-4.1-2", "InitializeRequest", |message| match message {
            HostMessage::InitializeRequest(request, _) => Some(request),
            _ => None,
        })
        .await
    }

    /// Makes the actor ready.
    pub(super) async fn ready(&mut self) -> Result<InitializeRequest, Stop> {
        self.ready_as(SECTION, |_| {}).await
    }

    /// Makes the actor ready with an answer that differs from a usual one. The requirement is cited if
    /// the host does not take it for ready.
    pub(super) async fn ready_as(
        &mut self,
        requirement: &'static str,
        change: impl FnOnce(&mut InitializeResponse),
    ) -> Result<InitializeRequest, Stop> {
        let request = self.asked().await?;
        self.respond(change);
        self.taken_for_ready(requirement).await?;
        Ok(request)
    }

    /// Answers the handshake.
    pub(super) fn respond(&mut self, change: impl FnOnce(&mut InitializeResponse)) {
        let mut response = self.me().response();
        change(&mut response);
        self.send(WorkerMessage::InitializeResponse(response));
    }

    /// Waits until the host says that a worker is ready, if it says such things.
    pub(super) async fn taken_for_ready(&mut self, requirement: &'static str) -> Played {
        if self.setting.no_jobs.is_some() {
            return Ok(());
        }
        self.until(requirement, "a worker that is taken for ready", |stage| {
            let mut news = stage.news();
            news.find(|news| matches!(news, WorkerIs::Ready { .. }))
                .map(drop)
        })
        .await
    }

    // ---- the end of the actor

    /// The actor has broken the main requirement: the host must end the connection, lose the jobs that
    /// were accepted, and say which requirement it was.
    pub(super) async fn refused(&mut self) -> Played {
        self.refused_for(self.requirements).await
    }

    /// As [`refused`](Self::refused), for any of these requirements.
    pub(super) async fn refused_for(&mut self, requirements: &[&'static str]) -> Played {
        let main = requirements[0];
        self.until(main, "the host to end the connection", |stage| {
            stage.actor()?.is_over().then_some(())
        })
        .await?;
        let actor = self.me();
        let lost = actor.referee.running().filter(|(_, accepted)| *accepted);
        let lost: Vec<_> = lost
            .filter_map(|(number, _)| Some(actor.jobs.get(&number)?.start.id.clone()))
            .collect();
        for key in lost
            .iter()
            .filter(|key| self.keys.contains(key))
            .cloned()
            .collect::<Vec<_>>()
        {
            self.is_lost(SECTION, &key).await?;
        }
        self.blamed_for(requirements).await
    }

    /// Section 9.2: the reason of a worker that has gone names the requirement that it broke.
    pub(super) async fn blamed_for(&mut self, requirements: &[&'static str]) -> Played {
        if self.setting.no_jobs.is_some() {
            return Ok(());
        }
        let expected = "the news that the worker has gone";
        let reason = self
            .until(SECTION, expected, |stage| stage.reason_of_actor())
            .await?;
        if requirements.iter().any(|id| names(&reason, id)) {
            return Ok(());
        }
        let expected = format!("a reason that names {}", requirements[0]);
        Err(Finding::new(SECTION, expected, reason).into())
    }

    /// Why the actor has gone, as the host says. The news has no name in it, but the program keeps one
    /// worker: the first that goes is the first that came.
    pub(super) fn reason_of_actor(&self) -> Option<String> {
        self.actor().filter(|actor| actor.is_over())?;
        self.news().find_map(|news| match news {
            WorkerIs::Gone { reason } => Some(reason.clone()),
            WorkerIs::Ready { .. } => None,
        })
    }

    /// The host must end the actor within this time and its bound.
    pub(super) async fn ended_within(
        &mut self,
        time: Duration,
        requirement: &'static str,
        expected: &str,
    ) -> Played {
        let bound = time + self.setting.timeout;
        self.within(bound, requirement, expected, |stage| {
            stage.actor()?.is_over().then_some(())
        })
        .await
    }

    /// The actor must not have been ended: a call is still answered.
    pub(super) async fn still_trusted(&mut self) -> Played {
        match self.call("echo", "are you there").await {
            Ok(_) => Ok(()),
            Err(Stop::Fail(finding)) => {
                let expected = "the host to go on with this worker";
                Err(Stop::Fail(Finding::new(self.main(), expected, finding.got)))
            }
            Err(other) => Err(other),
        }
    }

    /// A time that the host has announced in its request, as far as the kit waits for it.
    pub(super) fn announced(&self, field: fn(&InitializeRequest) -> u64) -> Duration {
        let requests = self
            .cast
            .iter()
            .filter_map(|worker| worker.referee.request());
        Duration::from_millis(requests.map(field).next().unwrap_or(0).min(60_000))
    }

    /// How often the host says that it pings.
    pub(super) fn ping_interval(&self) -> Duration {
        self.announced(|request| request.ping_interval_ms)
            .min(Duration::from_secs(1))
    }

    /// Whether the actor answers pings by itself.
    pub(super) fn pongs(&mut self, pongs: bool) {
        self.me().part = Part::Actor { pongs };
    }
}

/// Whether a text holds this id as a word of its own: GR-5.4-1 is not in GR-5.4-13.
fn names(text: &str, id: &str) -> bool {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'));
    words
        .map(|word| word.trim_matches(['.', '-']))
        .any(|word| word == id)
}

/// A worker may die before its connection ends.
fn killed() -> String {
    "its process was killed".into()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn an_id_is_found_as_a_word_and_not_within_another() {
        for text in [
            "GR-5.4-1",
            "broke GR-5.4-1.",
            "(GR-5.4-1)",
            "x: GR-5.4-1, y",
        ] {
            assert!(names(text, "GR-5.4-1"), "{text}");
        }
        for text in ["", "GR-5.4-13", "GR-5.4", "xGR-5.4-1", "GR-15.4-1"] {
            assert!(!names(text, "GR-5.4-1"), "{text}");
        }
    }
}
