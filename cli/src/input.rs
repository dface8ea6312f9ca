//! Input files, bounded by what fits.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use crate::exit::{Code, Failure};

/// All of a file that must not be empty nor longer than `most` bytes.
/// `what` says where it would have to fit.
pub(crate) fn read(path: &Path, most: u64, what: &str) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let failed = |e: std::io::Error| {
        let next = match e.kind() {
            std::io::ErrorKind::NotFound => "check its name and the current folder",
            _ => "check that it is a file and that you may read it",
        };
        Failure::new(Code::Data, format!("can't read {shown}: {e}")).because(e).next(next)
    };
    let too_large = |size: String| {
        Failure::new(Code::Data, format!("{shown} is too large: {size}, and {most} bytes fit {what}"))
            .next("split the file, or take another disc")
    };
    let meta = fs::metadata(path).map_err(failed)?;
    if meta.is_dir() {
        return Err(Failure::new(Code::Data, format!("{shown} is a folder"))
            .next("give a file; a folder can be packed first, for example as an ISO image"));
    }
    if meta.is_file() && meta.len() > most {
        return Err(too_large(format!("it has {} bytes", meta.len())));
    }
    let file = File::open(path).map_err(failed)?;
    let mut data = Vec::with_capacity(if meta.is_file() { meta.len() as usize } else { 0 });
    // Pipes and devices have no length of their own.
    file.take(most.saturating_add(1)).read_to_end(&mut data).map_err(failed)?;
    if data.len() as u64 > most {
        return Err(too_large(format!("it has more than {most} bytes")));
    }
    if data.is_empty() {
        return Err(Failure::new(Code::Data, format!("{shown} is empty: there is nothing to do with it"))
            .next("give a file with at least one byte"));
    }
    Ok(data)
}
