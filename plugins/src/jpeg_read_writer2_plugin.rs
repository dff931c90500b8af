//! `JPEGReadWriter2Plugin`: JPEG files in byte objects to forms and back.
//!
//! Owns the stand-ins for libjpeg's structures, which the image allocates by the size it is told
//! and hands back unread, and the order of pixels. Decoding and encoding are left to crates.
//! Facts: `JPEGReadWriter2Plugin` in VMMaker and its `sqJPEGReadWriter2Plugin.c`. What cannot be
//! decoded fails.

use std::io::Cursor;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::bitblt::FormShape;
use crate::bitblt_plugin::strict_form;

/// The module.
pub const MODULE: Module = Module {
    name: "JPEGReadWriter2Plugin",
    rows: &[
        ("primImageHeight", Primitive::Value(|vm| header_field(vm, 1))),
        ("primImageNumComponents", Primitive::Value(|vm| header_field(vm, 2))),
        ("primImageWidth", Primitive::Value(|vm| header_field(vm, 0))),
        ("primJPEGCompressStructSize", Primitive::Value(struct_size)),
        ("primJPEGDecompressStructSize", Primitive::Value(struct_size)),
        ("primJPEGErrorMgr2StructSize", Primitive::Value(struct_size)),
        ("primJPEGPluginIsPresent", Primitive::Value(|vm| Ok(vm.heap.true_object()))),
        ("primJPEGReadHeaderfromByteArrayerrorMgr", Primitive::Value(read_header)),
        ("primJPEGReadImagefromByteArrayonFormdoDitheringerrorMgr", Primitive::Value(read_image)),
        (
            "primJPEGWriteImageonByteArrayformqualityprogressiveJPEGerrorMgr",
            Primitive::Value(write_image),
        ),
        ("primSupports8BitGrayscaleJPEGs", Primitive::Value(|vm| Ok(vm.heap.true_object()))),
    ],
};

/// Bytes of each structure: width, height and components as 32-bit words, and room to spare.
const STRUCT_SIZE: usize = 64;
/// libjpeg's quality where none is given.
const DEFAULT_QUALITY: u8 = 75;

fn struct_size(_: &mut Vm) -> PrimitiveResult {
    Ok(Oop::small_integer(STRUCT_SIZE as i64))
}

fn check_arguments(vm: &Vm, count: usize, structs: &[usize]) -> Result<(), Failure> {
    if vm.argument_count != count {
        return Err(Failure::BadNumArgs);
    }
    for index in structs {
        if vm.bytes_argument(*index)?.len() < STRUCT_SIZE {
            return Err(Failure::BadArgument);
        }
    }
    Ok(())
}

/// A field that `read_header` left in the decompression structure.
fn header_field(vm: &mut Vm, index: usize) -> PrimitiveResult {
    check_arguments(vm, 1, &[0])?;
    let bytes = &vm.bytes_argument(0)?[4 * index..];
    let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    Ok(Oop::small_integer(i64::from(word)))
}

/// `primJPEGReadHeader: struct fromByteArray: source errorMgr: struct`.
fn read_header(vm: &mut Vm) -> PrimitiveResult {
    check_arguments(vm, 3, &[0, 2])?;
    let mut decoder = JpegDecoder::new(Cursor::new(vm.bytes_argument(1)?));
    decoder.decode_headers().map_err(|_| Failure::OperationFailed)?;
    let info = decoder.info().ok_or(Failure::OperationFailed)?;
    let fields = [u32::from(info.width), u32::from(info.height), u32::from(info.components)];
    let header = vm.bytes_of_mut(vm.argument(0)).ok_or(Failure::NoModification)?;
    for (place, field) in header.chunks_exact_mut(4).zip(fields) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    Ok(vm.receiver())
}

/// Decoded samples, row after row.
struct Picture {
    samples: Vec<u8>,
    width: usize,
    height: usize,
    /// Samples of a pixel: 1 for gray, else 3.
    components: usize,
}

fn decode(source: &[u8], gray: bool) -> Result<Picture, Failure> {
    let mut decoder = JpegDecoder::new(Cursor::new(source));
    decoder.decode_headers().map_err(|_| Failure::OperationFailed)?;
    let gray = gray || decoder.input_colorspace() == Some(ColorSpace::Luma);
    let space = if gray { ColorSpace::Luma } else { ColorSpace::RGB };
    let options = DecoderOptions::default().jpeg_set_out_colorspace(space);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(source), options);
    let samples = decoder.decode().map_err(|_| Failure::OperationFailed)?;
    let (width, height) = decoder.dimensions().ok_or(Failure::OperationFailed)?;
    let components = if gray { 1 } else { 3 };
    if samples.len() < width * height * components {
        return Err(Failure::OperationFailed);
    }
    Ok(Picture { samples, width, height, components })
}

/// `primJPEGReadImage: struct fromByteArray: source onForm: form doDithering: flag errorMgr: struct`.
fn read_image(vm: &mut Vm) -> PrimitiveResult {
    check_arguments(vm, 5, &[0, 4])?;
    let dither = vm.boolean_argument(3)?;
    let form = strict_form(vm, vm.argument(2)).map_err(|_| Failure::BadArgument)?;
    let shape = form.shape;
    if !matches!(shape.depth, 8 | 16 | 32) {
        return Err(Failure::BadArgument);
    }
    if vm.heap.header(form.bits).is_immutable() {
        return Err(Failure::NoModification);
    }
    let picture = decode(vm.bytes_argument(1)?, shape.depth == 8)?;
    let [bits] = vm.heap.words_32_mut([Some(form.bits)]).ok_or(Failure::BadArgument)?;
    let rows = picture.samples.chunks_exact(picture.width * picture.components);
    for (y, row) in rows.take(picture.height.min(shape.height as usize)).enumerate() {
        let words = &mut bits[y * shape.pitch..][..shape.pitch];
        words.fill(0);
        for (x, pixel) in
            row.chunks_exact(picture.components).take(shape.width as usize).enumerate()
        {
            let color = [pixel[0], pixel[pixel.len() / 2], pixel[pixel.len() - 1]];
            let value = match shape.depth {
                32 => u32::from_be_bytes([255, color[0], color[1], color[2]]),
                16 => pixel_16(color, dither.then_some((x, y))),
                _ => u32::from(color[0]),
            };
            words[x / shape.pixels_per_word() as usize] |= value << shape.shift(x as i32);
        }
    }
    Ok(vm.receiver())
}

/// A pixel of 16 bits, dithered for its place if that is given. Opaque pixels have the top bit.
fn pixel_16(color: [u8; 3], place: Option<(usize, usize)>) -> u32 {
    const LEFT: [u32; 8] = [2, 0, 14, 12, 1, 3, 13, 15];
    const RIGHT: [u32; 8] = [10, 8, 6, 4, 9, 11, 5, 7];
    let part = |value: u8| match place {
        None => u32::from(value >> 3),
        Some((x, y)) => {
            let table = if x % 2 == 0 { LEFT } else { RIGHT };
            let limit = table[2 * ((y + 1) % 4) + x / 2 % 2];
            let scaled = (u32::from(value) * 496) >> 8;
            (scaled >> 4) + u32::from(limit < scaled & 15)
        }
    };
    0x8000 | part(color[0]) << 10 | part(color[1]) << 5 | part(color[2])
}

/// `primJPEGWriteImage: struct onByteArray: bytes form: form quality: quality progressiveJPEG: flag
/// errorMgr: struct`: answers how many bytes were written, 0 if they are too many.
fn write_image(vm: &mut Vm) -> PrimitiveResult {
    check_arguments(vm, 6, &[0, 5])?;
    let (quality, progressive) = (vm.integer_argument(3)?, vm.boolean_argument(4)?);
    let form = strict_form(vm, vm.argument(2)).map_err(|_| Failure::BadArgument)?;
    if !matches!(form.shape.depth, 8 | 16 | 32) {
        return Err(Failure::BadArgument);
    }
    let bits = vm.heap.words_32(form.bits).ok_or(Failure::BadArgument)?;
    let samples = samples(form.shape, bits);
    let quality = if quality <= 0 { DEFAULT_QUALITY } else { quality.min(100) as u8 };
    let file = encode(form.shape, &samples, quality, progressive);
    let destination = vm.bytes_of_mut(vm.argument(1)).ok_or(Failure::BadArgument)?;
    let size = match file {
        Some(file) if file.len() <= destination.len() => {
            destination[..file.len()].copy_from_slice(&file);
            file.len()
        }
        _ => 0,
    };
    Ok(Oop::small_integer(size as i64))
}

/// Gray or red, green and blue bytes of all pixels.
fn samples(shape: FormShape, bits: &[u32]) -> Vec<u8> {
    let mut samples = Vec::with_capacity(bits.len() * 4);
    for (x, y) in (0..shape.height).flat_map(|y| (0..shape.width).map(move |x| (x, y))) {
        let pixel = shape.pixel(bits, x, y);
        match shape.depth {
            32 => samples.extend_from_slice(&pixel.to_be_bytes()[1..]),
            16 => samples.extend([pixel >> 7, pixel >> 2, pixel << 3].map(|part| part as u8 & 248)),
            _ => samples.push(pixel as u8),
        }
    }
    samples
}

fn encode(shape: FormShape, samples: &[u8], quality: u8, progressive: bool) -> Option<Vec<u8>> {
    let (width, height) = (u16::try_from(shape.width).ok()?, u16::try_from(shape.height).ok()?);
    let color = if shape.depth == 8 { ColorType::Luma } else { ColorType::Rgb };
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_progressive(progressive);
    encoder.encode(samples, width, height, color).ok()?;
    Some(file)
}

#[cfg(test)]
mod tests;
