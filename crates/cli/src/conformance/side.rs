//! The two catalogues of the kit behind one face.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use greenroom_conformance::report::Side;
use greenroom_conformance::{Case, CaseResult, Options, host, worker};

use super::problem::Problem;

/// The program under test.
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<OsString>,
}

pub(super) fn catalogue(side: Side) -> Vec<Case> {
    match side {
        Side::Worker => worker::catalogue(),
        Side::Host => host::catalogue(),
    }
}

/// Runs those cases that `chosen` takes. Not cancel-safe in that results are lost; no process
/// survives it.
pub(super) async fn run(
    side: Side,
    program: &Program,
    options: Options,
    chosen: impl Fn(&Case) -> bool,
    tell: impl FnMut(&CaseResult),
) -> Result<Vec<CaseResult>, Problem> {
    let (path, arguments) = (program.path.clone(), program.arguments.clone());
    match side {
        Side::Worker => {
            let program = worker::Program { path, arguments };
            Ok(worker::run(&program, options, chosen, tell).await?)
        }
        Side::Host => {
            let itself = env::current_exe()?;
            let body = vec![itself.into(), "conformance".into(), "body".into()];
            let program = host::Program {
                path,
                arguments,
                body,
            };
            Ok(host::run(&program, options, chosen, tell).await?)
        }
    }
}
