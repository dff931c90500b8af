//! `BitBltPlugin`: from BitBlt objects to the engine in [`crate::bitblt`] and back.
//!
//! Owns arguments, borrowing of the forms' words, and what is told about the display. It must not
//! know how pixels are combined. Facts: `BitBltSimulation` in VMMaker. Forms whose bits are no
//! 32-bit words (compressed ones, handles of surfaces) fail, and the image's own code takes over.

mod fields;
#[cfg(test)]
mod tests;

use rowel_interpreter::failure::Failure;
use rowel_interpreter::primitive::{Module, Primitive, PrimitiveResult};
use rowel_interpreter::vm::Vm;
use rowel_objmem::layout::special;
use rowel_objmem::{Heap, Oop};

use crate::bitblt::{
    self, Affected, BlitError, BlitParameters, ColorMap, Form, Source, WarpParameters,
};
pub(crate) use fields::strict_form;
use fields::{DEST_X, Fields};

/// The module.
pub const MODULE: Module = Module {
    name: "BitBltPlugin",
    rows: &[
        ("primitiveCopyBits", Primitive::Value(copy_bits)),
        ("primitiveDisplayString", Primitive::Value(display_string)),
        ("primitiveDrawLoop", Primitive::Value(draw_loop)),
        ("primitivePixelValueAt", Primitive::Value(pixel_value_at)),
        ("primitivePixelValueAtPut", Primitive::Value(pixel_value_at_put)),
        ("primitiveWarpBits", Primitive::Value(warp_bits)),
    ],
};

/// The part of the display that blits changed since somebody last took it, in pixels.
#[derive(Debug, Default)]
pub struct Damage {
    area: Option<Affected>,
}

impl Damage {
    /// What changed, forgotten hereby.
    pub fn take(&mut self) -> Option<Affected> {
        self.area.take()
    }

    fn add(&mut self, area: Affected) {
        let before = self.area.unwrap_or_default();
        self.area = Some(bitblt::union(before, area));
    }
}

impl From<BlitError> for Failure {
    fn from(_: BlitError) -> Failure {
        Failure::Generic
    }
}

/// Largest smoothing of a warp; more would keep the interpreter busy for too long.
const MAX_SMOOTHING: i64 = 256;
/// Longest line that is drawn at once.
const MAX_LINE: i64 = 1 << 24;

/// Words that a blit only reads, when they belong to an object that it also writes.
#[derive(Default)]
struct Copies {
    source: Option<Vec<u32>>,
    halftone: Option<Vec<u32>>,
    table: Option<Vec<u32>>,
}

/// Run `action` with the forms of `fields`. `warping` gives it another source than the destination.
fn with_forms<R>(
    vm: &mut Vm,
    fields: &Fields,
    numbers: BlitParameters<'_>,
    warping: bool,
    action: impl FnOnce(&mut BlitParameters<'_>, &mut Form<'_>, Source<'_>) -> Result<R, BlitError>,
) -> Result<R, Failure> {
    let heap = &mut vm.heap;
    let dest = fields.dest.bits;
    if heap.header(dest).is_immutable() {
        return Err(Failure::NoModification);
    }
    let same = fields.is_same() && !warping;
    let mut borrowed = [Some(dest), None, None, None];
    let mut copies = Copies::default();
    let source = fields.source.map(|source| source.bits).filter(|_| !same);
    let halftone = fields.halftone.map(|halftone| halftone.0);
    let table = fields.map.and_then(|map| map.table);
    borrow_or_copy(heap, &mut borrowed, 1, source, &mut copies.source);
    borrow_or_copy(heap, &mut borrowed, 2, halftone, &mut copies.halftone);
    borrow_or_copy(heap, &mut borrowed, 3, table, &mut copies.table);
    let [bits, source_bits, halftone, table] =
        heap.words_32_mut(borrowed).ok_or(Failure::Generic)?;
    let source = match (&fields.source, same) {
        (None, _) => Source::None,
        (Some(_), true) => Source::Same,
        (Some(from), _) => {
            Source::Other(from.shape, copies.source.as_deref().unwrap_or(source_bits))
        }
    };
    let halftone_form = fields.halftone.map(|(_, height)| {
        let words = copies.halftone.as_deref().unwrap_or(halftone);
        &words[..height]
    });
    let color_map = fields.map.map(|map| ColorMap {
        components: map.components,
        table: map.table.map(|_| copies.table.as_deref_mut().unwrap_or(table)),
        new_style: map.new_style,
    });
    let mut parameters = BlitParameters { halftone_form, color_map, ..numbers };
    let mut form = Form { shape: fields.dest.shape, bits };
    Ok(action(&mut parameters, &mut form, source)?)
}

/// Put `object` among those to borrow, or take a copy of its words if it is there already.
fn borrow_or_copy(
    heap: &Heap,
    borrowed: &mut [Option<Oop>; 4],
    index: usize,
    object: Option<Oop>,
    copy: &mut Option<Vec<u32>>,
) {
    if object.is_some() && borrowed.contains(&object) {
        *copy = object.and_then(|object| heap.words_32(object)).map(<[u32]>::to_vec);
    } else {
        borrowed[index] = object;
    }
}

/// Note what changed if the destination is the display.
fn show(vm: &mut Vm, fields: &Fields, area: Affected) {
    let changed = area.left < area.right && area.top < area.bottom;
    if changed && fields.dest.form == vm.heap.follow(vm.heap.special(special::THE_DISPLAY)) {
        vm.modules.state::<Damage>().add(area);
    }
}

/// `copyBits`, `copyBitsTranslucent: alpha` and the colours of rule 41.
fn copy_bits(vm: &mut Vm) -> PrimitiveResult {
    let receiver = vm.receiver();
    let mut fields = Fields::load(vm, receiver)?;
    let rule = fields.numbers.combination_rule;
    if !bitblt::is_empty(&fields.numbers, fields.dest.shape, fields.source.map(|s| s.shape)) {
        match rule {
            30 | 31 => fields.numbers.source_alpha = alpha_argument(vm)?,
            41 => component_arguments(vm, &mut fields.numbers)?,
            _ => {}
        }
    }
    let numbers = std::mem::take(&mut fields.numbers);
    let tables = if rule == 41 { gamma_arguments(vm) } else { [None, None] };
    let numbers =
        BlitParameters { gamma: tables[0].as_deref(), ungamma: tables[1].as_deref(), ..numbers };
    let area = with_forms(vm, &fields, numbers, false, bitblt::copy_bits)?;
    show(vm, &fields, area);
    if matches!(rule, 22 | 32) {
        return vm.unsigned_object(area.bit_count);
    }
    Ok(receiver)
}

/// The one argument of rules 30 and 31: 0 to 255.
fn alpha_argument(vm: &Vm) -> Result<u32, Failure> {
    if vm.argument_count != 1 {
        return Err(Failure::BadNumArgs);
    }
    match vm.integer_argument(0)? {
        alpha @ 0..=255 => Ok(alpha as u32),
        _ => Err(Failure::BadArgument),
    }
}

/// The arguments of rule 41: a colour, and an alpha for the whole.
fn component_arguments(vm: &Vm, numbers: &mut BlitParameters<'_>) -> Result<(), Failure> {
    if vm.argument_count == 0 {
        return Err(Failure::BadNumArgs);
    }
    let color = vm.integer_argument(0)? as u32 & 0xFF_FFFF;
    let alpha = if vm.argument_count > 1 { vm.integer_argument(1)? as u32 & 255 } else { 255 };
    numbers.component_alpha_color = alpha << 24 | color;
    Ok(())
}

/// The tables to and from gamma-corrected components, where four arguments are given.
fn gamma_arguments(vm: &Vm) -> [Option<Vec<u8>>; 2] {
    let table = |index| {
        let bytes = (vm.argument_count == 4).then(|| vm.bytes_of(vm.argument(index)))??;
        (bytes.len() >= 256).then(|| bytes[..256].to_vec())
    };
    [table(2), table(3)]
}

/// `drawLoopX: xDelta Y: yDelta`.
fn draw_loop(vm: &mut Vm) -> PrimitiveResult {
    if vm.argument_count != 2 {
        return Err(Failure::BadNumArgs);
    }
    let receiver = vm.receiver();
    let (delta_x, delta_y) = (vm.integer_argument(0)?, vm.integer_argument(1)?);
    if !(-MAX_LINE..=MAX_LINE).contains(&delta_x) || !(-MAX_LINE..=MAX_LINE).contains(&delta_y) {
        return Err(Failure::BadArgument);
    }
    let mut fields = Fields::load(vm, receiver)?;
    refuse_arguments(&fields)?;
    check_writable(vm, receiver)?;
    let numbers = std::mem::take(&mut fields.numbers);
    let (area, x, y) = with_forms(vm, &fields, numbers, false, |p, form, source| {
        let area = bitblt::draw_loop(p, form, source, delta_x, delta_y)?;
        Ok((area, p.dest_x, p.dest_y))
    })?;
    store_number(vm, receiver, DEST_X, x)?;
    store_number(vm, receiver, DEST_X + 1, y)?;
    show(vm, &fields, area);
    Ok(receiver)
}

/// Fail for the rules that need an argument of `copyBits`.
fn refuse_arguments(fields: &Fields) -> Result<(), Failure> {
    match fields.numbers.combination_rule {
        30 | 31 | 41 => Err(Failure::Inappropriate),
        _ => Ok(()),
    }
}

fn check_writable(vm: &Vm, object: Oop) -> Result<(), Failure> {
    if vm.heap.header(object).is_immutable() { Err(Failure::NoModification) } else { Ok(()) }
}

fn store_number(vm: &mut Vm, object: Oop, index: usize, value: i64) -> Result<(), Failure> {
    let value = vm.integer_object(value)?;
    vm.heap.store(object, index, value);
    Ok(())
}

/// `warpBits`, or `warpBitsSmoothing: n sourceMap: map`.
fn warp_bits(vm: &mut Vm) -> PrimitiveResult {
    let receiver = vm.receiver();
    let mut fields = Fields::load(vm, receiver)?;
    let Some(source) = fields.source else { return Ok(receiver) };
    if bitblt::is_empty(&fields.numbers, fields.dest.shape, None) {
        return Ok(receiver);
    }
    let corners = fields.corners(vm)?;
    let (mut smoothing, mut source_map) = (1, None);
    if vm.argument_count == 2 {
        smoothing = vm.integer_argument(0)?;
        let map = vm.argument(1);
        if map != vm.heap.nil() {
            let words = vm.heap.words_32(map).ok_or(Failure::BadArgument)?;
            source_map = (source.shape.depth < 16).then(|| words.to_vec());
        } else if source.shape.depth < 16 {
            return Err(Failure::BadArgument);
        }
    }
    if !(1..=MAX_SMOOTHING).contains(&smoothing) {
        return Err(Failure::BadArgument);
    }
    let warp =
        WarpParameters { corners, smoothing: smoothing as u32, source_map: source_map.as_deref() };
    let numbers = std::mem::take(&mut fields.numbers);
    let area = with_forms(vm, &fields, numbers, true, |p, form, source| {
        bitblt::warp_bits(p, &warp, form, source)
    })?;
    show(vm, &fields, area);
    Ok(receiver)
}

/// `displayString: string from: start to: stop map: glyphs xTable: xTable kern: kern`.
fn display_string(vm: &mut Vm) -> PrimitiveResult {
    if vm.argument_count != 6 {
        return Err(Failure::BadNumArgs);
    }
    let receiver = vm.receiver();
    let (start, stop) = (vm.integer_argument(1)?, vm.integer_argument(2)?);
    let kern = vm.integer_argument(5)?;
    let string = vm.bytes_argument(0)?;
    if start <= 0 || stop < 0 || stop as usize > string.len() {
        return Err(Failure::BadIndex);
    }
    let mut fields = Fields::load(vm, receiver)?;
    refuse_arguments(&fields)?;
    if stop == 0 {
        return Ok(receiver);
    }
    check_writable(vm, receiver)?;
    let characters = string.get(start as usize - 1..stop as usize).unwrap_or(&[]);
    let glyphs = glyphs(vm, characters, vm.argument(3), vm.argument(4))?;
    let numbers = std::mem::take(&mut fields.numbers);
    let (area, x) = with_forms(vm, &fields, numbers, false, |p, form, source| {
        let mut all = Affected::default();
        for (source_x, width) in glyphs {
            (p.source_x, p.width) = (source_x, width);
            all = bitblt::union(all, bitblt::copy_bits(p, form, source)?);
            p.dest_x = p.dest_x.saturating_add(width).saturating_add(kern);
        }
        Ok((all, p.dest_x))
    })?;
    store_number(vm, receiver, DEST_X, x)?;
    show(vm, &fields, area);
    Ok(receiver)
}

/// Where the glyph of each character is in its form, and how wide.
fn glyphs(vm: &Vm, text: &[u8], map: Oop, x_table: Oop) -> Result<Vec<(i64, i64)>, Failure> {
    let is_array = |oop: Oop| oop.is_pointer() && vm.heap.format(oop).bits() == 2;
    if !is_array(map) || vm.heap.slot_count(map) != 256 || !is_array(x_table) {
        return Err(Failure::BadArgument);
    }
    let last = vm.heap.slot_count(x_table) as i64 - 2;
    let at = |table: Oop, index: usize| {
        vm.heap.fetch(table, index).as_integer().ok_or(Failure::BadArgument)
    };
    let place = |character: &u8| {
        let glyph = at(map, usize::from(*character))?;
        if !(0..=last).contains(&glyph) {
            return Err(Failure::BadIndex);
        }
        let left = at(x_table, glyph as usize)?;
        Ok((left, at(x_table, glyph as usize + 1)?.saturating_sub(left)))
    };
    text.iter().map(place).collect()
}

/// `pixelValueAtX: x y: y`: 0 outside of the form.
fn pixel_value_at(vm: &mut Vm) -> PrimitiveResult {
    if vm.argument_count != 2 {
        return Err(Failure::BadNumArgs);
    }
    let (x, y) = (vm.integer_argument(0)?, vm.integer_argument(1)?);
    if x < 0 || y < 0 {
        return Ok(Oop::small_integer(0));
    }
    let form = strict_form(vm, vm.receiver()).map_err(|_| Failure::BadReceiver)?;
    if !form.shape.msb {
        return Err(Failure::BadReceiver);
    }
    let (Ok(x), Ok(y)) = (i32::try_from(x), i32::try_from(y)) else {
        return Ok(Oop::small_integer(0));
    };
    let bits = vm.heap.words_32(form.bits).ok_or(Failure::BadReceiver)?;
    let pixel = bitblt::pixel_value_at(form.shape, bits, x, y)?;
    Ok(Oop::small_integer(i64::from(pixel)))
}

/// `pixelValueAtX: x y: y put: pixel`: answers the pixel that was there.
fn pixel_value_at_put(vm: &mut Vm) -> PrimitiveResult {
    if vm.argument_count != 3 {
        return Err(Failure::BadNumArgs);
    }
    let (x, y, new) = (vm.integer_argument(0)?, vm.integer_argument(1)?, vm.integer_argument(2)?);
    let form = strict_form(vm, vm.receiver()).map_err(|_| Failure::BadReceiver)?;
    if !form.shape.msb {
        return Err(Failure::BadReceiver);
    }
    let inside = |at: i64, limit: i32| (0..i64::from(limit)).contains(&at);
    if !inside(x, form.shape.width) || !inside(y, form.shape.height) {
        return Err(Failure::BadArgument);
    }
    if !(0..=i64::from(form.shape.pixel_mask())).contains(&new) {
        return Err(Failure::BadArgument);
    }
    check_writable(vm, form.bits)?;
    let [bits] = vm.heap.words_32_mut([Some(form.bits)]).ok_or(Failure::BadReceiver)?;
    let mut form = Form { shape: form.shape, bits };
    let old = bitblt::put_pixel(&mut form, x as i32, y as i32, new as u32)?;
    Ok(Oop::small_integer(i64::from(old)))
}
