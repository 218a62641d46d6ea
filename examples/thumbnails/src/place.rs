//! Where each thumbnail goes, and how it gets there.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::find::{Identity, Picture, identity};
use crate::text::name;

/// A picture, and the file that its thumbnail will be.
#[derive(Debug)]
pub(crate) struct Placement {
    pub(crate) picture: PathBuf,
    thumbnail: PathBuf,
}

/// Why no thumbnail can be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(
        "--out {} is one of the folders given: choose another, or thumbnails and pictures get mixed up",
        name(.0)
    )]
    IsInput(PathBuf),
    #[error("nothing can be written to {}: {error}: choose another folder with --out", name(.folder))]
    Unwritable { folder: PathBuf, error: io::Error },
}

/// Fails if `out` is one of the inputs.
pub(crate) fn check(out: &Path, inputs: &[PathBuf]) -> Result<(), Unusable> {
    let Some(out_identity) = existing(out) else {
        return Ok(());
    };
    if inputs
        .iter()
        .any(|input| existing(input) == Some(out_identity))
    {
        return Err(Unusable::IsInput(out.to_owned()));
    }
    Ok(())
}

/// Makes the folder, and tries whether files can be made in it before any picture is worked on.
pub(crate) fn prepare(out: &Path) -> Result<(), Unusable> {
    fs::create_dir_all(out)
        .and_then(|()| temporary_file(out))
        .map(drop)
        .map_err(|error| Unusable::Unwritable {
            folder: out.to_owned(),
            error,
        })
}

impl Placement {
    /// The thumbnails lie below `out` as their pictures do below the folders given. Where two would
    /// have the same name, or one that of a picture, a number makes the difference.
    pub(crate) fn of_all(pictures: Vec<Picture>, out: &Path) -> Vec<Self> {
        let pictures_themselves: HashSet<Identity> = pictures
            .iter()
            .filter_map(|picture| existing(&picture.path))
            .collect();
        let mut taken = HashSet::new();
        let mut place = |picture: Picture| {
            let free = |thumbnail: &PathBuf| {
                let is_picture =
                    existing(thumbnail).is_some_and(|file| pictures_themselves.contains(&file));
                !is_picture && taken.insert(thumbnail.clone())
            };
            let thumbnail = candidates(&out.join(&picture.relative)).find(free)?;
            Some(Self {
                picture: picture.path,
                thumbnail,
            })
        };
        pictures.into_iter().filter_map(&mut place).collect()
    }

    /// Writes the thumbnail: whoever looks at its name sees all of it or nothing.
    pub(crate) fn write(&self, jpeg: &[u8]) -> io::Result<()> {
        let folder = self.thumbnail.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = temporary_file(folder)?;
        file.write_all(jpeg)?;
        file.persist(&self.thumbnail)?;
        Ok(())
    }
}

/// `a.jpg`, `a-2.jpg`, `a-3.jpg` and so on: without an end.
fn candidates(path: &Path) -> impl Iterator<Item = PathBuf> {
    let stem = path.file_stem().unwrap_or_default();
    (1_u64..).map(move |number| {
        let mut file = OsString::from(stem);
        if number > 1 {
            file.push(format!("-{number}"));
        }
        file.push(".jpg");
        path.with_file_name(file)
    })
}

/// Gone when it is dropped. Its permissions are those of any other new file.
fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".thumbnail-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
}

fn existing(path: &Path) -> Option<Identity> {
    path.metadata().ok().map(|about| identity(&about))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thumbnails(relative: &[&str]) -> Vec<PathBuf> {
        let pictures = relative.iter().map(|relative| Picture {
            path: Path::new("/nowhere").join(relative),
            relative: relative.into(),
        });
        Placement::of_all(pictures.collect(), Path::new("out"))
            .into_iter()
            .map(|placement| placement.thumbnail)
            .collect()
    }

    #[test]
    fn thumbnails_lie_as_their_pictures_do() {
        let expected = ["out/a.jpg", "out/b/a.jpg", "out/c.d.jpg"].map(PathBuf::from);
        assert_eq!(thumbnails(&["a.jpg", "b/a.png", "c.d.JPEG"]), expected);
    }

    #[test]
    fn no_two_thumbnails_share_a_name() {
        let expected = ["out/a.jpg", "out/a-2.jpg", "out/a-2-2.jpg", "out/a-3.jpg"];
        let expected = expected.map(PathBuf::from);
        assert_eq!(
            thumbnails(&["a.jpg", "a.png", "a-2.jpg", "a.jpeg"]),
            expected
        );
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let placement = Placement {
            picture: "a.jpg".into(),
            thumbnail: folder.path().join("taken"),
        };
        fs::create_dir(folder.path().join("taken")).unwrap();
        placement.write(b"a thumbnail").unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
