//! What the author of a worker writes, and what may come out of it.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use crate::{Failure, JobContext, ShutdownReason, Start, boot};

/// What a worker does.
///
/// Every `async` function or closure from a [`JobContext`] to something that is [`IntoOutput`] is
/// one. Write the implementation yourself to prepare something before the first job:
///
/// ```no_run
/// use bytes::Bytes;
/// use worker::{Handler, JobContext, Start};
///
/// struct Greeter {
///     greeting: String,
/// }
///
/// impl Handler for Greeter {
///     async fn initialize(&mut self, start: &Start) -> worker::Result<()> {
///         self.greeting = String::from_utf8(start.arguments().to_vec())?;
///         Ok(())
///     }
///
///     async fn handle(&self, job: JobContext) -> worker::Result {
///         Ok(Bytes::from([self.greeting.as_bytes(), job.input()].concat()))
///     }
/// }
///
/// fn main() -> std::process::ExitCode {
///     worker::run(Greeter { greeting: String::new() })
/// }
/// ```
///
/// All of it runs on one thread, so nothing needs to be [`Send`]. That thread also answers the
/// host's pings: work that keeps it for long belongs in [`JobContext::run_blocking`].
// The futures are local by design, so the caller never needs to name their bounds.
#[expect(async_fn_in_trait)]
pub trait Handler: 'static {
    /// Prepares for jobs, once, before the first. An error (or a panic) ends the worker: the host
    /// gets the message, the exit code is 1. Dropped at its next await if the host no longer wants
    /// the worker. Default: nothing to prepare.
    async fn initialize(&mut self, start: &Start) -> Result<(), Failure> {
        let _ = start;
        Ok(())
    }

    /// Runs one job. See [`JobContext`] for what happens when the job is cancelled.
    async fn handle(&self, job: JobContext) -> Result<Bytes, Failure>;

    /// Leaves: called once, when every job has ended. Not called if [`initialize`](Self::initialize)
    /// did not succeed. Default: nothing to do.
    async fn shutdown(&self, reason: ShutdownReason) {
        let _ = reason;
    }

    /// How many jobs may run at a time; asked once, after [`initialize`](Self::initialize). 1 to
    /// 65,536, anything else counts as the nearest of these. Default 1.
    fn slots(&self) -> u32 {
        1
    }

    /// The worker program's version, for the host's events. Default: empty.
    fn version(&self) -> &str {
        ""
    }

    /// What tells this build of the program from others: a host notices by it that the program was
    /// replaced on disk while it ran. At most 256 bytes are looked at; empty says nothing, and is
    /// never compared. Default: which file the program is and when it was written (inode, size and
    /// modification time, in hexadecimal), so that a copy counts as another build; empty where the
    /// system does not tell.
    fn build_id(&self) -> Cow<'_, str> {
        boot::program_file().into()
    }
}

impl<F, R> Handler for F
where
    F: AsyncFn(JobContext) -> R + 'static,
    R: IntoOutput,
{
    async fn handle(&self, job: JobContext) -> Result<Bytes, Failure> {
        self(job).await.into_output()
    }
}

/// What a handler function may return: bytes, text, nothing, or a [`Result`] of those whose error
/// turns into a [`Failure`].
pub trait IntoOutput {
    /// The job's output, or why there is none.
    fn into_output(self) -> Result<Bytes, Failure>;
}

impl<T: IntoOutput, E: Into<Failure>> IntoOutput for Result<T, E> {
    fn into_output(self) -> Result<Bytes, Failure> {
        self.map_err(Into::into)?.into_output()
    }
}

impl IntoOutput for () {
    fn into_output(self) -> Result<Bytes, Failure> {
        Ok(Bytes::new())
    }
}

impl IntoOutput for Bytes {
    fn into_output(self) -> Result<Bytes, Failure> {
        Ok(self)
    }
}

impl IntoOutput for BytesMut {
    fn into_output(self) -> Result<Bytes, Failure> {
        Ok(self.freeze())
    }
}

impl IntoOutput for Vec<u8> {
    fn into_output(self) -> Result<Bytes, Failure> {
        Ok(self.into())
    }
}

impl IntoOutput for String {
    fn into_output(self) -> Result<Bytes, Failure> {
        Ok(self.into())
    }
}

impl IntoOutput for &'static str {
    fn into_output(self) -> Result<Bytes, Failure> {
        Ok(self.into())
    }
}

impl IntoOutput for &'static [u8] {
    fn into_output(self) -> Result<Bytes, Failure> {
        Ok(self.into())
    }
}
