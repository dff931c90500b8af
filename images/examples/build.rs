//! Builds an image from a folder of packages, without the rest of the VM: `build FOLDER IMAGE [v3]`.

use std::path::Path;
use std::process::ExitCode;

use rowel_bytecode::BytecodeSet;
use rowel_images::builder::{BuildOptions, build};
use rowel_images::source;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, output, rest @ ..] = &arguments[..] else {
        eprintln!("build FOLDER IMAGE [v3]");
        return ExitCode::FAILURE;
    };
    let bytecodes =
        if rest.is_empty() { BytecodeSet::SistaV1 } else { BytecodeSet::V3PlusClosures };
    let packages = match source::read(Path::new(folder)) {
        Ok(packages) => packages,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match build(&packages, BuildOptions { bytecodes }) {
        Ok(image) => match image.write(Path::new(output)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{output}: {error}");
                ExitCode::FAILURE
            }
        },
        Err(errors) => {
            errors.iter().for_each(|error| eprintln!("{error}"));
            eprintln!("{} errors", errors.len());
            ExitCode::FAILURE
        }
    }
}
