//! What goes where: `--report`.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
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
            if named().take(index).any(|(_, other)| other == path) {
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

    /// Writes every file.
    pub(super) fn write(
        self,
        mut render: impl FnMut(Format) -> io::Result<String>,
    ) -> Result<(), Problem> {
        for (format, target) in self.files {
            let path = target.path.clone();
            render(format)
                .and_then(|text| target.write(&text))
                .map_err(|source| Problem::File { path, source })?;
        }
        Ok(())
    }
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
        // What a link points to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
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
