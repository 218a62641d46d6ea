//! Where the control socket is: the same for `up` and for those who talk to it.

use std::env;
use std::path::{Component, Path, PathBuf};

use clap::Args;

use crate::config;

/// The configuration that is read where none is named.
pub(crate) const DEFAULT_CONFIG: &str = "greenroom.toml";

/// Which supervisor is meant.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    #[arg(value_hint = clap::ValueHint::FilePath)]
    pub(crate) config: PathBuf,
    /// The control socket, if it is not where the configuration puts it
    ///
    /// Default: `socket` in the configuration's table `supervisor`; otherwise a name made of the
    /// configuration's path, in $XDG_RUNTIME_DIR/greenroom, for root without that variable in
    /// /run/greenroom, for others in /tmp/greenroom-UID.
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    pub(crate) socket: Option<PathBuf>,
}

/// A control socket's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SocketPath {
    pub(crate) path: PathBuf,
    /// Whether the directory is this program's own: made if it is not there, and for nobody else.
    pub(crate) own_directory: bool,
}

impl Place {
    /// The control socket. `configured` is what the configuration says of it.
    pub(crate) fn socket(&self, configured: Option<PathBuf>) -> SocketPath {
        match self.socket.clone().or(configured) {
            Some(path) => SocketPath {
                path,
                own_directory: false,
            },
            None => SocketPath {
                path: default_directory().join(file_name(&self.config)),
                own_directory: true,
            },
        }
    }

    /// The control socket, as the configuration file has it, even if the file has mistakes.
    pub(crate) fn existing_socket(&self) -> SocketPath {
        let asked = self.socket.is_none();
        self.socket(asked.then(|| config::socket_of(&self.config)).flatten())
    }
}

fn default_directory() -> PathBuf {
    let user = rustix::process::geteuid();
    match env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        Some(directory) if directory.is_absolute() => directory.join("greenroom"),
        _ if user.is_root() => PathBuf::from("/run/greenroom"),
        _ => PathBuf::from(format!("/tmp/greenroom-{}", user.as_raw())),
    }
}

/// The name of the configuration's directory, so that people recognise it, and a hash of its whole
/// path, so that it is the only one. Links are not followed: where one that leads to the release in
/// use is made to lead to the next, the supervisor is the same.
fn file_name(config: &Path) -> String {
    let path = without_parents(config);
    let directory = path.parent().and_then(Path::file_name).unwrap_or_default();
    let readable: String = directory
        .to_string_lossy()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .take(24)
        .collect();
    let hash = fnv1a(path.as_os_str().as_encoded_bytes());
    format!("{readable}-{hash:016x}.sock")
}

/// The path from the root, without `..`. What stands before `..` is the only thing that is looked up:
/// where that leads depends on links.
fn without_parents(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut plain = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            plain = plain.canonicalize().unwrap_or(plain);
            plain.pop();
        } else {
            plain.push(component);
        }
    }
    plain
}

/// The same in every version of this program, unlike the hashes of the standard library.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_configuration_has_a_socket_of_its_own() {
        let name = |path: &str| file_name(Path::new(path));
        assert_ne!(name("/srv/a/greenroom.toml"), name("/srv/b/greenroom.toml"));
        assert_ne!(name("/srv/a/greenroom.toml"), name("/srv/a/other.toml"));
        assert!(name("/srv/my shop/greenroom.toml").starts_with("myshop-"));
        assert!(name("/greenroom.toml").len() < 60);
    }

    #[test]
    fn a_link_that_leads_elsewhere_later_is_the_same_place() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for release in ["release-1", "release-2"] {
            std::fs::create_dir(at(release)).unwrap();
            std::fs::write(at(release).join("greenroom.toml"), "").unwrap();
        }
        let lead_to = |release: &str| {
            let _ = std::fs::remove_file(at("current"));
            std::os::unix::fs::symlink(at(release), at("current")).unwrap();
            file_name(&at("current/greenroom.toml"))
        };
        assert_eq!(lead_to("release-1"), lead_to("release-2"));
    }

    #[test]
    fn ways_up_are_the_same_place() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().canonicalize().unwrap();
        std::fs::create_dir(real.join("inner")).unwrap();
        assert_eq!(
            file_name(&real.join("inner/../greenroom.toml")),
            file_name(&real.join("greenroom.toml"))
        );
    }

    #[test]
    fn what_is_said_outright_wins() {
        let mut place = Place {
            config: "greenroom.toml".into(),
            socket: None,
        };
        assert_eq!(
            place.socket(Some("/run/x.sock".into())).path,
            Path::new("/run/x.sock")
        );
        place.socket = Some("/run/y.sock".into());
        assert_eq!(
            place.socket(Some("/run/x.sock".into())).path,
            Path::new("/run/y.sock")
        );
    }
}
