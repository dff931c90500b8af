//! `rowel build`: an image from a folder of sources.
//!
//! Sources without a root class are built together with the kernel that the command brings along.
//! Must not know: the formats of sources, nor what an image needs (`rowel-images`).

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, ValueHint};
use flate2::read::GzDecoder;
use rowel_bytecode::BytecodeSet;
use rowel_images::builder::{self, BuildOptions};
use rowel_images::source::{self, PackageSource};

use crate::commands::path;
use crate::{at, embedded};

/// What clap knows of it.
pub fn command() -> Command {
    Command::new("build")
        .about("Build an image from Smalltalk sources, and the kernel unless they are one")
        .arg(
            path("sources")
                .required(true)
                .num_args(1..)
                .value_hint(ValueHint::AnyPath)
                .help("Folders of packages in Tonel format, or chunk files (.st)"),
        )
        .arg(
            path("output")
                .short('o')
                .long("output")
                .required(true)
                .value_name("IMAGE")
                .help("The image file to write"),
        )
        .arg(
            Arg::new("bytecodes")
                .long("bytecodes")
                .value_parser(PossibleValuesParser::new(["sista", "v3"]))
                .default_value("sista")
                .help("The bytecode set: SistaV1 with full blocks, or V3PlusClosures"),
        )
}

/// Build what `arguments` ask for. All that is wrong with the sources goes to stderr, one after the other.
///
/// # Errors
/// What is wrong, in a word.
pub fn run(arguments: &ArgMatches) -> Result<ExitCode, String> {
    let sources = arguments.get_many::<PathBuf>("sources").unwrap_or_default();
    let output = arguments.get_one::<PathBuf>("output").ok_or("no image was named")?;
    let bytecodes = match arguments.get_one::<String>("bytecodes").map(String::as_str) {
        Some("v3") => BytecodeSet::V3PlusClosures,
        _ => BytecodeSet::SistaV1,
    };
    let mut packages = Vec::new();
    for path in sources {
        packages.extend(source::read(path).map_err(|error| error.to_string())?);
    }
    if !has_root(&packages) {
        let kernel = kernel().map_err(|error| format!("the kernel's sources: {error}"))?;
        packages.extend(kernel);
    }
    let image = match builder::build(&packages, BuildOptions { bytecodes }) {
        Ok(image) => image,
        Err(errors) => {
            errors.iter().for_each(|error| eprintln!("{error}"));
            let count = errors.len();
            let s = if count == 1 { "" } else { "s" };
            return Err(format!("the image was not built: {count} error{s}"));
        }
    };
    image.write(output).map_err(at(output))?;
    Ok(ExitCode::SUCCESS)
}

/// Whether a class among the packages has no superclass: then they are a kernel of their own.
fn has_root(packages: &[PackageSource]) -> bool {
    packages.iter().flat_map(|package| &package.classes).any(|class| class.superclass.is_none())
}

/// The packages of the kernel that the command brings along.
fn kernel() -> Result<Vec<PackageSource>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    tar::Archive::new(GzDecoder::new(embedded::KERNEL)).unpack(folder.path())?;
    Ok(source::read(folder.path())?)
}
