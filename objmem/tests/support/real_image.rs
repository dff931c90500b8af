//! Where tests find a real image: in `ROWEL_IMAGE`, in the cache that `rowel fetch` fills, or packed
//! beside the checkout. Where there is none they say so and pass, but they fail where `CI` is true.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The name of the fetched image in the cache.
const CACHED_NAME: &str = "cuis-7.7-7777.image";

/// The image, if there is one; found and unpacked once.
pub fn real_image() -> Option<&'static Path> {
    static IMAGE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = IMAGE.get_or_init(|| named().or_else(cached).or_else(unpacked)).as_deref();
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(found.is_some() || !in_ci, "no image: set ROWEL_IMAGE or run `rowel fetch cuis`");
    if found.is_none() {
        eprintln!("not tested: there is no image");
    }
    found
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn named() -> Option<PathBuf> {
    let path = variable("ROWEL_IMAGE")?;
    assert!(path.exists(), "ROWEL_IMAGE is {}, which does not exist", path.display());
    Some(path)
}

fn cached() -> Option<PathBuf> {
    let cache = variable("ROWEL_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("rowel")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache").join("rowel")))?;
    Some(cache.join(CACHED_NAME)).filter(|path| path.exists())
}

/// The first packed image beside the checkout, unpacked among the temporary files of the tests.
fn unpacked() -> Option<PathBuf> {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/images");
    let entries = std::fs::read_dir(images).ok()?;
    let mut packed: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    packed.retain(|path| path.to_string_lossy().ends_with(".image.xz"));
    packed.sort();
    let packed = packed.first()?;
    let place = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let path = place.join(packed.file_stem()?);
    if !path.exists() {
        let partial = path.with_extension(format!("{}.unpacking", std::process::id()));
        let output = std::fs::File::create(&partial).expect("a file");
        let status = Command::new("xz").arg("-dc").arg(packed).stdout(Stdio::from(output)).status();
        assert!(status.expect("the xz command").success());
        std::fs::rename(&partial, &path).expect("renamed");
    }
    Some(path)
}
