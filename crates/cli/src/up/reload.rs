//! Owns the configuration, and brings about what a new one says.
//!
//! Nothing is touched before the new file is known to be usable as a whole. Then units are changed
//! in two passes: first those that change are stopped and let go of each other, then they get their
//! new dependencies. So no order of edits can be in its own way.

use std::collections::BTreeSet;

use greenroom::Supervisor;
use greenroom::supervisor::UnitError;
use greenroom::unit::UnitState;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::host::{ReloadError, ReloadOrder, Reloaded};
use super::plan::{find, plan};
use crate::config::{Config, Described, Entry};
use crate::view::PlanView;

/// What runs, and the file that says what should.
pub(super) struct Reloader {
    pub(super) supervisor: Supervisor,
    pub(super) config: Config,
    /// Of orders that were carried out or refused, for the one who prints.
    pub(super) reports: mpsc::Sender<String>,
}

impl Reloader {
    /// Carries out orders, one after the other.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<ReloadOrder>) {
        while let Some(order) = orders.recv().await {
            let result = self.obey(&order).await;
            let report = match &result {
                Ok(reloaded) => report(&order, reloaded),
                Err(error) => format!("{} changed nothing: {error}", order.by),
            };
            // The printer ends last, and the client may be gone.
            let _ = self.reports.send(report).await;
            let _ = order.reply.send(result);
        }
    }

    async fn obey(&mut self, order: &ReloadOrder) -> Result<Reloaded, ReloadError> {
        let new = Config::read(self.config.path())?;
        // Whether the units fit together is known by making a supervisor of them; it starts nothing.
        drop(new.supervisor()?);
        let plan = plan(&self.config, &new)?;
        let mut troubles = Vec::new();
        if !order.dry_run {
            self.apply(&plan, &new, &order.by, &mut troubles).await;
            self.config = new;
        }
        Ok(Reloaded { plan, troubles })
    }

    async fn apply(&self, plan: &PlanView, new: &Config, by: &str, troubles: &mut Vec<String>) {
        let mut note = |result: Result<(), UnitError>| {
            if let Err(error) = result {
                troubles.push(error.to_string());
            }
        };
        let changed: Vec<_> = plan.changed.iter().map(|change| &change.unit).collect();
        let to_start = self.to_start(plan, new).await;

        let leaving = plan.removed.iter().chain(changed.iter().copied());
        let leaving = leaving.filter_map(|name| find(&self.config, name));
        for level in levels(leaving.collect(), Dependents::First) {
            let stop = |supervisor: Supervisor, name: String| {
                let by = by.to_owned();
                async move { supervisor.stop_unit(&name, by).await.map(drop) }
            };
            self.all(level, stop).await.into_iter().for_each(&mut note);
        }
        for name in &plan.removed {
            if let Some(unit) = find(&self.config, name) {
                note(self.supervisor.replace_unit(unit.value.bare.clone()).await);
            }
        }
        for unit in changed.iter().filter_map(|name| find(new, name)) {
            note(self.supervisor.replace_unit(unit.value.bare.clone()).await);
        }
        for name in &plan.removed {
            note(self.supervisor.remove_unit(name).await);
        }
        for unit in plan.added.iter().filter_map(|name| find(new, name)) {
            note(self.supervisor.add_unit(unit.value.bare.clone()).await);
        }
        let arriving = plan.added.iter().chain(changed);
        for unit in arriving.filter_map(|name| find(new, name)) {
            if unit.value.after().next().is_some() {
                note(self.supervisor.replace_unit(unit.value.unit()).await);
            }
        }

        let starting = to_start.iter().filter_map(|name| find(new, name));
        for level in levels(starting.collect(), Dependents::Last) {
            let start = |supervisor: Supervisor, name: String| async move {
                supervisor.start_unit(&name).await.map(drop)
            };
            self.all(level, start).await.into_iter().for_each(&mut note);
        }
    }

    /// The units that are to run afterwards: what is new, and what changes and ran.
    async fn to_start(&self, plan: &PlanView, new: &Config) -> BTreeSet<String> {
        let added = plan.added.iter();
        let added = added.filter(|name| find(new, name).is_some_and(|unit| unit.value.autostart));
        let mut names: BTreeSet<_> = added.cloned().collect();
        for change in &plan.changed {
            let status = self.supervisor.status(&change.unit).await;
            if status.is_ok_and(|status| status.state != UnitState::Stopped) {
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

fn report(order: &ReloadOrder, reloaded: &Reloaded) -> String {
    let done = if order.dry_run {
        "would change"
    } else {
        "changed"
    };
    let mut text = format!("{} {done}:\n{}", order.by, reloaded.plan);
    for trouble in &reloaded.troubles {
        text += &format!("\n  {trouble}");
    }
    text
}
