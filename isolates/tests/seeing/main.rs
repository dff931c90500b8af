//! Seeing isolates: rows that follow what isolates do, the formats, and the server that hands them out.

mod exposition;
mod formats;
#[path = "../support/patience.rs"]
mod patience;
#[path = "../../../objmem/tests/support/real_image.rs"]
mod real_image;
mod rows;
mod serving;
