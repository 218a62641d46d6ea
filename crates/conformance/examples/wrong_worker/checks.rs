//! What its host may have done wrong.

use std::collections::HashSet;
use std::process::exit;

use greenroom_protocol::InitializeRequest;

use crate::Planted;
use crate::fault::Fault;

/// Ends the process for a violation, unless the fault is not to mind it.
pub(crate) fn demand(holds: bool, planted: Planted, unless: Fault) {
    if !holds && !planted.is(unless) && !planted.is(Fault::GoesOnAfterAViolation) {
        exit(1);
    }
}

/// The first message of its host.
pub(crate) fn check_request(request: &InitializeRequest, planted: Planted) {
    let in_range = request.limits.out_of_range().is_none();
    demand(in_range, planted, Fault::AcceptsLimitsOutOfRange);
    let mut seen = HashSet::new();
    let once = request.extensions.iter().all(|one| seen.insert(one.number));
    demand(once, planted, Fault::AcceptsDoubledExtensions);
    let unknown = request.capabilities.0 > 1;
    if unknown && planted.is(Fault::RefusesUnknownCapabilities) {
        exit(1);
    }
    if !seen.is_empty() && planted.is(Fault::RefusesUnknownExtensions) {
        exit(1);
    }
}
