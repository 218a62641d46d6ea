//! `greenroom completions`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap_complete::Shell;

use crate::exit::Exit;
use crate::printer::say;

/// Prints a script that completes the command line in a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// For which shell
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  greenroom completions bash > /etc/bash_completion.d/greenroom
  greenroom completions zsh > ~/.zfunc/_greenroom
  greenroom completions fish > ~/.config/fish/completions/greenroom.fish";

pub(crate) fn run(args: &Args, command: &mut clap::Command) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "greenroom", &mut script);
    script.extend_from_slice(units(args.shell).as_bytes());
    match io::stdout().write_all(&script) {
        Ok(()) => Exit::Success.into(),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::OutputClosed.into(),
        Err(error) => {
            say(format_args!("greenroom: standard output: {error}"));
            Exit::Output.into()
        }
    }
}

/// What completes the names of units: they are asked of the supervisor of the current directory.
fn units(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => BASH_UNITS,
        Shell::Fish => FISH_UNITS,
        _ => "",
    }
}

const BASH_UNITS: &str = r#"
_greenroom_units() {
    _greenroom "$@"
    case "${COMP_WORDS[1]}" in
        status|logs|why|start|stop|restart|signal|scale)
            local units
            units=$(greenroom status 2>/dev/null | awk 'NR > 1 { print $1 }')
            COMPREPLY+=($(compgen -W "$units" -- "${COMP_WORDS[COMP_CWORD]}"))
            ;;
    esac
}
complete -F _greenroom_units -o bashdefault -o default greenroom
"#;

const FISH_UNITS: &str = r#"
complete -c greenroom -n '__fish_seen_subcommand_from status logs why start stop restart signal scale' -f -a "(greenroom status 2>/dev/null | awk 'NR > 1 { print \$1 }')"
"#;
