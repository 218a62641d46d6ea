//! Which pictures there are.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::text::name;

/// What was found, in the order of the paths.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Each once, however many ways lead to it.
    pub(crate) pictures: Vec<Picture>,
    pub(crate) unreadable: Vec<Unreadable>,
    pub(crate) skipped: Vec<Skipped>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Picture {
    pub(crate) path: PathBuf,
    /// The path below the folder that was given; the file's name if the picture itself was.
    pub(crate) relative: PathBuf,
}

/// A folder or file whose pictures nobody has seen.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read: {error}", name(.path))]
pub(crate) struct Unreadable {
    path: PathBuf,
    error: io::Error,
}

/// A folder that was left out on purpose.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Skipped {
    #[error("{} was left out: its folder is searched already", name(.0))]
    SearchedAlready(PathBuf),
    #[error("{} was left out: it is where the thumbnails go", name(.0))]
    Output(PathBuf),
}

/// Why there is nothing to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("{} cannot be used: {error}: give folders and pictures that exist", name(.path))]
    Argument { path: PathBuf, error: io::Error },
    #[error("{} is neither a folder nor a file: give folders and pictures", name(.0))]
    Special(PathBuf),
    #[error("there are no pictures (.jpg, .jpeg, .png) in {}", names(.0))]
    Nothing(Vec<PathBuf>),
}

/// All pictures in the folders and files given. Links are followed, and lead nowhere twice. The
/// folder of the thumbnails is left out, if it is there already.
pub(crate) fn pictures(given: &[PathBuf], out: &Path) -> Result<Found, Unusable> {
    let mut search = Search {
        output: out.metadata().ok().map(|out| identity(&out)),
        folders: HashSet::new(),
        files: HashSet::new(),
        found: Found::default(),
    };
    for path in given {
        let about = path.metadata().map_err(|error| Unusable::Argument {
            path: path.clone(),
            error,
        })?;
        if about.is_dir() {
            search.folder(path, &about);
        } else if about.is_file() {
            let relative = path.file_name().map_or_else(PathBuf::new, PathBuf::from);
            search.file(path.clone(), relative);
        } else {
            return Err(Unusable::Special(path.clone()));
        }
    }
    let mut found = search.found;
    if found.pictures.is_empty() && found.unreadable.is_empty() {
        return Err(Unusable::Nothing(given.to_vec()));
    }
    found.pictures.sort();
    Ok(found)
}

struct Search {
    output: Option<Identity>,
    folders: HashSet<Identity>,
    /// By their real paths: two names of one file (hard links) are two pictures.
    files: HashSet<PathBuf>,
    found: Found,
}

impl Search {
    fn folder(&mut self, root: &Path, about: &Metadata) {
        // A stack of its own: how deep folders go is not for us to bound.
        let mut folders = Vec::new();
        self.enter(root.to_owned(), about, &mut folders);
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    self.unreadable(folder, error);
                    continue;
                }
            };
            for entry in entries {
                match entry {
                    Ok(entry) => self.entry(entry.path(), root, &mut folders),
                    Err(error) => self.unreadable(folder.clone(), error),
                }
            }
        }
    }

    fn entry(&mut self, path: PathBuf, root: &Path, folders: &mut Vec<PathBuf>) {
        match path.metadata() {
            Ok(about) if about.is_dir() => self.enter(path, &about, folders),
            Ok(about) if about.is_file() && is_named_as_picture(&path) => {
                let relative = path.strip_prefix(root).unwrap_or(&path).to_owned();
                self.file(path, relative);
            }
            Ok(_) => {}
            // A link that leads nowhere is of interest only if it is called a picture.
            Err(_) if path.is_symlink() && !is_named_as_picture(&path) => {}
            Err(error) => self.unreadable(path, error),
        }
    }

    fn enter(&mut self, path: PathBuf, about: &Metadata, folders: &mut Vec<PathBuf>) {
        let identity = identity(about);
        if self.output == Some(identity) {
            self.found.skipped.push(Skipped::Output(path));
        } else if self.folders.insert(identity) {
            folders.push(path);
        } else {
            self.found.skipped.push(Skipped::SearchedAlready(path));
        }
    }

    fn file(&mut self, path: PathBuf, relative: PathBuf) {
        match path.canonicalize() {
            Ok(real) => {
                if self.files.insert(real) {
                    self.found.pictures.push(Picture { path, relative });
                }
            }
            Err(error) => self.unreadable(path, error),
        }
    }

    fn unreadable(&mut self, path: PathBuf, error: io::Error) {
        self.found.unreadable.push(Unreadable { path, error });
    }
}

/// What makes a file or folder the same under any name.
pub(crate) type Identity = (u64, u64);

pub(crate) fn identity(about: &Metadata) -> Identity {
    (about.dev(), about.ino())
}

fn is_named_as_picture(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["jpg", "jpeg", "png"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

fn names(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| name(path)).collect();
    names.join(", ")
}
