//! How the program ends: the exit codes, the same for all subcommands.

use std::process::ExitCode;

/// How a subcommand went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Success,
    /// Something that was asked for was done and did not succeed.
    Failed,
    /// The command line cannot be used. clap ends with the same code.
    Usage,
    /// Input cannot be read.
    Input,
    /// No worker can be started.
    Unavailable,
    /// The system refuses what any program may have: threads, signal handlers.
    System,
    /// The journal cannot be used.
    Journal,
    /// Results cannot be written.
    Output,
    /// Another supervisor has the control socket.
    AlreadyRunning,
    /// This user may not.
    NotPermitted,
    /// The configuration cannot be used.
    Config,
    /// Ctrl-C.
    Interrupted,
    /// Whoever read the results has closed the pipe.
    OutputClosed,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    const ALL: [Self; 14] = [
        Self::Success,
        Self::Failed,
        Self::Usage,
        Self::Input,
        Self::Unavailable,
        Self::System,
        Self::Journal,
        Self::Output,
        Self::AlreadyRunning,
        Self::NotPermitted,
        Self::Config,
        Self::Interrupted,
        Self::OutputClosed,
        Self::Terminated,
    ];

    /// The code. Those from 64 on follow sysexits(3), those above 128 the shell: 128 and the signal.
    fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Input => 66,
            Self::Unavailable => 69,
            Self::System => 71,
            Self::Journal => 73,
            Self::Output => 74,
            Self::AlreadyRunning => 75,
            Self::NotPermitted => 77,
            Self::Config => 78,
            Self::Interrupted => 130,
            Self::OutputClosed => 141,
            Self::Terminated => 143,
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::Success => "everything succeeded",
            Self::Failed => {
                "the answer is no: something failed or is not well, the output says what"
            }
            Self::Usage => "the command line cannot be used",
            Self::Input => "the input or the configuration cannot be read",
            Self::Unavailable => {
                "no worker can be started, nor the program to be tested; no supervisor answers"
            }
            Self::System => "the system refused a thread, a signal handler or the like",
            Self::Journal => "the journal cannot be used, or belongs to other work",
            Self::Output => "the output cannot be written, for example because the disk is full",
            Self::AlreadyRunning => "greenroom up runs already",
            Self::NotPermitted => "this user may not do that",
            Self::Config => "the configuration cannot be used",
            Self::Interrupted => "ended by Ctrl-C (SIGINT)",
            Self::OutputClosed => "whoever read the output has closed it, as `head` does",
            Self::Terminated => "ended by SIGTERM",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The end of a long help: what is special to it, then all exit codes.
pub(crate) fn in_help(special: &str) -> String {
    let mut text = format!("{special}\n\nExit codes:");
    for exit in Exit::ALL {
        text += &format!("\n  {:>3}  {}", exit.code(), exit.meaning());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_meaning_and_they_are_listed_in_order() {
        let codes = Exit::ALL.map(Exit::code);
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    }
}
