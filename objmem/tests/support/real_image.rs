//! Where tests find a real image: `$ROWEL_IMAGE`, else what `rowel fetch` keeps in its cache, else
//! the packed one beside the repository. In CI it must be there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The image's name in the cache and, with `.xz`, beside the repository.
const NAME: &str = "cuis-7.7-7777.image";

/// The real image, where there is one; `keep` is a directory for what has to be unpacked.
pub fn real_image(keep: &Path) -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = set("ROWEL_IMAGE") {
        return Some(path);
    }
    let cache = set("ROWEL_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("rowel")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/rowel")));
    if let Some(path) = cache.map(|cache| cache.join(NAME)).filter(|path| path.exists()) {
        return Some(path);
    }
    let places = [
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/images"),
        concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/images"),
    ];
    let packed = places.iter().map(|place| Path::new(place).join(format!("{NAME}.xz")));
    let found = packed.into_iter().find(|path| path.exists());
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(found.is_some() || !in_ci, "the test image is missing");
    let path = keep.join(NAME);
    let output = std::fs::File::create(&path).expect("a file");
    let status = Command::new("xz").arg("-dc").arg(found?).stdout(Stdio::from(output)).status();
    assert!(status.expect("xz").success());
    Some(path)
}
