//! Owns the configuration, and brings about what a new one says.
//!
//! Nothing is touched before the new file is known to be usable as a whole. Then units are changed
//! in two passes: first those that change are stopped and let go of each other, then they get their
//! new dependencies. So no order of edits can be in its own way.
//!
//! A file is compared with what runs, not with the file before: what was not brought about is tried
//! again by the next reload, and what only a new start brings about is said by each.

use std::collections::BTreeSet;

use greenroom::Supervisor;
use greenroom::supervisor::UnitError;
use greenroom::unit::UnitState;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::host::{Host, ReloadError, ReloadOrder, Reloaded};
use super::narrator::Report;
use super::plan::{find, plan};
use super::service::{Say, ServiceManager};
use crate::config::{Config, Described, Entry};
use crate::view::PlanView;

/// What runs, and the file that says what should.
pub(super) struct Reloader {
    supervisor: Supervisor,
    /// The settings and groups of the start, with the units as they are now.
    running: Config,
    /// Units that are to run, and could not be changed so far.
    unstarted: BTreeSet<String>,
    service: ServiceManager,
    /// Of orders that were carried out or refused, for the one who prints.
    reports: mpsc::Sender<Report>,
}

/// What has become of a reload, unit by unit.
#[derive(Default)]
struct Applied {
    troubles: Vec<String>,
    /// Those that are not as the new file says, nor surely as they were.
    failed: BTreeSet<String>,
    removed: BTreeSet<String>,
}

impl Applied {
    /// Notes what a step has come to; false if it has failed.
    fn note(&mut self, result: Result<(), UnitError>) -> bool {
        let Err(error) = result else { return true };
        self.troubles.push(error.to_string());
        false
    }

    /// As [`note`](Self::note), of a step without which the unit is not as the new file says.
    fn change(&mut self, unit: &str, result: Result<(), UnitError>) -> bool {
        let done = self.note(result);
        if !done {
            self.failed.insert(unit.to_owned());
        }
        done
    }
}

impl Reloader {
    /// `running` is what was started.
    pub(super) fn new(
        host: &Host,
        running: Config,
        service: ServiceManager,
        reports: mpsc::Sender<Report>,
    ) -> Self {
        Self {
            supervisor: host.supervisor.clone(),
            running,
            unstarted: BTreeSet::new(),
            service,
            reports,
        }
    }

    /// Carries out orders, one after the other.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<ReloadOrder>) {
        while let Some(order) = orders.recv().await {
            let result = self.obey(&order).await;
            let report = match &result {
                Ok(reloaded) => report(&order, reloaded),
                Err(error) => Report::wanted(format!("{} changed nothing: {error}", order.by)),
            };
            // The printer ends last, and the client may be gone.
            let _ = self.reports.send(report).await;
            let _ = order.reply.send(result);
        }
    }

    async fn obey(&mut self, order: &ReloadOrder) -> Result<Reloaded, ReloadError> {
        if order.dry_run {
            let (plan, _) = self.read()?;
            let troubles = Vec::new();
            return Ok(Reloaded { plan, troubles });
        }
        self.service.say(Say::Reloading);
        let result = self.reload(&order.by).await;
        self.service.say(Say::Reloaded);
        result
    }

    /// What the file says now, if it can be brought about, and what that needs.
    fn read(&self) -> Result<(PlanView, Config), ReloadError> {
        let new = Config::read(self.running.path())?;
        // Whether the units fit together is known by making a supervisor of them; it starts nothing.
        drop(new.supervisor()?);
        Ok((plan(&self.running, &new)?, new))
    }

    async fn reload(&mut self, by: &str) -> Result<Reloaded, ReloadError> {
        let (plan, new) = self.read()?;
        let to_start = self.to_start(&plan, &new).await;
        let applied = self.apply(&plan, &new, &to_start, by).await;
        self.unstarted = to_start.intersection(&applied.failed).cloned().collect();
        self.running.units = self.now_running(new, &applied);
        let troubles = applied.troubles;
        Ok(Reloaded { plan, troubles })
    }

    /// The units as they are now: as the file says, but for those that could not be changed. Of these
    /// nothing is the same as in any file, so that the next reload tries again.
    fn now_running(&self, new: Config, applied: &Applied) -> Vec<Entry<Described>> {
        let old = |name: &str| {
            let entry = find(&self.running, name).filter(|_| !applied.removed.contains(name))?;
            let mut entry = entry.clone();
            entry.fingerprints.clear();
            Some(entry)
        };
        let stayed = self.running.units.iter().map(|unit| &unit.name);
        let stayed = stayed.filter(|name| find(&new, name).is_none());
        let mut units: Vec<_> = stayed.filter_map(|name| old(name)).collect();
        units.extend(new.units.into_iter().filter_map(|unit| {
            match applied.failed.contains(&unit.name) {
                true => old(&unit.name),
                false => Some(unit),
            }
        }));
        units
    }

    async fn apply(
        &self,
        plan: &PlanView,
        new: &Config,
        to_start: &BTreeSet<String>,
        by: &str,
    ) -> Applied {
        let mut applied = Applied::default();
        let changed: Vec<_> = plan.changed.iter().map(|change| &change.unit).collect();

        let leaving = plan.removed.iter().chain(changed.iter().copied());
        let leaving = leaving.filter_map(|name| find(&self.running, name));
        for level in levels(leaving.collect(), Dependents::First) {
            let stop = |supervisor: Supervisor, name: String| {
                let by = by.to_owned();
                async move { supervisor.stop_unit(&name, by).await.map(drop) }
            };
            for result in self.all(level, stop).await {
                // One that is still there can be neither replaced nor removed, which is noted then.
                applied.note(result);
            }
        }
        for unit in (plan.removed.iter()).filter_map(|name| find(&self.running, name)) {
            applied.note(self.supervisor.replace_unit(unit.value.bare.clone()).await);
        }
        for unit in changed.iter().filter_map(|name| find(new, name)) {
            let replaced = self.supervisor.replace_unit(unit.value.bare.clone()).await;
            applied.change(&unit.name, replaced);
        }
        for name in &plan.removed {
            if applied.change(name, self.supervisor.remove_unit(name).await) {
                applied.removed.insert(name.clone());
            }
        }
        for unit in plan.added.iter().filter_map(|name| find(new, name)) {
            let added = self.supervisor.add_unit(unit.value.bare.clone()).await;
            applied.change(&unit.name, added);
        }
        let arriving = plan.added.iter().chain(changed);
        for unit in arriving.filter_map(|name| find(new, name)) {
            if unit.value.after().next().is_some() && !applied.failed.contains(&unit.name) {
                let replaced = self.supervisor.replace_unit(unit.value.unit()).await;
                applied.change(&unit.name, replaced);
            }
        }

        let starting = to_start.iter().filter_map(|name| find(new, name));
        let starting = starting.filter(|unit| !applied.failed.contains(&unit.name));
        for level in levels(starting.collect(), Dependents::Last) {
            let start = |supervisor: Supervisor, name: String| async move {
                supervisor.start_unit(&name).await.map(drop)
            };
            for result in self.all(level, start).await {
                applied.note(result);
            }
        }
        applied
    }

    /// The units that are to run afterwards: what is new, and what changes and ran.
    async fn to_start(&self, plan: &PlanView, new: &Config) -> BTreeSet<String> {
        let added = plan.added.iter();
        let added = added.filter(|name| find(new, name).is_some_and(|unit| unit.value.autostart));
        let mut names: BTreeSet<_> = added.cloned().collect();
        for change in &plan.changed {
            let status = self.supervisor.status(&change.unit).await;
            if self.unstarted.contains(&change.unit)
                || status.is_ok_and(|status| status.state != UnitState::Stopped)
            {
                names.insert(change.unit.clone());
            }
        }
        names
    }

    /// Does the same to some units at once.
    async fn all<F>(
        &self,
        names: Vec<String>,
        what: impl Fn(Supervisor, String) -> F,
    ) -> Vec<Result<(), UnitError>>
    where
        F: Future<Output = Result<(), UnitError>> + Send + 'static,
    {
        let each = |name| what(self.supervisor.clone(), name);
        let all: JoinSet<_> = names.into_iter().map(each).collect();
        all.join_all().await
    }
}

/// In which order.
#[derive(Clone, Copy, PartialEq)]
enum Dependents {
    First,
    Last,
}

/// Units in such an order that each level can be treated at once.
fn levels(mut units: Vec<&Entry<Described>>, order: Dependents) -> Vec<Vec<String>> {
    let mut levels = Vec::new();
    while !units.is_empty() {
        let blocked = |unit: &Entry<Described>| match order {
            Dependents::First => {
                let holds =
                    |other: &&&Entry<Described>| other.value.after().any(|on| on == unit.name);
                units.iter().any(|other| holds(&other))
            }
            Dependents::Last => {
                let mut after = unit.value.after();
                after.any(|on| units.iter().any(|other| other.name == on))
            }
        };
        let (later, now): (Vec<&Entry<_>>, Vec<&Entry<_>>) =
            units.iter().partition(|unit| blocked(unit));
        // A file with a circle is refused before; were it not, this must end all the same.
        let (later, now) = if now.is_empty() {
            (now, later)
        } else {
            (later, now)
        };
        levels.push(now.into_iter().map(|unit| unit.name.clone()).collect());
        units = later;
    }
    levels
}

fn report(order: &ReloadOrder, reloaded: &Reloaded) -> Report {
    let done = if order.dry_run {
        "would change"
    } else {
        "changed"
    };
    let mut text = format!("{} {done}:\n{}", order.by, reloaded.plan);
    for trouble in &reloaded.troubles {
        text += &format!("\n  {trouble}");
    }
    if reloaded.troubles.is_empty() {
        Report::news(text)
    } else {
        Report::wanted(text)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(Path::new("/greenroom.toml"), text.into()).unwrap()
    }

    #[tokio::test]
    async fn what_was_not_brought_about_is_tried_again() {
        const OLD: &str = "[daemon.a]\ncommand = [\"old\"]\n[daemon.b]\ncommand = [\"x\"]\n\
                           [daemon.c]\ncommand = [\"x\"]\n";
        const NEW: &str = "[daemon.a]\ncommand = [\"new\"]\n[daemon.b]\ncommand = [\"x\"]\n\
                           [daemon.d]\ncommand = [\"x\"]\n";
        let mut reloader = Reloader {
            supervisor: Supervisor::builder().build().unwrap(),
            running: config(OLD),
            unstarted: BTreeSet::new(),
            service: ServiceManager::start().unwrap(),
            reports: mpsc::channel(1).0,
        };
        let first = plan(&reloader.running, &config(NEW)).unwrap();
        let failed = ["a", "c", "d"].map(str::to_owned).into();
        let applied = Applied {
            failed,
            ..Applied::default()
        };
        reloader.running.units = reloader.now_running(config(NEW), &applied);
        let again = plan(&reloader.running, &config(NEW)).unwrap();
        assert_eq!(again, first);
        // Nor is it taken for what it was.
        let back = plan(&reloader.running, &config(OLD)).unwrap();
        let changed: Vec<_> = back.changed.iter().map(|change| &*change.unit).collect();
        assert_eq!(changed, ["a", "c"]);
    }
}
