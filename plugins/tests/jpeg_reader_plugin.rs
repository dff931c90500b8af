//! JPEGReaderPlugin as the image calls it: a JPEG through all four primitives beside another decoder;
//! numbers worked out by hand; failures.

mod common;

use common::{fresh, int};
use rowel_interpreter::failure::Failure::{self, *};
use rowel_interpreter::vm::Vm;
use rowel_objmem::header::IMMUTABLE_BIT;
use rowel_objmem::layout::class_index;
use rowel_objmem::{Format, Oop};

/// The order in which coefficients come: along the diagonals.
fn diagonals() -> Vec<usize> {
    let mut places: Vec<(usize, usize)> = (0..64).map(|place| (place / 8, place % 8)).collect();
    places.sort_by_key(|(row, column)| {
        let sum = row + column;
        (sum, if sum % 2 == 0 { *column } else { *row })
    });
    places.into_iter().map(|(row, column)| row * 8 + column).collect()
}

fn words(vm: &mut Vm, values: &[i64]) -> Oop {
    let count = values.len() as u64;
    let format = Format::WORDS_32.for_elements(count);
    let object = vm.heap.allocate_filled(class_index::BITMAP, format, count.div_ceil(2));
    let object = object.expect("memory");
    for (index, value) in values.iter().enumerate() {
        vm.heap.store_element_u32(object, index, *value as u32);
    }
    object
}

fn contents(vm: &Vm, words: Oop) -> Vec<i64> {
    let count = vm.heap.element_count(words) as usize;
    (0..count).map(|index| i64::from(vm.heap.fetch_u32(words, index) as i32)).collect()
}

fn call(vm: &mut Vm, name: &str, arguments: &[Oop]) -> Result<Oop, Failure> {
    let primitive = vm.modules.find(b"JPEGReaderPlugin", name.as_bytes()).expect(name);
    let receiver = vm.heap.true_object();
    vm.apply(primitive, receiver, arguments)
}

/// A JPEGColorComponent of `across` × `down` blocks, of which a pixel takes one sample in `scale`.
fn component(vm: &mut Vm, across: i64, blocks: &[Oop], scale: i64, mcu_width: i64) -> Oop {
    let blocks = vm.array_object(blocks).expect("memory");
    let nil = vm.heap.nil();
    let slots = [int(5), int(5), int(scale), int(scale), blocks, int(across), nil, nil];
    let slots = [&slots[..], &[int(mcu_width), nil, int(0)]].concat();
    vm.array_object(&slots).expect("memory")
}

/// A lookup table for the codes of a DHT segment, bit by bit, so that none is read too many.
fn lookup_table(lengths: &[u8], symbols: &[u8]) -> Vec<i64> {
    // A word with the sign bit is no code.
    let mut table = vec![1 << 24, 1 << 31, 1 << 31];
    let (mut code, mut next) = (0usize, symbols.iter());
    for length in 1..=16 {
        for _ in 0..lengths[length - 1] {
            let mut place = 1;
            for bit in (0..length).rev() {
                place += code >> bit & 1;
                if bit > 0 {
                    if table[place] == 1 << 31 {
                        table[place] = 1 << 24 | (table.len() as i64 + 1);
                        table.extend([1 << 31; 2]);
                    }
                    place = (table[place] & 0xFFFF) as usize - 1;
                }
            }
            table[place] = i64::from(*next.next().expect("a symbol"));
            code += 1;
        }
        code <<= 1;
    }
    table
}

/// What a decoder needs of a baseline JPEG.
#[derive(Default)]
struct Parsed {
    quantization: Vec<Vec<i64>>,
    dc: Vec<Vec<i64>>,
    ac: Vec<Vec<i64>>,
    size: (usize, usize),
    /// Sampling factor and quantisation table of each component.
    components: Vec<(usize, usize)>,
    data: Vec<u8>,
}

fn parse(file: &[u8]) -> Parsed {
    let mut parsed = Parsed {
        quantization: vec![vec![]; 2],
        dc: vec![vec![]; 2],
        ac: vec![vec![]; 2],
        ..Parsed::default()
    };
    let word = |at: usize| usize::from(file[at]) << 8 | usize::from(file[at + 1]);
    let mut at = 2;
    loop {
        let (marker, length) = (file[at + 1], word(at + 2));
        let mut body = &file[at + 4..at + 2 + length];
        match marker {
            0xDB => {
                while let [id, rest @ ..] = body {
                    let mut table = vec![0; 64];
                    for (place, value) in diagonals().into_iter().zip(rest) {
                        table[place] = i64::from(*value);
                    }
                    parsed.quantization[usize::from(*id)] = table;
                    body = &rest[64..];
                }
            }
            0xC4 => {
                while let [id, rest @ ..] = body {
                    let (lengths, rest) = rest.split_at(16);
                    let count: usize = lengths.iter().map(|length| usize::from(*length)).sum();
                    let (symbols, rest) = rest.split_at(count);
                    let tables = if id >> 4 == 0 { &mut parsed.dc } else { &mut parsed.ac };
                    tables[usize::from(id & 15)] = lookup_table(lengths, symbols);
                    body = rest;
                }
            }
            0xC0 => {
                parsed.size = (word(at + 7), word(at + 5));
                for component in body[6..].chunks(3) {
                    let (sampling, table) = (component[1] & 15, component[2]);
                    parsed.components.push((usize::from(sampling), usize::from(table)));
                }
            }
            0xDA => {
                parsed.data = file[at + 2 + length..].to_vec();
                return parsed;
            }
            _ => {}
        }
        at += 2 + length;
    }
}

/// Decode a JPEG as the image does: red, green, blue of each pixel.
fn decode(vm: &mut Vm, file: &[u8], mask: i64) -> Vec<[i64; 3]> {
    let parsed = parse(file);
    let (width, height) = parsed.size;
    let most = parsed.components.iter().map(|component| component.0).max().expect("components");
    let side = most * 8;
    let mut pixels = vec![[0; 3]; width * height];
    let bytes = vm.byte_array_object(&parsed.data).expect("memory");
    let limit = int(parsed.data.len() as i64);
    let stream = vm.array_object(&[bytes, int(0), limit, int(0), int(0)]).expect("memory");
    let mut tables = Vec::new();
    for list in [&parsed.dc, &parsed.ac, &parsed.quantization] {
        tables.push(list.iter().map(|table| words(vm, table)).collect::<Vec<_>>());
    }
    let mut components = Vec::new();
    for (sampling, _) in &parsed.components {
        let blocks: Vec<Oop> = (0..sampling * sampling).map(|_| words(vm, &[0; 64])).collect();
        let across = *sampling as i64;
        let scale = (most / sampling) as i64;
        components.push((component(vm, across, &blocks, scale, most as i64), blocks));
    }
    let bits = words(vm, &vec![0; side * side]);
    let residuals = words(vm, &[0; 3]);
    for top in (0..height).step_by(side) {
        for left in (0..width).step_by(side) {
            for (index, (component, blocks)) in components.iter().enumerate() {
                let (dc, ac) = (tables[0][index.min(1)], tables[1][index.min(1)]);
                let quantization = tables[2][parsed.components[index].1];
                for block in blocks {
                    let arguments = [*block, *component, dc, ac, stream];
                    call(vm, "primitiveDecodeMCU", &arguments).expect("decoded");
                    call(vm, "primitiveIdctInt", &[*block, quantization]).expect("transformed");
                }
            }
            if let [(component, _)] = &components[..] {
                let arguments = [*component, bits, residuals, int(mask)];
                call(vm, "primitiveColorConvertGrayscaleMCU", &arguments).expect("gray");
            } else {
                let array: Vec<Oop> = components.iter().map(|pair| pair.0).collect();
                let array = vm.array_object(&array).expect("memory");
                let arguments = [array, bits, residuals, int(mask)];
                call(vm, "primitiveColorConvertMCU", &arguments).expect("color");
            }
            for (index, pixel) in contents(vm, bits).into_iter().enumerate() {
                let (x, y) = (left + index % side, top + index / side);
                if x < width && y < height {
                    assert_eq!(pixel >> 24 & 0xFF, 0xFF, "opaque");
                    pixels[y * width + x] = [16, 8, 0].map(|shift| pixel >> shift & 0xFF);
                }
            }
        }
    }
    pixels
}

/// A picture with slopes, edges and some noise.
fn picture(width: usize, height: usize) -> Vec<u8> {
    let mut noise = 1u32;
    let mut picture = Vec::new();
    for index in 0..width * height {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (x, y) = (index % width, index / width);
        let edge = if x > y { 90 } else { 0 };
        let noise = (noise >> 28) as usize;
        picture.extend([x * 3 + noise, y * 4 + edge, 255 - x * 2 - noise].map(|value| value as u8));
    }
    picture
}

fn expected(file: &[u8], colors: zune_jpeg::zune_core::colorspace::ColorSpace) -> Vec<u8> {
    let options =
        zune_jpeg::zune_core::options::DecoderOptions::default().jpeg_set_out_colorspace(colors);
    let source = std::io::Cursor::new(file);
    zune_jpeg::JpegDecoder::new_with_options(source, options).decode().expect("a JPEG")
}

fn encode(sampling: jpeg_encoder::SamplingFactor) -> Vec<u8> {
    let (width, height) = (50, 37);
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 92);
    encoder.set_sampling_factor(sampling);
    let rgb = jpeg_encoder::ColorType::Rgb;
    encoder.encode(&picture(width, height), width as u16, height as u16, rgb).expect("encoded");
    file
}

/// The largest and the mean difference between two pictures.
fn difference(ours: &[[i64; 3]], theirs: &[u8]) -> (i64, f64) {
    let pairs = ours.iter().flatten().zip(theirs);
    let differences: Vec<i64> =
        pairs.map(|(ours, theirs)| (ours - i64::from(*theirs)).abs()).collect();
    let sum: i64 = differences.iter().sum();
    (*differences.iter().max().expect("pixels"), sum as f64 / differences.len() as f64)
}

#[test]
fn a_color_jpeg_is_what_another_decoder_makes_of_it() {
    let mut vm = fresh();
    let file = encode(jpeg_encoder::SamplingFactor::F_1_1);
    let theirs = expected(&file, zune_jpeg::zune_core::colorspace::ColorSpace::RGB);
    let (most, mean) = difference(&decode(&mut vm, &file, 0), &theirs);
    // The plugin takes 127 for the middle, rounds towards zero, and has its way with lonely coefficients.
    assert!(most <= 10 && mean < 2.0, "{most} {mean}");
}

#[test]
fn chrominance_may_have_fewer_samples() {
    let mut vm = fresh();
    let file = encode(jpeg_encoder::SamplingFactor::F_2_2);
    let theirs = expected(&file, zune_jpeg::zune_core::colorspace::ColorSpace::RGB);
    let (most, mean) = difference(&decode(&mut vm, &file, 0), &theirs);
    // The other decoder interpolates.
    assert!(most <= 60 && mean < 4.0, "{most} {mean}");
}

#[test]
fn a_gray_jpeg_is_what_another_decoder_makes_of_it() {
    let mut vm = fresh();
    let (width, height) = (33, 20);
    let gray: Vec<u8> = picture(width, height).chunks(3).map(|pixel| pixel[1]).collect();
    let mut file = Vec::new();
    let luma = jpeg_encoder::ColorType::Luma;
    let encoder = jpeg_encoder::Encoder::new(&mut file, 95);
    encoder.encode(&gray, width as u16, height as u16, luma).expect("encoded");
    let theirs = expected(&file, zune_jpeg::zune_core::colorspace::ColorSpace::Luma);
    let theirs: Vec<u8> = theirs.iter().flat_map(|value| [*value; 3]).collect();
    let (most, mean) = difference(&decode(&mut vm, &file, 0), &theirs);
    assert!(most <= 2 && mean < 1.5, "{most} {mean}");
    // With dithering, the mean over the picture stays; each value is a multiple of 8, or 1.
    let dithered = decode(&mut vm, &file, 7);
    assert!(dithered.iter().flatten().all(|value| value % 8 == 0 || *value == 1));
    let mean = |pixels: &[[i64; 3]]| {
        pixels.iter().flatten().sum::<i64>() as f64 / (pixels.len() * 3) as f64
    };
    let plain = decode(&mut vm, &file, 0);
    assert!((mean(&dithered) - mean(&plain)).abs() < 1.0);
}

#[test]
fn colors_by_hand() {
    let mut vm = fresh();
    // y, cb, cr; mask; residuals before; pixel; residuals after.
    for (samples, mask, before, pixel, after) in [
        ([127, 127, 127], 0, [0, 0, 0], 0xFF7F_7F7Fu32, [0, 0, 0]),
        ([0, 127, 127], 0, [0, 0, 0], 0xFF01_0101, [0, 0, 0]),
        ([255, 127, 127], 0, [9, 9, 9], 0xFFFF_FFFF, [0, 0, 0]),
        // cr -1: red -1.4 and green +0.7, both towards zero.
        ([100, 127, 126], 0, [0, 0, 0], 0xFF63_6464, [0, 0, 0]),
        // cb 100: green -34.4, blue +177.2; cr 50: red +70.1, green -35.7.
        ([100, 227, 177], 0, [0, 0, 0], 0xFFAA_1FFF, [0, 0, 0]),
        ([100, 127, 127], 7, [1, 6, 3], 0xFF60_6860, [5, 2, 7]),
    ] {
        let mut components = Vec::new();
        for sample in samples {
            let block = words(&mut vm, &[sample; 64]);
            components.push(component(&mut vm, 1, &[block], 1, 1));
        }
        let array = vm.array_object(&components).expect("memory");
        let (bits, residuals) = (words(&mut vm, &[0]), words(&mut vm, &before));
        let answer =
            call(&mut vm, "primitiveColorConvertMCU", &[array, bits, residuals, int(mask)]);
        assert_eq!(answer, Ok(vm.heap.true_object()));
        assert_eq!(contents(&vm, bits), [i64::from(pixel as i32)], "{samples:?}");
        assert_eq!(contents(&vm, residuals), after, "{samples:?}");
    }
}

#[test]
fn gray_is_not_made_positive_before_it_is_dithered() {
    let mut vm = fresh();
    let block = words(
        &mut vm,
        &[[-3, 300, 13], [0; 3], [0; 3]].concat().into_iter().cycle().take(64).collect::<Vec<_>>(),
    );
    let gray = component(&mut vm, 1, &[block], 0, 1);
    let (bits, residuals) = (words(&mut vm, &[0; 3]), words(&mut vm, &[7, 0, 7]));
    call(&mut vm, "primitiveColorConvertGrayscaleMCU", &[gray, bits, residuals, int(3)])
        .expect("gray");
    // -3 leaves 1 and shows 252; 300 + 1 is 255, leaves 3 and shows 252; 13 + 3 shows 16.
    let pixels = [0xFFFC_FCFCu32, 0xFFFC_FCFC, 0xFF10_1010].map(|pixel| i64::from(pixel as i32));
    assert_eq!(contents(&vm, bits), pixels);
    assert_eq!(contents(&vm, residuals), [7, 0, 7]);
}

#[test]
fn samples_are_near_to_those_of_the_transform_in_floats() {
    let mut vm = fresh();
    let mut noise = 7u32;
    for _ in 0..50 {
        let mut block = [0i64; 64];
        let mut table = [0i64; 64];
        for index in 0..64 {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Each column has more than its first coefficient, see below.
            block[index] = i64::from(noise >> 27) - 16 + i64::from(index / 8 == 1) * 100;
            table[index] = 1 + index as i64 / 16;
        }
        let (object, quantization) = (words(&mut vm, &block), words(&mut vm, &table));
        call(&mut vm, "primitiveIdctInt", &[object, quantization]).expect("transformed");
        let ours = contents(&vm, object);
        for (place, ours) in ours.iter().enumerate() {
            let (y, x) = (place / 8, place % 8);
            let mut sum = 0.0;
            for (index, value) in block.iter().enumerate() {
                let scale = |n: usize| if n == 0 { 0.5f64.sqrt() } else { 1.0 };
                let wave = |at: usize, n: usize| {
                    ((2 * at + 1) as f64 * n as f64 * std::f64::consts::PI / 16.0).cos()
                };
                let (v, u) = (index / 8, index % 8);
                let value = (value * table[index]) as f64;
                sum += value * scale(u) * scale(v) * wave(x, u) * wave(y, v) / 4.0;
            }
            let exact = (sum + 127.0).clamp(0.0, 255.0);
            assert!((*ours as f64 - exact).abs() <= 1.6, "{place}: {ours} {exact}");
        }
    }
}

#[test]
fn a_lonely_first_coefficient_of_a_column_is_multiplied_by_the_first_of_the_table() {
    let mut vm = fresh();
    let mut table = [1; 64];
    table[0] = 16;
    let quantization = words(&mut vm, &table);
    // A constant of 3 * 16 / 8 above 127, of -3 * 16 / 8 below it.
    for (value, sample) in [(3, 133), (-3, 121), (1000, 255), (-1000, 0)] {
        let mut block = [0; 64];
        block[0] = value;
        let object = words(&mut vm, &block);
        call(&mut vm, "primitiveIdctInt", &[object, quantization]).expect("transformed");
        assert_eq!(contents(&vm, object), [sample; 64]);
    }
    // With the table's own 1 the second coefficient would move no sample by more than 1.
    let mut block = [0; 64];
    block[1] = 8;
    let object = words(&mut vm, &block);
    call(&mut vm, "primitiveIdctInt", &[object, quantization]).expect("transformed");
    // 8 * 16 * cos((2x + 1)π/16) / 8 / √2 + 127, towards 127.
    assert_eq!(contents(&vm, object)[..8], [149, 145, 139, 131, 123, 115, 109, 105]);
}

/// A table for values 0 to 3 in two bits each.
fn two_bits() -> Vec<i64> {
    vec![2 << 24, 0, 1, 2, 3]
}

#[test]
fn what_cannot_be_decoded_fails_and_changes_nothing() {
    let mut vm = fresh();
    let end_of_block = words(&mut vm, &[1 << 24, 0, 0x11]);
    let huge = words(&mut vm, &[1 << 24, 40, 40]);
    let circle = words(&mut vm, &[1 << 24, 0x3F00_0000, 0x4000_0000]);
    let endless = words(&mut vm, &[0, 0x4000_0001]);
    let negative = words(&mut vm, &[1 << 24, 1 << 31, 1 << 31]);
    let empty = words(&mut vm, &[]);
    let low = words(&mut vm, &[0x1100_0000, 0]);
    let dc = words(&mut vm, &two_bits());
    let too_far = words(&mut vm, &[1 << 24, 0xF1, 0xF1]);
    let block = words(&mut vm, &[9; 64]);
    let part = component(&mut vm, 1, &[], 1, 1);
    let bytes = vm.byte_array_object(&[0x1B; 8]).expect("memory");
    let stream = vm.array_object(&[bytes, int(0), int(8), int(0), int(0)]).expect("memory");
    let before = contents(&vm, block);
    for (dc, ac) in [
        (huge, end_of_block),
        (circle, end_of_block),
        (endless, end_of_block),
        (negative, end_of_block),
        (empty, end_of_block),
        (low, end_of_block),
        (dc, too_far),
        (dc, empty),
        (dc, endless),
    ] {
        let arguments = [block, part, dc, ac, stream];
        assert_eq!(call(&mut vm, "primitiveDecodeMCU", &arguments), Err(Generic));
        assert_eq!(contents(&vm, block), before);
        assert_eq!(vm.heap.fetch(stream, 1), int(0));
        assert_eq!(vm.heap.fetch(part, 10), int(0));
    }
    for (slot, bad) in
        [(0, int(1)), (1, int(8)), (1, int(-1)), (2, int(9)), (4, int(32)), (4, int(-1))]
    {
        let old = vm.heap.fetch(stream, slot);
        vm.heap.store(stream, slot, bad);
        let arguments = [block, part, dc, end_of_block, stream];
        assert_eq!(
            call(&mut vm, "primitiveDecodeMCU", &arguments).map_err(|_| ()),
            Err(()),
            "{slot}"
        );
        vm.heap.store(stream, slot, old);
    }
    // 0x1B is 00 01 10 11: a difference of 0, then the end of the block.
    let arguments = [block, part, dc, end_of_block, stream];
    assert_eq!(call(&mut vm, "primitiveDecodeMCU", &arguments), Ok(vm.heap.true_object()));
    assert_eq!(contents(&vm, block), [0; 64]);
    // Now 1 10 11 …: 3 bits wide, 011 and so 3 - 7.
    let prior = contents(&vm, block)[0];
    assert_eq!(call(&mut vm, "primitiveDecodeMCU", &arguments), Ok(vm.heap.true_object()));
    assert_ne!(contents(&vm, block)[0], prior);
    let short = words(&mut vm, &[0; 63]);
    let arguments = [short, part, dc, end_of_block, stream];
    assert_eq!(call(&mut vm, "primitiveDecodeMCU", &arguments), Err(Generic));
}

#[test]
fn pixels_without_samples_fail_and_change_nothing() {
    let mut vm = fresh();
    let block = words(&mut vm, &[50; 64]);
    let residuals = words(&mut vm, &[1, 2, 3]);
    let bits = words(&mut vm, &[7; 64]);
    let more = words(&mut vm, &[7; 65]);
    let good = component(&mut vm, 1, &[block], 1, 1);
    let nothing = component(&mut vm, 1, &[], 1, 1);
    let flipped = component(&mut vm, 1, &[block], -1, 1);
    let halved = component(&mut vm, 1, &[block], 1, 1);
    vm.heap.store(halved, 3, int(0));
    let far = component(&mut vm, i64::from(i32::MAX), &[block], 1, i64::from(i32::MAX));
    let nil = vm.heap.nil();
    for (part, bits) in
        [(nothing, bits), (flipped, bits), (halved, bits), (far, bits), (good, more), (nil, bits)]
    {
        let arguments = [part, bits, residuals, int(7)];
        assert_eq!(call(&mut vm, "primitiveColorConvertGrayscaleMCU", &arguments), Err(Generic));
        let array = vm.array_object(&[good, good, part]).expect("memory");
        let arguments = [array, bits, residuals, int(7)];
        assert_eq!(call(&mut vm, "primitiveColorConvertMCU", &arguments), Err(Generic));
        assert!(contents(&vm, bits).iter().all(|pixel| *pixel == 7));
        assert_eq!(contents(&vm, residuals), [1, 2, 3]);
    }
    // Masks without sense are no reason to break down.
    for mask in [-1, i64::from(i32::MIN), (1 << 60) - 1, -(1 << 60)] {
        let arguments = [good, bits, residuals, int(mask)];
        assert!(call(&mut vm, "primitiveColorConvertGrayscaleMCU", &arguments).is_ok());
        let array = vm.array_object(&[good, good, good]).expect("memory");
        let arguments = [array, bits, residuals, int(mask)];
        assert!(call(&mut vm, "primitiveColorConvertMCU", &arguments).is_ok());
    }
    let header = vm.heap.header(residuals).with_flag(IMMUTABLE_BIT, true);
    vm.heap.set_header(residuals, header);
    let arguments = [good, bits, residuals, int(7)];
    assert_eq!(call(&mut vm, "primitiveColorConvertGrayscaleMCU", &arguments), Err(NoModification));
}

#[test]
fn any_coefficients_become_samples() {
    let mut vm = fresh();
    let extremes = [i64::from(i32::MAX), i64::from(i32::MIN), -1, 1, 0];
    for shift in 0..5 {
        let block: Vec<i64> = (0..64).map(|index| extremes[(index + shift) % 5]).collect();
        let object = words(&mut vm, &block);
        call(&mut vm, "primitiveIdctInt", &[object, object]).expect("transformed");
        assert!(contents(&vm, object).iter().all(|sample| (0..=255).contains(sample)));
    }
}
