//! Whatever a worker does wrong at whatever point of its life: it ends for a reason that is true and
//! typed, its pool is whole again, and nothing is left of it.
//!
//! # Theory of operation
//!
//! `table.rs` says what must come of each fault at each point; the lists of both, in `cell.rs`, are
//! shared with the program that commits them, `faulty`. `stage.rs` plays a cell in a pool of two
//! workers: one is faulty, and neither the other one nor its job may be hurt. Then two jobs go well,
//! and the pool is as it was.
//!
//! First each cell has a pool of its own, and three rows at a time are played at once. When the pools
//! are closed the host must hold what it held before (`held.rs`). Then a single pool lives through
//! all cells that need no limit of time to run out, again and again, and must not grow.
//!
//! All of this is one test in a process of its own, so that nobody else's descriptors are counted.

#[path = "../../src/bin/faulty/cell.rs"]
mod cell;
mod held;
mod stage;
mod table;

use cell::{Cell, Fault, Point};
use held::Held;
use stage::{Stage, WORKERS};
use tokio::task::JoinError;

/// How many rows are played at once: 39 pools with 4 descriptors for each worker, below the usual limit
/// of 1,024.
const ROWS: usize = 3;
/// How often one pool lives through its cells while it must not grow. That is 450 faulty workers: what
/// each of them could leave without being found out is 36 bytes.
const LIVES: usize = 5;
/// The tasks of a pool: its own, and one for each worker.
const TASKS: usize = 1 + WORKERS;

#[tokio::test]
async fn every_fault_at_every_point_ends_as_the_table_says_and_leaves_nothing() {
    // The first ends start the threads and fill the stores that all later ones use.
    let mut failures = play_at_once(|cell| cell.fault == Fault::Exit1).await;
    let before = Held::with_tasks(0).await;
    let before = before.expect("no task is left by the first ends");
    for rows in Point::ALL.chunks(ROWS) {
        failures.extend(play_at_once(|cell| rows.contains(&cell.point)).await);
        if let Some(now) = before.more_by_now().await {
            failures.push(format!("left over by {rows:?}: {before:?}, then {now:?}"));
        }
    }
    failures.extend(play_in_one_pool().await.err());
    let failed = failures.join("\n");
    assert!(failures.is_empty(), "what has failed:\n{failed}");
}

/// Plays some cells at the same time, each in a pool of its own; the failures.
async fn play_at_once(some: impl Fn(&Cell) -> bool) -> Vec<String> {
    let plays = Cell::all().filter(some).map(|cell| {
        let play = async move {
            let mut stage = Stage::new();
            stage.play(cell).await;
            stage.close().await;
        };
        (cell, tokio::spawn(play))
    });
    let plays: Vec<_> = plays.collect();
    let mut failures = Vec::new();
    for (cell, play) in plays {
        failures.extend(play.await.err().map(|error| failure(cell, &error)));
    }
    failures
}

/// Plays all quick cells in one pool, [`LIVES`] times and once before that.
async fn play_in_one_pool() -> Result<(), String> {
    let mut stage = play_one_after_the_other(Stage::new()).await?;
    let before = Held::with_tasks(TASKS).await;
    let before = before.map_err(|held| format!("more than {TASKS} tasks: {held:?}"))?;
    for _ in 0..LIVES {
        stage = play_one_after_the_other(stage).await?;
    }
    let more = before.more_by_now().await;
    stage.close().await;
    match more {
        Some(now) => Err(format!("a pool has grown: {before:?}, then {now:?}")),
        None => Ok(()),
    }
}

async fn play_one_after_the_other(mut stage: Stage) -> Result<Stage, String> {
    for cell in Cell::all().filter(|cell| cell.is_quick()) {
        let play = tokio::spawn(async move {
            stage.play(cell).await;
            stage
        });
        let played = play.await;
        let failure = |error| format!("in a pool that lives on, {}", failure(cell, &error));
        stage = played.map_err(failure)?;
    }
    Ok(stage)
}

fn failure(cell: Cell, error: &JoinError) -> String {
    format!("{cell}, expected {:?}: {error}", cell.end())
}
