//! What handles want of a supervisor's task.

use std::io;

use greenroom_supervision::supervisor::Ending;
use tokio::sync::{mpsc, oneshot};

use super::UnitError;
use super::draft::Draft;
use crate::pool::Pool;
use crate::unit::Unit;
use crate::unit::run::Write;

/// Where the answer goes. Who has asked may have gone.
pub(super) type Reply<T> = oneshot::Sender<T>;

/// How a wait for units has ended: those that one waited for, or those that are in the way.
pub(super) type Waited = Result<Vec<Draft>, Vec<Draft>>;

pub(super) enum Command {
    Start(Reply<Waited>),
    Stop(String, Reply<Ending>),
    Kill(String, Reply<Ending>),
    Names(Reply<Vec<String>>),
    Describe(Option<String>, Reply<Result<Vec<Draft>, UnitError>>),
    Health(Reply<Vec<(String, String)>>),
    Add(Box<Unit>, Reply<Result<(), UnitError>>),
    Remove(String, Reply<Result<(), UnitError>>),
    Replace(Box<Unit>, Reply<Result<(), UnitError>>),
    StartUnit(String, Reply<Result<Waited, UnitError>>),
    StopUnit(String, String, Reply<Result<Waited, UnitError>>),
    RestartUnit(String, String, Reply<Result<Waited, UnitError>>),
    Signal(
        String,
        i32,
        Reply<Result<oneshot::Receiver<io::Result<()>>, UnitError>>,
    ),
    Stdin(String, Reply<Result<mpsc::Sender<Write>, UnitError>>),
    Pool(String, Reply<Result<oneshot::Receiver<Pool>, UnitError>>),
}
