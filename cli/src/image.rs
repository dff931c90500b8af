//! The commands that look at an image file without running it.
//!
//! Must not know the format: the object memory reads it. Output is for people.

use std::path::Path;
use std::process::ExitCode;

use rowel_objmem::image::ImageHeader;
use rowel_objmem::image::read::{check_file, read_header};

/// Print what the header of the image at `path` says. Fails when it is no image.
pub fn info(path: &Path) -> ExitCode {
    match read_header(path) {
        Ok(header) => {
            println!("{}\n{}", path.display(), describe(&header));
            ExitCode::SUCCESS
        }
        Err(error) => complain(path, &error),
    }
}

/// Check every object of the image at `path`. Fails at the first thing that is wrong.
pub fn check(path: &Path) -> ExitCode {
    match check_file(path) {
        Ok((_, segments, objects)) => {
            println!("{}: in order; {objects} objects, {segments} segment(s)", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => complain(path, &error),
    }
}

fn complain(path: &Path, error: &dyn std::error::Error) -> ExitCode {
    eprintln!("{}: {error}", path.display());
    ExitCode::FAILURE
}

fn describe(header: &ImageHeader) -> String {
    let (width, height) = (header.screen_size >> 16 & 0xFFFF, header.screen_size & 0xFFFF);
    format!(
        "  format           {}\n  header           {} bytes\n  data             {} bytes\n  \
         first segment    {} bytes\n  saved at         {:#x}\n  special objects  {:#x}\n  \
         window           {width} x {height}\n  eden asked for   {} bytes\n  flags            {:#x}\n  \
         image version    {}",
        header.format,
        header.header_bytes,
        header.data_bytes,
        header.first_segment_bytes,
        header.saved_base,
        header.special_objects,
        header.eden_bytes,
        header.flags,
        header.image_version,
    )
}
