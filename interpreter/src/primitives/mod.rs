//! The numbered primitives, by family. Each family lists its rows; the table is made of them.
//!
//! Source of numbers and semantics: `StackInterpreter class>>#initializePrimitiveTable`,
//! `InterpreterPrimitives`, `StackInterpreterPrimitives`. A number that is not here fails with
//! [`Failure::Unsupported`](crate::failure::Failure), so that the method's own code runs.

use crate::primitive::{Primitive, Row};

mod comparing;
mod contexts;
mod control;
mod display;
mod elements;
mod enumeration;
mod float;
mod indexing;
mod integer;
mod memory;
mod saving;
mod scheduling;
mod segments;
mod storage;
mod subject;

mod system;
mod typed;
pub mod vm_module;

pub use subject::{instance_specification, slots_for};

pub(crate) use control::perform;

/// All families.
const FAMILIES: &[&[Row]] = &[
    contexts::ROWS,
    control::ROWS,
    display::ROWS,
    enumeration::ROWS,
    float::ROWS,
    indexing::ROWS,
    integer::ROWS,
    memory::ROWS,
    saving::ROWS,
    scheduling::ROWS,
    segments::ROWS,
    storage::bulk::ROWS,
    storage::header_bits::ROWS,
    storage::identity::ROWS,
    storage::making::ROWS,
    storage::slots::ROWS,
    system::ROWS,
    typed::ROWS,
];

/// One past the greatest primitive number that may be in the table.
const TABLE_SIZE: usize = 700;

/// The primitive with this number, if there is one.
pub fn find(number: u16) -> Option<Primitive> {
    TABLE.get(usize::from(number)).copied().flatten()
}

/// From number to primitive.
static TABLE: [Option<Primitive>; TABLE_SIZE] = table();

const fn table() -> [Option<Primitive>; TABLE_SIZE] {
    let mut table = [None; TABLE_SIZE];
    let mut family = 0;
    while family < FAMILIES.len() {
        let mut row = 0;
        while row < FAMILIES[family].len() {
            let Row { number, primitive, .. } = FAMILIES[family][row];
            assert!(table[number as usize].is_none(), "two rows for one primitive number");
            table[number as usize] = Some(primitive);
            row += 1;
        }
        family += 1;
    }
    table
}

/// All rows, family by family.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    FAMILIES.iter().flat_map(|family| family.iter())
}
