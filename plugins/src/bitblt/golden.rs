//! What the arithmetic rules make of three words at 8, 16 and 32 bits.
//!
//! The expected words were observed with the BitBlt of the OpenSmalltalk VM.

use super::{BlitParameters, Form, FormShape, Source, copy_bits};

/// Rule, depth, and the destination afterwards.
#[rustfmt::skip]
const GOLDEN: &[(u32, i32, [u32; 3])] = &[
    (18, 8, [0x8050_3AE2, 0xA247_66DB, 0x0022_EF00]),
    (18, 16, [0x80C0_0444, 0xC469_FDDC, 0x1101_0000]),
    (18, 32, [0xC0C0_D318, 0x4025_4443, 0xFF12_10EF]),
    (19, 8, [0x80CF_B4A0, 0xA443_6923, 0xFFFE_EF00]),
    (19, 16, [0x80C0_7E02, 0xC666_0024, 0x10DD_0000]),
    (19, 32, [0xBF40_4CD6, 0x4221_468B, 0xFEEE_10EF]),
    (20, 8, [0x80FF_FFE2, 0xA246_FFFF, 0x0022_EF00]),
    (20, 16, [0x80C0_7FE4, 0x7FE8_7FFC, 0x10FF_0000]),
    (20, 32, [0xC0C0_D2FF, 0xFF24_FFFF, 0xFF12_10EF]),
    (21, 8, [0x8031_B4A0, 0x5C44_9723, 0x0002_EF00]),
    (21, 16, [0x80C0_0202, 0x39A6_005C, 0x10E3_0000]),
    (21, 32, [0x40C0_4CD6, 0x4222_B975, 0xFF12_10EF]),
    (24, 8, [0x80C0_4321, 0x910B_EAE1, 0x0012_0000]),
    (24, 16, [0x80C0_4321, 0xA21D_FFA1, 0x1020_0000]),
    (24, 32, [0xA090_5757, 0xE01B_7284, 0xFF00_10EF]),
    (25, 8, [0x808F_F7C1, 0x2345_67FF, 0x0010_EF00]),
    (25, 16, [0x80C0_C123, 0x4567_FF00, 0x10EF_0000]),
    (25, 32, [0x4000_8FF7, 0xC123_4567, 0xFF00_10EF]),
    (27, 8, [0x80C0_F7C1, 0x7F45_FEFF, 0x0012_EF00]),
    (27, 16, [0x80C0_4323, 0x7F07_7F1C, 0x10F2_0000]),
    (27, 32, [0x80C0_8FF7, 0xC123_FEDC, 0xFF12_10EF]),
    (28, 8, [0x808F_4321, 0x2301_67DC, 0x0010_0000]),
    (28, 16, [0x80C0_4121, 0x4561_7EC0, 0x000F_0000]),
    (28, 32, [0x4000_4321, 0x7F01_4567, 0x0000_0000]),
    (29, 8, [0x8070_0821, 0x7F01_9800, 0x0012_0000]),
    (29, 16, [0x80C0_3EC1, 0x3A81_00FC, 0x0010_0000]),
    (29, 32, [0x80C0_4308, 0x3E01_BA98, 0x0012_0000]),
    (30, 8, [0x80C0_4321, 0x7F01_FEDC, 0x0012_0000]),
    (30, 16, [0x80C0_4262, 0x6A64_7EF2, 0x0871_0000]),
    (30, 32, [0x6775_6175, 0x990F_B6AF, 0x640B_075E]),
    (31, 8, [0x80C0_4321, 0x7F01_FEDC, 0x0012_0000]),
    (31, 16, [0x80C0_4262, 0x6A64_7EF2, 0x0871_0000]),
    (31, 32, [0x6775_6175, 0x990F_B6AF, 0x640B_075E]),
    (34, 8, [0x80FF_FFE1, 0x9045_FFFF, 0x0021_EF00]),
    (34, 16, [0x80C0_FF43, 0xA167_FF9F, 0x10FF_0000]),
    (34, 32, [0x9F8F_C0FF, 0xDF23_829C, 0xFF00_10EF]),
    (35, 8, [0x80FF_FFE1, 0x9045_FFFF, 0x0021_EF00]),
    (35, 16, [0x80C0_FF43, 0xA167_FF9F, 0x10FF_0000]),
    (35, 32, [0x9F8F_C0FF, 0xDF23_829C, 0xFF00_10EF]),
    (36, 8, [0x80FF_FFE1, 0x9045_FFFF, 0x0021_EF00]),
    (36, 16, [0x80C0_FF43, 0xA167_FF9F, 0x10FF_0000]),
    (36, 32, [0x9F8F_C0FF, 0xDF23_829C, 0xFF00_10EF]),
    (37, 8, [0x806C_4119, 0x1100_67DC, 0x0001_0000]),
    (37, 16, [0x80C0_2500, 0x4520_7E20, 0x0009_0000]),
    (37, 32, [0x2000_2620, 0x6000_4559, 0x0000_0000]),
    (38, 8, [0x8043_C080, 0xDCFE_017F, 0x0000_1200]),
    (38, 16, [0x80C0_80C0, 0xFEDC_7F01, 0x0000_0000]),
    (38, 32, [0x80C0_4321, 0x7F01_FEDC, 0x0012_0000]),
    (39, 8, [0x80C0_4321, 0x7F01_FEDC, 0x0012_0000]),
    (39, 16, [0x80C0_4321, 0x7F01_FEDC, 0x0012_0000]),
    (39, 32, [0x80C0_4321, 0x7F01_FEDC, 0x0012_0000]),
    (40, 8, [0x80C0_4321, 0x7F01_FEDC, 0x0012_0000]),
    (40, 16, [0x80C0_4321, 0x7F01_FEDC, 0x0012_0000]),
    (40, 32, [0x80C0_4321, 0x7F01_FEDC, 0xFF12_0000]),
    (41, 8, [0x80FF_FFFF, 0xFFFF_FFFF, 0xFFFF_FF00]),
    (41, 16, [0x80C0_FF4F, 0xFF84_FF25, 0xFF04_0000]),
    (41, 32, [0x9FBF_407C, 0xDF04_C9B5, 0xFF11_0477]),
];

#[test]
fn rules_agree_with_the_reference() {
    for &(rule, depth, wanted) in GOLDEN {
        let mut bits = [0x80C0_4321, 0x7F01_FEDC, 0x0012_0000];
        let source = [0x4000_8FF7, 0xC123_4567, 0xFF00_10EF];
        let shape = FormShape::new(3 * 32 / depth, 1, depth).unwrap();
        let shifted = i64::from(depth < 32);
        let width = i64::from(shape.width);
        let mut p = BlitParameters {
            combination_rule: rule,
            dest_x: shifted,
            source_x: 2 * shifted,
            width,
            height: 1,
            clip_width: width,
            clip_height: 1,
            source_alpha: 100,
            component_alpha_color: 0xFF20_4080,
            ..BlitParameters::default()
        };
        let other = Source::Other(shape, &source);
        copy_bits(&mut p, &mut Form { shape, bits: &mut bits }, other).unwrap();
        assert_eq!(bits, wanted, "rule {rule} at {depth} bits");
    }
}
