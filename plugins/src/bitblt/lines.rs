//! `drawLoopX:Y:`: repeats a blit along a line.
//!
//! Owns the walk of Bresenham. It must not know pixels. Facts: the method of
//! that name in VMMaker.

use super::{Affected, BlitError, BlitParameters, Form, Source, copy_bits};

/// Blits at every point between the ends of a line, which are left out, and
/// leaves `dest_x` and `dest_y` at its end. Answers all that was touched.
///
/// # Errors
/// See [`BlitError`]; the blits before the failing one have been drawn.
pub fn draw_loop(
    p: &mut BlitParameters<'_>,
    dest: &mut Form<'_>,
    source: Source<'_>,
    delta_x: i64,
    delta_y: i64,
) -> Result<Affected, BlitError> {
    let (across, down) = (delta_x.saturating_abs(), delta_y.saturating_abs());
    let (long, short) = (across.max(down), across.min(down));
    let mut error = long / 2;
    let mut all = Affected::default();
    for step in 1..=long {
        error -= short;
        let both = error < 0;
        if both {
            error += long;
        }
        if across > down || both {
            p.dest_x = p.dest_x.saturating_add(delta_x.signum());
        }
        if across <= down || both {
            p.dest_y = p.dest_y.saturating_add(delta_y.signum());
        }
        if step < long {
            all = union(all, copy_bits(p, dest, source)?);
        }
    }
    Ok(all)
}

/// The smallest area that holds both.
pub fn union(a: Affected, b: Affected) -> Affected {
    if a.left >= a.right {
        return b;
    }
    if b.left >= b.right {
        return a;
    }
    Affected {
        left: a.left.min(b.left),
        top: a.top.min(b.top),
        right: a.right.max(b.right),
        bottom: a.bottom.max(b.bottom),
        bit_count: b.bit_count,
    }
}
