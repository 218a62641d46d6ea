//! What an `InitializeResponse` may say (section 4).

use std::collections::HashSet;

use greenroom_protocol::{Extension, InitializeRequest, InitializeResponse, Limits, WorkerMessage};

use crate::case::Finding;

/// The rule that it breaks, if it does. The request is the one that it answers.
pub(super) fn judge(
    request: Option<&InitializeRequest>,
    response: &InitializeResponse,
) -> Result<(), Finding> {
    let message = words_of(response);
    let Some(request) = request else {
        let expected = "InitializeResponse only when the preparation is over";
        return Err(Finding::new(
            "GR-4.1-4",
            expected,
            format!("{message} before any InitializeRequest"),
        ));
    };
    unique(&response.extensions)?;
    if response.error.is_none() {
        let range = request.protocol_min..=request.protocol_max;
        if !range.contains(&response.protocol) {
            let expected = format!("a version of {} to {}", range.start(), range.end());
            return Err(Finding::new("GR-4.2-1", expected, message));
        }
        in_range(&response.limits)?;
        if !(1..=65_536).contains(&response.slots) {
            let got = format!("{} slots", response.slots);
            return Err(Finding::new("GR-4.3-1", "1 to 65,536 slots", got));
        }
    }
    Ok(())
}

fn in_range(limits: &Limits) -> Result<(), Finding> {
    if !(65_536..=16_777_216).contains(&limits.max_frame) {
        let got = limits.max_frame.to_string();
        let expected = "max_frame of 65,536 to 16,777,216";
        return Err(Finding::new("GR-4.3-1", expected, got));
    }
    if limits.output_window < 65_536 {
        let got = limits.output_window.to_string();
        return Err(Finding::new(
            "GR-4.3-1",
            "output_window of at least 65,536",
            got,
        ));
    }
    Ok(())
}

fn unique(extensions: &[Extension]) -> Result<(), Finding> {
    let mut seen = HashSet::new();
    match extensions.iter().find(|one| !seen.insert(one.number)) {
        None => Ok(()),
        Some(twice) => Err(Finding::new(
            "GR-4.5-2",
            "each extension number once",
            format!("{} twice", twice.number),
        )),
    }
}

fn words_of(response: &InitializeResponse) -> String {
    crate::words::worker(&WorkerMessage::InitializeResponse(response.clone()))
}
