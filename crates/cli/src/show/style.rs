//! Colours, on terminals only. `console` decides: it honours `NO_COLOR` and `CLICOLOR_FORCE`.

use std::hash::{DefaultHasher, Hash, Hasher};

use console::Style;

/// For what an event says, or a state is.
pub(crate) fn of_state(state: &str, healthy: bool) -> Style {
    match state {
        "failed" | "exited" | "group_gave_up" | "unkillable" | "blocked" => Style::new().red(),
        "backoff" | "restart_scheduled" | "check_failed" | "silent" | "memory_high"
        | "restarted_with" => Style::new().yellow(),
        "stopped" | "stopping" | "shutting_down" | "completed" => Style::new().dim(),
        "ready" | "check_recovered" if healthy => Style::new().green(),
        "ready" => Style::new().yellow(),
        _ => Style::new(),
    }
}

/// The same for the same unit each time.
pub(crate) fn of_unit(name: &str) -> Style {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    // The colours that can be read on black and on white.
    match hasher.finish() % 6 {
        0 => Style::new().cyan(),
        1 => Style::new().magenta(),
        2 => Style::new().blue(),
        3 => Style::new().cyan().bold(),
        4 => Style::new().magenta().bold(),
        _ => Style::new().blue().bold(),
    }
}
