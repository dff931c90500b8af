//! What several tests need.

pub mod damage;
mod real_image;
pub mod sample;

pub use real_image::real_image;
