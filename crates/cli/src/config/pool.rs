//! `[pool.NAME]`: worker processes kept warm.

use std::path::Path;

use greenroom::{Pool, Unit, Worker};

use super::command::Program;
use super::table::Table;
use super::unit::Described;
use super::value::Value;
use super::{size, time, unit};

pub(super) fn read(name: &str, mut table: Table<'_>, base: &Path) -> Option<Described> {
    let program = Program::read(&mut table, "worker", base);
    // Even without a program the rest is read, so that its mistakes are found.
    let worker = program
        .as_ref()
        .map_or_else(|| Worker::command(""), Program::worker);
    let arguments = table.take_secret("user_arguments").and_then(Value::text);
    let filter = table.take("log_filter").and_then(Value::text);
    let worker = match arguments {
        Some(arguments) => worker.user_arguments(arguments),
        None => worker,
    };
    let mut pool = Pool::builder(match filter {
        Some(filter) => worker.log_filter(filter),
        None => worker,
    });
    if let Some(idle) = count(&mut table, "idle", 0) {
        pool = pool.idle(idle);
    }
    if let Some(max) = count(&mut table, "max_workers", 1) {
        pool = pool.max_workers(max);
    }
    if let Some(jobs) = table.take("jobs_per_worker").and_then(jobs) {
        pool = pool.jobs_per_worker(jobs);
    }
    if let Some(concurrency) = count(&mut table, "init_concurrency", 1) {
        pool = pool.init_concurrency(concurrency);
    }
    if let Some(limit) = time(&mut table, "initialize_timeout") {
        pool = pool.initialize_timeout(limit);
    }
    if let Some(limit) = time(&mut table, "close_timeout") {
        pool = pool.close_timeout(limit);
    }
    if let Some(interval) = time(&mut table, "ping_interval") {
        pool = pool.ping_interval(interval);
    }
    if let Some(limit) = time(&mut table, "ping_timeout") {
        pool = pool.ping_timeout(limit);
    }
    if let Some(bytes) = size(&mut table, "memory_warn") {
        pool = pool.memory_warn(bytes);
    }
    if let Some(bytes) = size(&mut table, "memory_limit") {
        pool = pool.memory_limit(bytes);
    }
    let unit = unit::read(&mut table, Unit::new(name, pool), base);
    table.finish();
    program.map(|_| unit)
}

fn count(table: &mut Table<'_>, key: &'static str, least: i64) -> Option<usize> {
    let number = table.take(key)?.number(least..=100_000)?;
    usize::try_from(number).ok()
}

/// A number, or `"none"` for no limit.
fn jobs(value: Value<'_>) -> Option<Option<u64>> {
    if value.is_text() {
        return value.choice(&[("none", None)]);
    }
    let number = value.number(1..=i64::MAX)?;
    Some(u64::try_from(number).ok())
}
