//! The word by which a unit's processes are known wherever they have gone.

use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

/// The variable of the environment that holds it.
const NAME: &str = "GREENROOM_UNIT";

/// One life of one unit of this host: `GREENROOM_UNIT=<token>/<unit>/<generation>` in the
/// environment of all its processes, unless they clear it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    value: OsString,
}

impl Mark {
    /// For the `generation`th life of `unit`, whose name must not hold a NUL.
    pub(crate) fn new(unit: &str, generation: u64) -> Self {
        Self {
            value: format!("{}/{unit}/{generation}", token()).into(),
        }
    }

    /// What its processes are started with: goes into [`Order::environment`](super::Order).
    pub(crate) fn variable(&self) -> (OsString, OsString) {
        (NAME.into(), self.value.clone())
    }

    /// How it looks in the environment.
    pub(super) fn line(&self) -> OsString {
        let mut line = OsString::from(NAME);
        line.push("=");
        line.push(AsRef::<OsStr>::as_ref(&self.value));
        line
    }
}

/// This host among all that ever ran on this machine. Random, so that nobody bears it by accident.
pub(super) fn token() -> &'static str {
    static TOKEN: OnceLock<String> = OnceLock::new();
    TOKEN.get_or_init(|| {
        let random = RandomState::new().build_hasher().finish();
        format!("{random:016x}-{}", std::process::id())
    })
}
