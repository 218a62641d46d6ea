//! Those who launch jobs. Each keeps its own tally and hands it over when it rests.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::deaths::Deaths;
use super::house::{self, House};
use super::perform::perform;
use super::task::Task;
use crate::args::Stage;
use crate::dice::Dice;
use crate::ledger::Tally;

/// Launches at a time in each house.
const HANDS: u64 = 5;
/// Jobs that must all succeed when everything is whole.
const PROBES: u64 = 5;
/// How long one waits who was refused.
const PAUSE: Duration = Duration::from_millis(20);

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Puppet,
    Rogue,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Puppet => "pool",
            Self::Rogue => "liars",
        }
    }

    fn task(self, dice: &mut Dice) -> Task {
        match self {
            Self::Puppet => Task::for_puppet(dice),
            Self::Rogue => Task::for_rogue(dice),
        }
    }
}

/// One who launches jobs in a house.
struct Hand {
    kind: Kind,
    house: House,
    dice: Dice,
    /// What the names of its witnesses begin with.
    witness: String,
    tally: Tally,
}

struct Place {
    kind: Kind,
    house: House,
    total: Tally,
    deaths: Option<Deaths>,
}

pub(super) struct Crew {
    seed: u64,
    directory: PathBuf,
    hands: u64,
    places: Vec<Place>,
    working: JoinSet<(Kind, Tally)>,
    reloads: JoinSet<()>,
    resting: watch::Sender<bool>,
}

impl Crew {
    pub(super) fn new(stage: &Stage) -> Self {
        Self {
            seed: stage.seed,
            directory: stage.directory.clone(),
            hands: 0,
            places: Vec::new(),
            working: JoinSet::new(),
            reloads: JoinSet::new(),
            resting: watch::Sender::new(false),
        }
    }

    pub(super) fn enter(&mut self, kind: Kind, house: House) {
        let deaths = match &house {
            House::Own(pool) => Some(Deaths::watch(pool.events())),
            // It is another pool after each restart.
            House::Unit(_) => None,
        };
        self.places.push(Place {
            kind,
            house,
            total: Tally::default(),
            deaths,
        });
    }

    /// Everybody begins.
    pub(super) fn go(&mut self) {
        self.resting.send_replace(false);
        for place in 0..self.places.len() {
            for _ in 0..HANDS {
                let hand = self.hand(place);
                self.working.spawn(hand.work(self.resting.subscribe()));
            }
        }
    }

    /// So many jobs, all at once: more than there are places in the queue.
    pub(super) fn flood(&mut self, jobs: u64) {
        for place in 0..self.places.len() {
            for _ in 0..jobs {
                let mut hand = self.hand(place);
                self.working.spawn(async move {
                    hand.launch().await;
                    (hand.kind, hand.tally)
                });
            }
        }
    }

    pub(super) fn reload(&mut self) {
        for place in &self.places {
            let House::Own(pool) = &place.house else {
                continue;
            };
            let pool = pool.clone();
            // It may fail for want of anything: then nothing has changed.
            self.reloads.spawn(async move {
                let reloaded = pool.reload(house::puppet()).await;
                tracing::info!(?reloaded, "the pool was reloaded");
            });
        }
    }

    /// Nobody begins anything; waits for what is under way and books it. Each launch is bounded.
    pub(super) async fn rest(&mut self) -> Vec<String> {
        self.resting.send_replace(true);
        let mut faults = Vec::new();
        while let Some(rested) = self.working.join_next().await {
            match rested {
                Ok((kind, tally)) => {
                    let places = self.places.iter_mut();
                    for place in places.filter(|place| place.kind == kind) {
                        place.total.add(tally.clone());
                    }
                }
                Err(error) => faults.push(format!("one who launches jobs has died: {error}")),
            }
        }
        faults
    }

    /// Waits until the pools are whole and do what they are for, and tells everything.
    pub(super) async fn whole(&mut self, limit: Duration) -> Vec<String> {
        let mut faults = Vec::new();
        let reloads = async { while self.reloads.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, reloads).await.is_err() {
            faults.push(format!("a reload has not ended after {limit:?}"));
        }
        for place in 0..self.places.len() {
            faults.extend(self.place_is_whole(place, limit).await);
        }
        faults
    }

    async fn place_is_whole(&mut self, number: usize, limit: Duration) -> Vec<String> {
        let mut faults = Vec::new();
        let house = self.places[number].house.clone();
        faults.extend(house.whole(limit).await.err());
        let mut probes = self.hand(number);
        for _ in 0..PROBES {
            probes.probe().await;
        }
        if probes.tally.as_asked != PROBES {
            faults.push(format!(
                "a whole pool does not work: {}, {:?}",
                probes.tally, probes.tally.last_loss
            ));
        }
        let stats = house.whole(limit).await;
        let place = &mut self.places[number];
        place.total.add(probes.tally);
        let total = &mut place.total;
        faults.append(&mut total.faults);
        if !total.adds_up() {
            faults.push(format!("launches and ends do not add up: {total}"));
        }
        println!("tally {} {total}", place.kind.name());
        match stats {
            Ok(stats) => {
                if let Some(deaths) = &place.deaths {
                    let told = deaths.tell().await;
                    faults.extend(told.against(total, &stats));
                    println!("deaths {told}");
                    for pid in &told.silent {
                        println!("silent {pid}");
                    }
                }
            }
            Err(fault) => faults.push(fault),
        }
        faults
    }

    fn hand(&mut self, place: usize) -> Hand {
        self.hands += 1;
        let Place { kind, house, .. } = &self.places[place];
        let witness = self.directory.join(format!("witness-{}", self.hands));
        Hand {
            kind: *kind,
            house: house.clone(),
            dice: Dice::of(self.seed, self.hands),
            witness: witness.display().to_string(),
            tally: Tally::default(),
        }
    }
}

impl Hand {
    async fn work(mut self, resting: watch::Receiver<bool>) -> (Kind, Tally) {
        while !*resting.borrow() {
            if !self.launch().await {
                tokio::time::sleep(PAUSE).await;
            }
        }
        (self.kind, self.tally)
    }

    /// False if it was refused.
    async fn launch(&mut self) -> bool {
        let mut task = self.kind.task(&mut self.dice);
        if self.kind == Kind::Puppet && self.dice.once_in(4) {
            let file = format!("{}-{}", self.witness, self.tally.asked);
            task = task.witnessed(file);
        }
        self.perform(task).await
    }

    async fn probe(&mut self) {
        let task = Task::short_echo(&mut self.dice);
        self.perform(task).await;
    }

    async fn perform(&mut self, task: Task) -> bool {
        let Some(pool) = self.house.pool().await else {
            return false;
        };
        perform(&pool, task, &mut self.tally).await
    }
}
