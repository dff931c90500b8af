//! Builds the image that the command brings along, from the kernel's sources.
//!
//! It is built rather than checked in, so that it cannot be another one than the sources say; that takes some tenths of
//! a second. It is embedded as it is, since decompressing would take longer than all else that a start does.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;
use rowel_images::builder::{BuildOptions, build};
use rowel_images::source::{self, PackageSource};

/// Packages with this ending are not part of the image.
const TESTS: &str = "-Tests";

fn main() -> Result<(), Box<dyn Error>> {
    let manifest = env::var("CARGO_MANIFEST_DIR")?;
    let kernel = Path::new(&manifest).join("../images/kernel");
    println!("cargo::rerun-if-changed={}", kernel.display());
    // Folders of the package of isolates hold links only.
    println!("cargo::rerun-if-changed={manifest}/../isolates/smalltalk");
    let mut packages = source::read(&kernel)?;
    packages.retain(|package| !package.name.ends_with(TESTS));
    relative_to(Path::new(&manifest).parent().unwrap_or(Path::new("")), &mut packages);
    let output = PathBuf::from(env::var("OUT_DIR")?);
    pack(&kernel, &output.join("kernel.tar.gz"))?;
    let output = output.join("rowel.image");
    match build(&packages, BuildOptions::default()) {
        Ok(image) => Ok(image.write(&output)?),
        Err(errors) => {
            errors.iter().for_each(|error| eprintln!("{error}"));
            Err(format!("the kernel does not build: {} error(s)", errors.len()).into())
        }
    }
}

/// Pack the kernel's sources, without its tests, for images that are built of them and others: always the same bytes.
fn pack(kernel: &Path, archive: &Path) -> io::Result<()> {
    let file = fs::File::create(archive)?;
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::best()));
    archive.mode(tar::HeaderMode::Deterministic);
    for package in names_in(kernel)?.iter().filter(|name| !name.ends_with(TESTS)) {
        for file in names_in(&kernel.join(package))? {
            let name = Path::new(package).join(file);
            archive.append_path_with_name(kernel.join(&name), name)?;
        }
    }
    archive.into_inner()?.finish().map(drop)
}

/// What is in a folder, in order.
fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<String>>>()?;
    names.sort();
    Ok(names)
}

/// Have messages name the files as seen from `root`.
fn relative_to(root: &Path, packages: &mut [PackageSource]) {
    let shorten = |path: &mut PathBuf| {
        let kept = path.components().skip_while(|part| part.as_os_str() != "images").collect();
        if path.starts_with(root) {
            *path = kept;
        }
    };
    for package in packages {
        for class in &mut package.classes {
            shorten(&mut class.path);
            class.methods.iter_mut().for_each(|method| shorten(&mut method.path));
        }
        let extensions = package.extensions.iter_mut();
        extensions
            .flat_map(|extension| &mut extension.methods)
            .for_each(|method| shorten(&mut method.path));
    }
}
