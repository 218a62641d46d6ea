//! Whether a worker's response is one that a host can use.

use std::collections::HashSet;

use greenroom_protocol::InitializeResponse;

use crate::fault::Fault;
use crate::{Planted, Violation};

pub(crate) fn check_response(
    response: &InitializeResponse,
    planted: Planted,
) -> Result<(), Violation> {
    let mut seen = HashSet::new();
    let once = response
        .extensions
        .iter()
        .all(|one| seen.insert(one.number));
    let about = "an extension twice";
    demand(
        once,
        "GR-4.5-2",
        about,
        planted,
        Fault::AcceptsDoubledExtensions,
    )?;
    let strange = response.capabilities.0 > 1;
    let refuses = planted.is(Fault::RefusesUnknownCapabilities);
    ensure(!(strange && refuses), "GR-3.3-2", "a capability")?;
    let refuses = planted.is(Fault::RefusesUnknownExtensions);
    ensure(seen.is_empty() || !refuses, "GR-4.5-1", "an extension")?;
    if response.error.is_some() {
        return Ok(());
    }
    let version = response.protocol == 1;
    let about = "a version that was not offered";
    demand(
        version,
        "GR-4.2-1",
        about,
        planted,
        Fault::AcceptsAVersionOutOfRange,
    )?;
    let limits = response.limits.out_of_range().is_none();
    let about = "limits out of range";
    demand(
        limits,
        "GR-4.3-1",
        about,
        planted,
        Fault::AcceptsLimitsOutOfRange,
    )?;
    let slots = (1..=65_536).contains(&response.slots);
    let about = "slots out of range";
    demand(slots, "GR-4.3-1", about, planted, Fault::AcceptsNoSlots)
}

/// A rule that a fault does not mind.
pub(crate) fn demand(
    holds: bool,
    requirement: &'static str,
    detail: &str,
    planted: Planted,
    unless: Fault,
) -> Result<(), Violation> {
    let minds = !planted.is(unless) && !planted.is(Fault::ReadsOnAfterAViolation);
    ensure(holds || !minds, requirement, detail)
}

/// A rule.
pub(crate) fn ensure(
    holds: bool,
    requirement: &'static str,
    detail: &str,
) -> Result<(), Violation> {
    if holds {
        return Ok(());
    }
    Err(Violation {
        requirement,
        detail: detail.into(),
    })
}
