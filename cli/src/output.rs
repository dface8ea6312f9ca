//! Output: stdout that may be closed, and files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, Seek as _, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::exit::{Code, Failure};

/// Writes to stdout. That the reader has gone (`| head`) is no error.
pub(crate) fn stdout(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Code::Data, format!("can't write to the standard output: {e}")).because(e))
        }
        _ => Ok(()),
    }
}

/// A value as one JSON document on stdout.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::new(Code::Data, "can't write the result as JSON").because(e))?;
    text.push('\n');
    stdout(text.as_bytes())
}

#[derive(Debug)]
enum Target {
    /// Written beside its place and then renamed.
    Beside(NamedTempFile),
    /// A device or a pipe.
    Direct(File),
}

/// A file to be written. Opening it proves that it can be written, so do that
/// before anything is recorded. Nothing is left behind if it isn't finished.
#[derive(Debug)]
pub(crate) struct OutFile {
    path: PathBuf,
    target: Target,
}

impl OutFile {
    /// Prepares to write `path`, which must be none of the `inputs`.
    pub(crate) fn create(path: &Path, inputs: &[&Path]) -> Result<Self, Failure> {
        let failed = |e: io::Error| cant_write(path, e);
        refuse_input(path, inputs)?;
        let target = match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(meta) if !meta.is_file() => Target::Direct(File::options().write(true).open(path).map_err(failed)?),
            Ok(meta) if meta.permissions().readonly() => {
                return Err(failed(io::Error::new(io::ErrorKind::PermissionDenied, "the file is write-protected")));
            }
            _ => Target::Beside(beside(path).map_err(failed)?),
        };
        Ok(Self { path: path.into(), target })
    }

    /// The file to write to.
    pub(crate) fn writer(&mut self) -> &mut File {
        match &mut self.target {
            Target::Beside(file) => file.as_file_mut(),
            Target::Direct(file) => file,
        }
    }

    /// Writes all of it and puts it in its place.
    pub(crate) fn write(mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self.writer().write_all(bytes) {
            Ok(()) => self.finish(),
            Err(e) => Err(cant_write(&self.path, e)),
        }
    }

    /// Puts what was written in its place.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let Self { path, target } = self;
        match target {
            Target::Direct(mut file) => file.flush().map_err(|e| cant_write(&path, e)),
            Target::Beside(file) => {
                file.as_file().sync_all().map_err(|e| cant_write(&path, e))?;
                file.persist(&path).map(|_| ()).map_err(|e| cant_write(&path, e.error))
            }
        }
    }

    /// What it will be called.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether an output is none of the `inputs`.
pub(crate) fn refuse_input(path: &Path, inputs: &[&Path]) -> Result<(), Failure> {
    match real(path) {
        Some(real) if inputs.iter().any(|i| self::real(i).is_some_and(|i| i == real)) => {
            let what = format!("{} is an input or the disc itself: it would be lost", path.display());
            Err(Failure::new(Code::Usage, what).next("give the output another name"))
        }
        _ => Ok(()),
    }
}

/// Whether two outputs are two files.
pub(crate) fn apart(one: &Path, other: &Path) -> Result<(), Failure> {
    match (real(one), real(other)) {
        (Some(a), Some(b)) if a == b => {
            let what = format!("{} is given for two outputs: one of them would be lost", other.display());
            Err(Failure::new(Code::Usage, what).next("give each a name of its own"))
        }
        _ => Ok(()),
    }
}

/// Where a path leads, also if nothing is there yet.
fn real(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok().or_else(|| {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(fs::canonicalize(folder).ok()?.join(path.file_name()?))
    })
}

fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".disc-hal-").suffix(".new");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder).map_err(|e| io::Error::new(e.kind(), e.to_string()))
}

fn cant_write(path: &Path, error: io::Error) -> Failure {
    let next = match error.kind() {
        io::ErrorKind::NotFound => "make its folder first",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on that disk, or give another path",
        _ => "give a path that can be written",
    };
    Failure::new(Code::Data, format!("can't write {}: {}", path.display(), reason(&error))).because(error).next(next)
}

/// The reason without the name of the temporary file.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "its folder does not exist".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        _ => error.to_string(),
    }
}

/// A nameless file for data whose length isn't known until its end.
#[derive(Debug)]
pub(crate) struct Spool(File);

impl Spool {
    /// An empty one.
    pub(crate) fn new() -> Result<Self, Failure> {
        tempfile::tempfile().map(Self).map_err(Self::failed)
    }

    /// The file.
    pub(crate) fn writer(&mut self) -> &mut File {
        &mut self.0
    }

    /// Sends its first `length` bytes to stdout.
    pub(crate) fn send(mut self, length: u64) -> Result<(), Failure> {
        self.0.rewind().map_err(Self::failed)?;
        let mut out = io::stdout().lock();
        match io::copy(&mut io::Read::take(self.0, length), &mut out).and_then(|_| out.flush()) {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(Code::Data, format!("can't write to the standard output: {e}")).because(e))
            }
            _ => Ok(()),
        }
    }

    fn failed(error: io::Error) -> Failure {
        Failure::new(Code::Data, format!("can't make a temporary file: {error}"))
            .because(error)
            .next("make room in the temporary folder, or set TMPDIR")
    }
}
