//! What goes where: `--report`.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::problem::Problem;

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Json,
    Junit,
    Html,
}

/// One `--report`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) format: Format,
    /// Standard output if there is none.
    file: Option<PathBuf>,
}

impl Destination {
    /// Reads `FORMAT` or `FORMAT=FILE`.
    pub(super) fn parse(text: OsString) -> Result<Self, String> {
        let bytes = text.into_vec();
        let (format, file) = match bytes.iter().position(|byte| *byte == b'=') {
            Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
            None => (bytes.as_slice(), None),
        };
        let format = match format {
            b"text" => Format::Text,
            b"json" => Format::Json,
            b"junit" => Format::Junit,
            b"html" => Format::Html,
            _ => return Err(
                "the format is text, json, junit or html; write for example junit or junit=out.xml"
                    .into(),
            ),
        };
        if file.is_some_and(<[u8]>::is_empty) {
            return Err("the name of the file is missing; write for example junit=out.xml".into());
        }
        let file = file.map(|file| PathBuf::from(OsString::from_vec(file.to_vec())));
        Ok(Self { format, file })
    }
}

/// Where everything goes, ready to be written.
pub(super) struct Reports {
    /// What standard output shows.
    pub(super) stdout: Format,
    files: Vec<(Format, Target)>,
}

impl Reports {
    /// Refuses what cannot be, and opens the files.
    pub(super) fn open(asked: &[Destination]) -> Result<Self, Problem> {
        let mut stdout = asked.iter().filter(|it| it.file.is_none());
        let first = stdout.next().map_or(Format::Text, |it| it.format);
        if stdout.next().is_some() {
            return Err(Problem::Usage(
                "two reports cannot both go to standard output: name a file for one of them, for example --report junit=out.xml".into(),
            ));
        }
        let named = || {
            asked
                .iter()
                .filter_map(|it| Some((it.format, it.file.as_deref()?)))
        };
        for (index, (_, path)) in named().enumerate() {
            let file = itself(path);
            if named().take(index).any(|(_, other)| itself(other) == file) {
                return Err(Problem::Usage(format!(
                    "two reports cannot both go to {}",
                    path.display()
                )));
            }
        }
        let files = named().map(|(format, path)| match Target::open(path) {
            Ok(target) => Ok((format, target)),
            Err(source) => Err(Problem::File {
                path: path.to_owned(),
                source,
            }),
        });
        Ok(Self {
            stdout: first,
            files: files.collect::<Result<_, _>>()?,
        })
    }

    /// What is to be written to each file.
    pub(super) fn render(
        self,
        mut render: impl FnMut(Format) -> io::Result<String>,
    ) -> Result<Rendered, Problem> {
        let files = self.files.into_iter().map(|(format, target)| {
            let path = target.path.clone();
            match render(format) {
                Ok(text) => Ok((target, text)),
                Err(source) => Err(Problem::File { path, source }),
            }
        });
        Ok(Rendered(files.collect::<Result<_, _>>()?))
    }
}

/// Reports that are ready, each with its file.
pub(super) struct Rendered(Vec<(Target, String)>);

impl Rendered {
    /// Writes every file. May wait for ever: one may be a pipe that nobody reads.
    pub(super) fn write(self) -> Result<(), Problem> {
        for (target, text) in self.0 {
            let path = target.path.clone();
            target
                .write(&text)
                .map_err(|source| Problem::File { path, source })?;
        }
        Ok(())
    }

    /// The same on a thread of its own, so that something else can be waited for meanwhile.
    pub(super) async fn write_aside(self) -> Result<(), Problem> {
        let written = tokio::task::spawn_blocking(move || self.write()).await;
        written.unwrap_or_else(|defect| resume_unwind(defect.into_panic()))
    }
}

/// The same for each way to write the path of one file: what a link points to is replaced, not the
/// link.
fn itself(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let parent = fs::canonicalize(parent.unwrap_or(Path::new(".")));
        match (parent, path.file_name()) {
            (Ok(parent), Some(name)) => parent.join(name),
            _ => path.to_owned(),
        }
    })
}

/// A file that is to be written.
struct Target {
    path: PathBuf,
    file: Place,
}

enum Place {
    /// Beside the file, and gone if it is not put in its place.
    Beside(NamedTempFile),
    /// A device or a pipe: nothing can be put in its place.
    Itself(File),
}

impl Target {
    /// Now, so that nobody waits for a report that cannot be written.
    fn open(path: &Path) -> io::Result<Self> {
        let path = itself(path);
        if path.metadata().is_ok_and(|about| !about.is_file()) {
            let file = File::options().write(true).open(&path)?;
            let file = Place::Itself(file);
            return Ok(Self { path, file });
        }
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().as_bytes().is_empty() => parent,
            _ => Path::new("."),
        };
        // As any file that is written with `>`: the umask decides who may read it.
        let file = tempfile::Builder::new()
            .prefix(".greenroom-report-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory)?;
        let file = Place::Beside(file);
        Ok(Self { path, file })
    }

    fn write(self, text: &str) -> io::Result<()> {
        match self.file {
            Place::Itself(mut file) => file.write_all(text.as_bytes()),
            Place::Beside(mut file) => {
                file.write_all(text.as_bytes())?;
                file.persist(self.path).map_err(|refused| refused.error)?;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Destination, String> {
        Destination::parse(text.into())
    }

    #[test]
    fn a_report_is_a_format_and_perhaps_a_file() {
        let destination = parse("junit=a=b.xml").unwrap();
        assert_eq!(destination.format, Format::Junit);
        assert_eq!(destination.file, Some("a=b.xml".into()));
        assert_eq!(parse("html").unwrap().file, None);
        assert!(parse("xml").unwrap_err().contains("junit"));
        assert!(parse("json=").unwrap_err().contains("missing"));
    }

    #[test]
    fn two_ways_to_write_a_path_are_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let name = folder.path().file_name().unwrap();
        let roundabout = folder.path().join("..").join(name).join("out");
        assert_eq!(itself(&roundabout), itself(&path));
        fs::write(&path, "").unwrap();
        assert_eq!(itself(&roundabout), itself(&path));
    }

    #[test]
    fn a_file_appears_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "old").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let target = Target::open(&link).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        target.write("new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(link.is_symlink());
        drop(Target::open(&path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        Target::open(Path::new("/dev/null"))
            .unwrap()
            .write("new")
            .unwrap();
    }
}
