//! The combination rules: one word of source and one of destination make one.
//!
//! Owns rules 0 to 41 and their counters. It must not know where words come from.
//! Facts: `initializeRuleTable` and the methods it names in VMMaker.

use super::blend::widen;
use super::color_map::{ColorMap, rgb_map};
use super::span::Span;

/// What rules see beside the two words.
pub(super) struct Rules<'p, 'm> {
    pub rule: u32,
    pub depth: u32,
    pub dest_mask: u32,
    pub source_alpha: u32,
    pub component_color: u32,
    /// Rule 41: from mixed to gamma-corrected components, and back before they are mixed.
    pub gamma: [Option<&'m [u8]>; 2],
    pub bit_count: u64,
    pub map: Option<&'p mut ColorMap<'m>>,
}

const PAIRS: u32 = 0x00FF_00FF;

/// Combine whole words, one after the other.
#[inline(always)]
fn each(d: &mut [u32], s: &[u32], f: impl Fn(u32, u32) -> u32) {
    for (d, s) in d.iter_mut().zip(s) {
        *d = f(*s, *d);
    }
}

impl Rules<'_, '_> {
    /// Combine the first and the last word of a span. With `masked`, the rule sees nothing of the
    /// destination outside of the area.
    pub fn merge_edges(
        &mut self,
        row: &mut [u32],
        span: &Span,
        source: impl Fn(usize) -> u32,
        masked: bool,
    ) {
        self.merge_edge(&mut row[0], source(0), span.mask(0), masked);
        let last = span.words - 1;
        if last > 0 {
            self.merge_edge(&mut row[last], source(last), span.mask(last), masked);
        }
    }

    fn merge_edge(&mut self, word: &mut u32, source: u32, mask: u32, masked: bool) {
        self.dest_mask = mask;
        let old = *word;
        let seen = if masked { old & mask } else { old };
        *word = self.merge(source, seen) & mask | old & !mask;
        self.dest_mask = u32::MAX;
    }

    /// Combine words of a span from its word `first` on.
    pub fn merge_span(
        &mut self,
        words: &mut [u32],
        source: &[u32],
        span: &Span,
        first: usize,
        masked: bool,
    ) {
        let (mut from, mut to) = (0, words.len());
        if first == 0 {
            self.merge_edge(&mut words[0], source[0], span.mask(0), masked);
            from = 1;
        }
        let last = span.words - 1;
        if first + to == span.words && last > 0 {
            to -= 1;
            self.merge_edge(&mut words[to], source[to], span.mask(last), masked);
        }
        if from < to {
            self.merge_words(&mut words[from..to], &source[from..to]);
        }
    }

    /// Combine whole words.
    fn merge_words(&mut self, d: &mut [u32], s: &[u32]) {
        self.dest_mask = u32::MAX;
        match self.rule {
            1 => each(d, s, |s, d| s & d),
            2 => each(d, s, |s, d| s & !d),
            3 => d.copy_from_slice(s),
            4 => each(d, s, |s, d| !s & d),
            6 => each(d, s, |s, d| s ^ d),
            7 => each(d, s, |s, d| s | d),
            24 => each(d, s, alpha_blend),
            25 if self.depth == 32 => each(d, s, |s, d| if s == 0 { d } else { s }),
            34 => each(d, s, alpha_blend_scaled),
            _ => {
                for (d, s) in d.iter_mut().zip(s) {
                    *d = self.merge(*s, *d);
                }
            }
        }
    }

    /// Combine whole words with one and the same.
    pub fn merge_ink(&mut self, d: &mut [u32], ink: u32) {
        self.dest_mask = u32::MAX;
        match self.rule {
            0 => d.fill(0),
            3 => d.fill(ink),
            6 => d.iter_mut().for_each(|d| *d ^= ink),
            10 => d.iter_mut().for_each(|d| *d = !*d),
            12 => d.fill(!ink),
            24 => d.iter_mut().for_each(|d| *d = alpha_blend(ink, *d)),
            34 => d.iter_mut().for_each(|d| *d = alpha_blend_scaled(ink, *d)),
            _ => d.iter_mut().for_each(|d| *d = self.merge(ink, *d)),
        }
    }

    /// The combined word; bits outside of the mask are the caller's to discard.
    pub fn merge(&mut self, s: u32, d: u32) -> u32 {
        match self.rule {
            0 => 0,
            1 => s & d,
            2 => s & !d,
            3 => s,
            4 => !s & d,
            6 => s ^ d,
            7 => s | d,
            8 => !s & !d,
            9 => !s ^ d,
            10 => !d,
            11 => s | !d,
            12 => !s,
            13 => !s | d,
            14 => !s | !d,
            18 => s.wrapping_add(d),
            19 => s.wrapping_sub(d),
            20 => self.fields(s, d, |a, b, max| (a + b).min(max)),
            21 => self.difference(s, d),
            22 | 32 => self.count_difference(s, d),
            23 | 33 => self.tally(d),
            24 => alpha_blend(s, d),
            25 => {
                if s == 0 {
                    d
                } else {
                    s | self.uncovered(s, d)
                }
            }
            26 => self.uncovered(s, d),
            27 => self.fields(s, d, |a, b, _| a.max(b)),
            28 => self.fields(s, d, |a, b, _| a.min(b)),
            29 => self.fields(!s, d, |a, b, _| a.min(b)),
            30 => self.blend_constant(s, d, false),
            31 => self.blend_constant(s, d, true),
            34..=36 => alpha_blend_scaled(s, d),
            37 => self.multiply(s, d),
            38 => self.swap_pixels(d),
            39 => self.pixels(s, d, |a, b| if a == b { 0 } else { b }),
            40 if self.depth == 32 && d != 0 && d >> 24 == 0 => d | s & 0xFF00_0000,
            41 => self.component_alpha_pixels(s, d),
            _ => d,
        }
    }

    /// Combines colour components, or whole pixels below 16 bits.
    fn fields(&self, s: u32, d: u32, f: impl Fn(u32, u32, u32) -> u32) -> u32 {
        let (bits, places): (u32, &[u32]) = match self.depth {
            16 => (5, &[0, 5, 10, 16, 21, 26]),
            32 => (8, &[0, 8, 16, 24]),
            bits => {
                let max = u32::MAX >> (32 - bits);
                return self.pixels(s, d, |a, b| f(a, b, max));
            }
        };
        let max = (1 << bits) - 1;
        places.iter().fold(0, |sum, &at| sum | f(s >> at & max, d >> at & max, max) << at)
    }

    /// Combines whole pixels.
    fn pixels(&self, s: u32, d: u32, f: impl Fn(u32, u32) -> u32) -> u32 {
        let mask = u32::MAX >> (32 - self.depth);
        let places = (0..32).step_by(self.depth as usize);
        places.fold(0, |sum, at| sum | (f(s >> at & mask, d >> at & mask) & mask) << at)
    }

    fn difference(&self, s: u32, d: u32) -> u32 {
        self.fields(s, d, |a, b, _| a.abs_diff(b))
    }

    fn uncovered(&self, s: u32, d: u32) -> u32 {
        self.pixels(s, d, |a, b| if a == 0 { b } else { 0 })
    }

    /// Rule 37. Of small pixels only the lowest four of a word are multiplied, as in Squeak.
    fn multiply(&self, s: u32, d: u32) -> u32 {
        let bits = match self.depth {
            16 => 5,
            32 => 8,
            bits => bits,
        };
        let kept = u32::MAX >> 32u32.saturating_sub(4 * self.depth).min(31);
        self.fields(s, d, |a, b, max| (((a + 1) * (b + 1) - 1) >> bits) & max) & kept
    }

    /// Rules 22 and 32: the old one counts pixels outside of the mask as well.
    fn count_difference(&mut self, s: u32, d: u32) -> u32 {
        let mask = if self.rule == 32 { self.dest_mask } else { u32::MAX };
        let (s, d) = (s & mask, d & mask);
        let sum = match self.depth {
            16 => sum_of(self.difference(s, d), &[0, 5, 10, 16, 21, 26], 31),
            32 => sum_of(self.difference(s, d), &[0, 8, 16], 255),
            _ => sum_of(self.pixels(s, d, |a, b| u32::from(a != b)), &STEPS, 1),
        };
        self.bit_count += u64::from(sum);
        d
    }

    /// Rules 23 and 33: counts the pixels of the destination in the table.
    fn tally(&mut self, d: u32) -> u32 {
        let selected = if self.rule == 33 { self.dest_mask } else { u32::MAX };
        let mask = u32::MAX >> (32 - self.depth);
        let Some(map) = &mut self.map else { return d };
        let to = map.bits_per_color();
        let Some(table) = &mut map.table else { return d };
        for at in (0..32).step_by(self.depth as usize) {
            if selected >> at & mask == 0 {
                continue;
            }
            let pixel = d >> at & mask;
            let index = match self.depth {
                16 => rgb_map(pixel, 5, to),
                32 => rgb_map(pixel, 8, to),
                _ => pixel,
            };
            let last = table.len().wrapping_sub(1);
            if let Some(count) = table.get_mut(index as usize & last) {
                *count = count.wrapping_add(1);
            }
        }
        d
    }

    /// Rules 30 and 31: one alpha for the whole blit; 31 skips pixels of 0.
    fn blend_constant(&self, s: u32, d: u32, paint: bool) -> u32 {
        if self.depth < 16 || paint && s == 0 {
            return d;
        }
        let alpha = self.source_alpha & 255;
        if self.depth == 32 {
            return mix(s, d, alpha);
        }
        let blend = |a: u32, b: u32| {
            let part = |at: u32| {
                ((a >> at & 31) * alpha + (b >> at & 31) * (255 - alpha)).div_ceil(255) & 31
            };
            part(0) | part(5) << 5 | part(10) << 10
        };
        let blended = self.pixels(s, d, |a, b| if paint && a == 0 { b } else { blend(a, b) });
        blended & self.dest_mask | d & !self.dest_mask
    }

    fn swap_pixels(&self, d: u32) -> u32 {
        let mask = u32::MAX >> (32 - self.depth);
        let places = (0..32).step_by(self.depth as usize);
        places.fold(0, |sum, at| sum | (d >> at & mask) << (32 - self.depth - at))
    }

    /// Rule 41 on all pixels of a word. Below 32 bits only what is left of the result when it is cut
    /// to the depth survives, as in Squeak.
    fn component_alpha_pixels(&self, s: u32, d: u32) -> u32 {
        if s == 0 {
            return d;
        }
        let cut = |value: u32| match value >> (32 - self.depth) {
            0 if value != 0 => 1,
            cut => cut,
        };
        match self.depth {
            32 => self.component_alpha(s, d),
            16 => self.pixels(s, d, |s, d| {
                cut(self.component_alpha(0xFF00_0000 | widen(s), 0xFF00_0000 | widen(d)))
            }),
            _ => self.pixels(s, d, |_, _| cut(self.component_alpha(0xFF00_0000, 0xFF00_0000))),
        }
    }

    /// Rule 41: every component of the source is the alpha of that component.
    pub fn component_alpha(&self, s: u32, d: u32) -> u32 {
        if s == 0 {
            return d;
        }
        let color = self.component_color;
        let whole = color >> 24;
        let scaled = |alpha: u32| if whole == 255 { alpha } else { (alpha * whole) >> 8 };
        let [gamma, ungamma] = self.gamma;
        let through = |table: Option<&[u8]>, value: u32| {
            table.and_then(|table| table.get(value as usize)).map_or(value, |v| u32::from(*v))
        };
        let places = [0, 8, 16, 24];
        places.iter().fold(0, |sum, &at| {
            let alpha = scaled(s >> at & 255);
            let old = d >> at & 255;
            let mixed = if at == 24 {
                ((old * (255 - alpha)) >> 8) + alpha
            } else {
                let (old, new) = (through(ungamma, old), through(ungamma, color >> at & 255));
                let mixed = ((old * (255 - alpha)) >> 8) + ((new * alpha) >> 8);
                through(gamma, mixed.min(255))
            };
            sum | mixed.min(255) << at
        })
    }
}

const STEPS: [u32; 32] = {
    let mut steps = [0; 32];
    let mut index = 0;
    while index < 32 {
        steps[index] = index as u32;
        index += 1;
    }
    steps
};

fn sum_of(word: u32, places: &[u32], mask: u32) -> u32 {
    places.iter().map(|&at| word >> at & mask).sum()
}

/// Two words mixed, every component rounded up as Squeak does.
#[inline(always)]
fn mix(s: u32, d: u32, alpha: u32) -> u32 {
    let half = |a: u32, b: u32| {
        let sum = (a & PAIRS)
            .wrapping_mul(alpha)
            .wrapping_add((b & PAIRS).wrapping_mul(255 - alpha))
            .wrapping_add(PAIRS);
        let carry = sum.wrapping_sub(0x0001_0001) >> 8 & PAIRS;
        sum.wrapping_add(carry) >> 8 & PAIRS
    };
    half(s, d) | half(s >> 8, d >> 8) << 8
}

/// Rule 24: the alpha of the source mixes; the result is as if it was opaque.
#[inline(always)]
fn alpha_blend(s: u32, d: u32) -> u32 {
    // Without branches, so that several words are blended at once.
    let alpha = s >> 24;
    let mixed = mix(s | 0xFF00_0000, d, alpha);
    if alpha == 0 { d } else { mixed }
}

/// Rule 34: the source has been multiplied with its alpha already.
#[inline(always)]
pub(super) fn alpha_blend_scaled(s: u32, d: u32) -> u32 {
    let rest = 255 - (s >> 24);
    let half = |s: u32, d: u32| {
        let sum = (((d & PAIRS) * rest) >> 8 & PAIRS) + (s & PAIRS);
        // A carry out of a component fills it.
        sum & PAIRS | ((sum & 0x0100_0100) - (sum >> 8 & 0x0001_0001))
    };
    half(s, d) | half(s >> 8, d >> 8) << 8
}
