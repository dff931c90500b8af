//! Reads a BitBlt object: its numbers, its forms, its halftone and its colour map.
//!
//! Owns the slots of BitBlt, Form and ColorMap and what each may hold. It must not know pixels.
//! Facts: `loadBitBltFrom:warping:` and the methods that it calls in VMMaker. Nothing here
//! allocates or changes an object.

use rowel_interpreter::failure::Failure;
use rowel_interpreter::vm::Vm;
use rowel_objmem::Oop;

use crate::bitblt::{BlitParameters, Components, FormShape, implied_components};

/// Slots of a BitBlt.
const DEST_FORM: usize = 0;
const SOURCE_FORM: usize = 1;
const HALFTONE_FORM: usize = 2;
const RULE: usize = 3;
/// Slot of `destX`; `destY` follows.
pub(super) const DEST_X: usize = 4;
const WIDTH: usize = 6;
const HEIGHT: usize = 7;
const SOURCE_X: usize = 8;
const CLIP_X: usize = 10;
const CLIP_WIDTH: usize = 12;
const COLOR_MAP: usize = 14;
const SLOTS: usize = 15;
/// The first slot of a WarpBlt after those of its superclass: `p1x p1y p1z p2x …`.
const WARP: usize = 15;

/// Slots of a Form: bits, width, height, depth.
const FORM_SLOTS: usize = 4;
/// Slots of a ColorMap: shifts, masks, colors.
const MAP_SLOTS: usize = 3;

/// A form that a blit reads or writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FormObject {
    pub form: Oop,
    pub bits: Oop,
    pub shape: FormShape,
}

/// A colour map, its table not yet borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct MapObject {
    pub table: Option<Oop>,
    pub components: Option<Components>,
    pub new_style: bool,
}

/// What a BitBlt says, before anything is borrowed from the heap.
#[derive(Debug)]
pub(super) struct Fields {
    pub bitblt: Oop,
    pub numbers: BlitParameters<'static>,
    pub dest: FormObject,
    pub source: Option<FormObject>,
    /// The words of the halftone and how many of them count.
    pub halftone: Option<(Oop, usize)>,
    pub map: Option<MapObject>,
}

impl Fields {
    /// Read the fields of `bitblt`.
    pub fn load(vm: &Vm, bitblt: Oop) -> Result<Fields, Failure> {
        check_pointers(vm, bitblt, SLOTS).ok_or(Failure::BadReceiver)?;
        let rule = integer(vm, bitblt, RULE)?;
        let combination_rule = u32::try_from(rule).map_err(|_| Failure::Generic)?;
        if combination_rule > 41 || matches!(combination_rule, 16 | 17) {
            return Err(Failure::Generic);
        }
        let constant = matches!(combination_rule, 0 | 5 | 10 | 15);
        let wanted = |index| Some(slot(vm, bitblt, index)).filter(|oop| *oop != vm.heap.nil());
        let dest = form(vm, slot(vm, bitblt, DEST_FORM), integer)?;
        let source = wanted(SOURCE_FORM).filter(|_| !constant);
        let source = source.map(|source| form(vm, source, number)).transpose()?;
        let map = source.map_or(Ok(None), |from| color_map(vm, bitblt, from.shape, dest.shape))?;
        let halftone = wanted(HALFTONE_FORM).filter(|_| !constant);
        let halftone = halftone.map_or(Ok(None), |oop| halftone_words(vm, oop))?;
        let or = |index, default| number_or(vm, bitblt, index, default);
        let (width, height) = (i64::from(dest.shape.width), i64::from(dest.shape.height));
        let from = |index| if source.is_some() { or(index, 0) } else { Ok(0) };
        let numbers = BlitParameters {
            combination_rule,
            dest_x: or(DEST_X, 0)?,
            dest_y: or(DEST_X + 1, 0)?,
            width: or(WIDTH, width)?,
            height: or(HEIGHT, height)?,
            source_x: from(SOURCE_X)?,
            source_y: from(SOURCE_X + 1)?,
            clip_x: or(CLIP_X, 0)?,
            clip_y: or(CLIP_X + 1, 0)?,
            clip_width: or(CLIP_WIDTH, width)?,
            clip_height: or(CLIP_WIDTH + 1, height)?,
            ..BlitParameters::default()
        };
        Ok(Fields { bitblt, numbers, dest, source, halftone, map })
    }

    /// The corners of a WarpBlt: top left, bottom left, bottom right, top right.
    pub fn corners(&self, vm: &Vm) -> Result<[(i64, i64); 4], Failure> {
        check_pointers(vm, self.bitblt, WARP + 12).ok_or(Failure::BadReceiver)?;
        let mut corners = [(0, 0); 4];
        for (index, corner) in corners.iter_mut().enumerate() {
            let at = WARP + 3 * index;
            *corner = (number(vm, self.bitblt, at)?, number(vm, self.bitblt, at + 1)?);
        }
        Ok(corners)
    }

    /// Whether source and destination are one form.
    pub fn is_same(&self) -> bool {
        self.source.is_some_and(|source| source.form == self.dest.form)
    }
}

/// A slot, forwarders followed.
fn slot(vm: &Vm, object: Oop, index: usize) -> Oop {
    vm.heap.follow(vm.heap.fetch(object, index))
}

fn check_pointers(vm: &Vm, oop: Oop, slots: usize) -> Option<()> {
    vm.heap.has_slot(oop, slots - 1).then_some(())
}

fn integer(vm: &Vm, object: Oop, index: usize) -> Result<i64, Failure> {
    vm.heap.fetch(object, index).as_integer().ok_or(Failure::Generic)
}

/// An integer, or a float that is truncated.
fn number(vm: &Vm, object: Oop, index: usize) -> Result<i64, Failure> {
    let oop = slot(vm, object, index);
    if let Some(value) = oop.as_integer() {
        return Ok(value);
    }
    let value = vm.float_of(oop).ok_or(Failure::Generic)?;
    let fits = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value);
    if fits { Ok(value as i64) } else { Err(Failure::Generic) }
}

fn number_or(vm: &Vm, object: Oop, index: usize, default: i64) -> Result<i64, Failure> {
    if vm.heap.fetch(object, index) == vm.heap.nil() {
        return Ok(default);
    }
    number(vm, object, index)
}

/// A form; `measure` reads its width and height.
pub(super) fn form(
    vm: &Vm,
    form: Oop,
    measure: fn(&Vm, Oop, usize) -> Result<i64, Failure>,
) -> Result<FormObject, Failure> {
    check_pointers(vm, form, FORM_SLOTS).ok_or(Failure::Generic)?;
    let bits = slot(vm, form, 0);
    let small = |value: i64| i32::try_from(value).map_err(|_| Failure::Generic);
    let (width, height) = (small(measure(vm, form, 1)?)?, small(measure(vm, form, 2)?)?);
    let depth = small(integer(vm, form, 3)?)?;
    let shape = FormShape::new(width, height, depth).map_err(|_| Failure::Generic)?;
    let words = vm.heap.words_32(bits).ok_or(Failure::Generic)?;
    shape.check(words).map_err(|_| Failure::Generic)?;
    Ok(FormObject { form, bits, shape })
}

/// A form whose measures must be integers.
pub(crate) fn strict_form(vm: &Vm, oop: Oop) -> Result<FormObject, Failure> {
    form(vm, oop, integer)
}

/// The words of a halftone: an object of words, or the bits of an old-fashioned form.
fn halftone_words(vm: &Vm, halftone: Oop) -> Result<Option<(Oop, usize)>, Failure> {
    let (bits, height) = if check_pointers(vm, halftone, FORM_SLOTS).is_some() {
        let bits = slot(vm, halftone, 0);
        if vm.heap.words_32(bits).is_none() {
            return Ok(None);
        }
        (bits, integer(vm, halftone, 2)?)
    } else {
        let words = vm.heap.words_32(halftone).ok_or(Failure::Generic)?;
        // The bits of a form may be bytes, but not a halftone itself.
        if vm.heap.format(halftone).is_bytes() {
            return Err(Failure::Generic);
        }
        (halftone, words.len() as i64)
    };
    let height = usize::try_from(height).map_err(|_| Failure::Generic)?;
    let enough = vm.heap.words_32(bits).is_some_and(|words| words.len() >= height);
    if height == 0 || !enough {
        return Err(Failure::Generic);
    }
    Ok(Some((bits, height)))
}

/// The colour map, or the conversion that two depths call for without one.
fn color_map(
    vm: &Vm,
    bitblt: Oop,
    from: FormShape,
    to: FormShape,
) -> Result<Option<MapObject>, Failure> {
    let map = slot(vm, bitblt, COLOR_MAP);
    if map == vm.heap.nil() {
        let components = implied_components(from.depth, to.depth, 0);
        let implied = MapObject { table: None, components, new_style: false };
        return Ok(components.map(|_| implied));
    }
    if let Some(words) = vm.heap.words_32(map) {
        let entries = table_size(words.len())?;
        let components = implied_components(from.depth, to.depth, entries);
        let table = Some(map).filter(|_| entries > 0);
        return Ok(Some(MapObject { table, components, new_style: false }));
    }
    check_pointers(vm, map, MAP_SLOTS).ok_or(Failure::Generic)?;
    let (shifts, masks) = (four_words(vm, map, 0)?, four_words(vm, map, 1)?);
    let components = shifts.zip(masks).map(|(shifts, masks)| {
        std::array::from_fn(|index| (masks[index], shifts[index].cast_signed()))
    });
    let identity = [(0xFF_0000, 0), (0xFF00, 0), (0xFF, 0), (0xFF00_0000, 0)];
    let components = components.filter(|components| *components != identity);
    let colors = slot(vm, map, 2);
    let table = if colors == vm.heap.nil() {
        None
    } else {
        let words = vm.heap.words_32(colors).ok_or(Failure::Generic)?;
        Some(colors).filter(|_| !words.is_empty())
    };
    if let Some(table) = table {
        table_size(vm.heap.words_32(table).map_or(0, <[u32]>::len))?;
    }
    Ok(Some(MapObject { table, components, new_style: true }))
}

/// The size of a table: 0 or a power of two.
fn table_size(entries: usize) -> Result<usize, Failure> {
    let good = entries == 0 || entries.is_power_of_two();
    if good { Ok(entries) } else { Err(Failure::Generic) }
}

fn four_words(vm: &Vm, map: Oop, index: usize) -> Result<Option<[u32; 4]>, Failure> {
    let oop = slot(vm, map, index);
    if oop == vm.heap.nil() {
        return Ok(None);
    }
    let words = vm.heap.words_32(oop).and_then(|words| words.try_into().ok());
    words.map(Some).ok_or(Failure::Generic)
}
