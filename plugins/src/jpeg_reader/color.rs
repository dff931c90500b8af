//! Samples to pixels of 32 bits, opaque and never black, which would be transparent. What a lower
//! depth leaves out of a pixel, the bits of the dither mask, is added to the next one.

use super::{BLOCK, MIDDLE, MOST, Malformed};

/// Bits after the point of the factors.
const SCALE: i64 = 1 << 16;
const RED_FROM_CR: i64 = 91_881;
const GREEN_FROM_CB: i64 = 22_554;
const GREEN_FROM_CR: i64 = 46_802;
const BLUE_FROM_CB: i64 = 116_130;
const OPAQUE: i64 = 0xFF00_0000;

/// The samples of one component of an MCU, and where its pixels find them.
#[derive(Clone, Debug, Default)]
pub struct Component {
    /// How many pixels share a sample, across and down; not considered when both are 0.
    pub scale: (i32, i32),
    /// Blocks in a row of [`Component::blocks`].
    pub blocks_across: i32,
    /// Width of the MCU in blocks.
    pub mcu_width: i32,
    /// Row after row.
    pub blocks: Vec<[i32; BLOCK]>,
}

/// Goes through the samples of a component as pixels ask for them: left to right, top to bottom.
struct Samples<'a> {
    component: &'a Component,
    x: i32,
    y: i32,
}

impl Samples<'_> {
    fn next(&mut self) -> Result<i64, Malformed> {
        let component = self.component;
        let (mut x, mut y) = (self.x, self.y);
        if component.scale != (0, 0) {
            x = x.checked_div(component.scale.0).ok_or(Malformed)?;
            y = y.checked_div(component.scale.1).ok_or(Malformed)?;
        }
        let (column, row) = (i64::from(x >> 3), i64::from(y >> 3));
        let block = row * i64::from(component.blocks_across) + column;
        let block = usize::try_from(block).ok().and_then(|block| component.blocks.get(block));
        let sample = block.ok_or(Malformed)?[((y & 7) << 3 | x & 7) as usize];
        self.x += 1;
        if self.x >= component.mcu_width.wrapping_mul(8) {
            self.x = 0;
            self.y = self.y.wrapping_add(1);
        }
        Ok(i64::from(sample))
    }
}

/// What of a value a pixel shows, and what is left for the next pixel.
fn dithered(value: i64, mask: i64) -> (i64, i32) {
    ((value & (MOST - mask)).max(1), (value & mask) as i32)
}

fn pixel(red: i64, green: i64, blue: i64) -> u32 {
    // A mask that makes no sense may give more than 8 bits, which run over into each other.
    OPAQUE.wrapping_add(red << 16).wrapping_add(green << 8).wrapping_add(blue) as u32
}

/// Fill `pixels` from a luminance and two chrominances. `residuals` are those of red, green, blue.
///
/// # Errors
/// There are not enough blocks for so many pixels.
pub fn color(
    components: &[Component; 3],
    pixels: &mut [u32],
    residuals: &mut [i32; 3],
    mask: i64,
) -> Result<(), Malformed> {
    let [mut y, mut cb, mut cr] =
        components.each_ref().map(|component| Samples { component, x: 0, y: 0 });
    for target in pixels {
        let (y, cb, cr) = (y.next()?, cb.next()? - MIDDLE, cr.next()? - MIDDLE);
        let mut values = [
            y + RED_FROM_CR * cr / SCALE,
            y - GREEN_FROM_CB * cb / SCALE - GREEN_FROM_CR * cr / SCALE,
            y + BLUE_FROM_CB * cb / SCALE,
        ];
        for (value, residual) in values.iter_mut().zip(residuals.iter_mut()) {
            let sum = (*value + i64::from(*residual)).clamp(0, MOST);
            (*value, *residual) = dithered(sum, mask);
        }
        let [red, green, blue] = values;
        *target = pixel(red, green, blue);
    }
    Ok(())
}

/// Fill `pixels` from a luminance. Of `residuals`, that of green is used.
///
/// # Errors
/// There are not enough blocks for so many pixels.
pub fn gray(
    component: &Component,
    pixels: &mut [u32],
    residuals: &mut [i32; 3],
    mask: i64,
) -> Result<(), Malformed> {
    let mut samples = Samples { component, x: 0, y: 0 };
    for target in pixels {
        // Not made positive first, unlike colours.
        let sum = (samples.next()? + i64::from(residuals[1])).min(MOST);
        let value;
        (value, residuals[1]) = dithered(sum, mask);
        *target = pixel(value, value, value);
    }
    Ok(())
}
