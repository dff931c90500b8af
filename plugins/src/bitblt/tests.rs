//! Blits against pixels worked out one by one.
//!
//! Owns the slow model. It must not share code with the engine but the forms.

use super::*;

const DEPTHS: [i32; 12] = [1, 2, 4, 8, 16, 32, -1, -2, -4, -8, -16, -32];

fn noise(len: usize, seed: u32) -> Vec<u32> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state ^ state >> 13
        })
        .collect()
}

/// Bit 3 of a rule is for neither, 2 for the destination alone, 1 for the
/// source alone, 0 for both.
fn logic(rule: u32, s: u32, d: u32) -> u32 {
    (0..32).fold(0, |sum, bit| {
        let place = 3 - (2 * (s >> bit & 1) + (d >> bit & 1));
        sum | (rule >> place & 1) << bit
    })
}

fn params(rule: u32) -> BlitParameters<'static> {
    BlitParameters {
        combination_rule: rule,
        dest_x: 3,
        dest_y: 1,
        width: 40,
        height: 5,
        source_x: 5,
        source_y: 0,
        clip_width: 100,
        clip_height: 100,
        ..BlitParameters::default()
    }
}

#[test]
fn bitwise_rules_agree_with_the_truth_table_at_every_depth() {
    for depth in DEPTHS {
        let shape = FormShape::new(50, 7, depth).unwrap();
        let source = noise(shape.pitch * 7, 7);
        let before = noise(shape.pitch * 7, 9);
        for rule in 0..15 {
            let mut after = before.clone();
            let mut form = Form { shape, bits: &mut after };
            copy_bits(&mut params(rule), &mut form, Source::Other(shape, &source)).unwrap();
            for (x, y) in (0..7).flat_map(|y| (0..50).map(move |x| (x, y))) {
                let old = shape.pixel(&before, x, y);
                let inside = (3..43).contains(&x) && (1..6).contains(&y);
                let ink = shape.pixel(&source, x + 2, y - 1);
                let new = match rule {
                    5 => old,
                    _ => logic(rule, ink, old) & shape.pixel_mask(),
                };
                let wanted = if inside { new } else { old };
                assert_eq!(
                    shape.pixel(&after, x, y),
                    wanted,
                    "depth {depth} rule {rule} at {x},{y}"
                );
            }
        }
    }
}

#[test]
fn a_form_scrolls_onto_itself() {
    let moves = [(3, 0), (-3, 0), (0, 2), (0, -2), (5, 1), (-4, 1), (1, -1), (9, 0), (40, 0)];
    for (depth, (dx, dy)) in DEPTHS.iter().flat_map(|depth| moves.map(|by| (*depth, by))) {
        let shape = FormShape::new(100, 9, depth).unwrap();
        let before = noise(shape.pitch * 9, 21);
        let mut after = before.clone();
        let mut p = BlitParameters { width: 40, source_x: 10, source_y: 2, ..params(3) };
        (p.dest_x, p.dest_y) = (i64::from(10 + dx), i64::from(2 + dy));
        copy_bits(&mut p, &mut Form { shape, bits: &mut after }, Source::Same).unwrap();
        for (x, y) in (0..9).flat_map(|y| (0..100).map(move |x| (x, y))) {
            let moved = (10 + dx..50 + dx).contains(&x) && (2 + dy..7 + dy).contains(&y);
            let from = if moved { (x - dx, y - dy) } else { (x, y) };
            let wanted = shape.pixel(&before, from.0, from.1);
            assert_eq!(shape.pixel(&after, x, y), wanted, "depth {depth} by {dx},{dy} at {x},{y}");
        }
    }
}

fn one(rule: u32, depth: i32, s: u32, d: u32) -> u32 {
    let shape = FormShape::new(32 / depth, 1, depth).unwrap();
    let mut bits = [d];
    let mut p =
        BlitParameters { dest_x: 0, dest_y: 0, source_x: 0, source_alpha: 128, ..params(rule) };
    copy_bits(&mut p, &mut Form { shape, bits: &mut bits }, Source::Other(shape, &[s])).unwrap();
    bits[0]
}

#[test]
fn colours_add_blend_and_paint() {
    assert_eq!(one(20, 32, 0x8040_20F0, 0x9010_1020), 0xFF50_30FF);
    assert_eq!(one(21, 8, 0x1020_3040, 0x4030_2010), 0x3010_1030);
    assert_eq!(one(24, 32, 0x0012_3456, 0xFF11_2233), 0xFF11_2233);
    assert_eq!(one(24, 32, 0xFF12_3456, 0x0011_2233), 0xFF12_3456);
    assert_eq!(one(25, 8, 0x0011_0022, 0xAABB_CCDD), 0xAA11_CC22);
    assert_eq!(one(26, 8, 0x0011_0022, 0xAABB_CCDD), 0xAA00_CC00);
    assert_eq!(one(27, 16, 0x7C00_001F, 0x03E0_03E1), 0x7FE0_03FF);
    assert_eq!(one(28, 32, 0x1122_3344, 0x4433_2211), 0x1122_2211);
    assert_eq!(one(34, 32, 0x0012_3456, 0x0102_0304), 0x0102_0304);
    assert_eq!(one(37, 32, 0xFF80_FF00, 0x1234_5678), 0x121A_5600);
    assert_eq!(one(38, 8, 0, 0x1122_3344), 0x4433_2211);
    assert_eq!(one(40, 32, 0xFF00_0000, 0x0011_2233), 0xFF11_2233);
    assert_eq!(one(30, 32, 0xFFFF_FFFF, 0), 0x8080_8080);
}

#[test]
fn maps_warps_and_lines() {
    let source = FormShape::new(32, 1, 1).unwrap();
    let shape = FormShape::new(32, 1, 32).unwrap();
    let mut bits = vec![0; 32];
    let mut table = [7, 9];
    let map = ColorMap::from_table(&mut table, 1, 32);
    let mut p = BlitParameters {
        dest_x: 0,
        dest_y: 0,
        source_x: 0,
        width: 32,
        color_map: Some(map),
        ..params(3)
    };
    copy_bits(&mut p, &mut Form { shape, bits: &mut bits }, Source::Other(source, &[0xA000_0000]))
        .unwrap();
    assert_eq!(bits[..4], [9, 7, 9, 7]);

    let square = FormShape::new(2, 2, 32).unwrap();
    let mut out = [0; 4];
    let mut p = BlitParameters { dest_x: 0, dest_y: 0, width: 2, height: 2, ..params(3) };
    let corners = [(0, 0), (0, 1 << 14), (1 << 14, 1 << 14), (1 << 14, 0)];
    let w = WarpParameters { corners, smoothing: 1, source_map: None };
    let other = Source::Other(square, &[1, 2, 3, 4]);
    warp_bits(&mut p, &w, &mut Form { shape: square, bits: &mut out }, other).unwrap();
    assert_eq!(out, [1, 2, 3, 4]);

    let mut line = vec![0; 5];
    let page = FormShape::new(32, 5, 1).unwrap();
    let mut p = BlitParameters { dest_x: 0, dest_y: 0, width: 1, height: 1, ..params(3) };
    draw_loop(&mut p, &mut Form { shape: page, bits: &mut line }, Source::None, 4, 4).unwrap();
    assert_eq!(line, [0, 1 << 30, 1 << 29, 1 << 28, 0]);
}
