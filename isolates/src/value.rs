//! Values that Rust and an image have in common: arguments of entry points, and their answers.
//!
//! For what people write down. Object graphs between isolates travel as messages.

use rowel_interpreter::vm::Vm;
use rowel_objmem::layout::class_index;
use rowel_objmem::{Format, Oop};

/// Arrays in arrays deeper than this are not looked into.
const DEEPEST: usize = 100;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// nil.
    Nil,
    /// true or false.
    Boolean(bool),
    /// An Integer.
    Integer(i64),
    /// A Float.
    Float(f64),
    /// A Character.
    Character(char),
    /// A String, or (from an image) a Symbol or anything else made of bytes but a ByteArray.
    String(String),
    /// A ByteArray.
    Bytes(Vec<u8>),
    /// An Array.
    Array(Vec<Value>),
    /// Something else, from an image only: its class.
    Other(String),
}

/// There is no memory for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no memory for the value")]
pub struct NoMemory;

impl Value {
    /// What `oop` is.
    pub fn of(vm: &Vm, oop: Oop) -> Value {
        Value::of_at(vm, oop, 0)
    }

    fn of_at(vm: &Vm, oop: Oop, depth: usize) -> Value {
        let heap = &vm.heap;
        let oop = heap.follow(oop);
        if oop == heap.nil() {
            return Value::Nil;
        } else if oop == heap.true_object() || oop == heap.false_object() {
            return Value::Boolean(oop == heap.true_object());
        } else if let Some(value) = vm.signed_64_of(oop) {
            return Value::Integer(value);
        } else if let Some(value) = vm.float_of(oop) {
            return Value::Float(value);
        } else if oop.is_character() {
            let character = char::from_u32(oop.character_value());
            return Value::Character(character.unwrap_or(char::REPLACEMENT_CHARACTER));
        } else if !oop.is_pointer() {
            return Value::Other("?".into());
        }
        if heap.has_class_index(oop, class_index::ARRAY) && depth < DEEPEST {
            let slots = 0..heap.slot_count(oop) as usize;
            let values = slots.map(|slot| Value::of_at(vm, heap.fetch(oop, slot), depth + 1));
            return Value::Array(values.collect());
        }
        let bytes = vm.bytes_of(oop);
        match bytes {
            Some(bytes) if heap.has_class_index(oop, class_index::BYTE_ARRAY) => {
                Value::Bytes(bytes.to_vec())
            }
            Some(bytes) => Value::String(String::from_utf8_lossy(bytes).into_owned()),
            None => Value::Other(vm.class_name(heap.class_of(oop))),
        }
    }

    /// The object for the value, made in the heap of `vm`.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn object(&self, vm: &mut Vm) -> Result<Oop, NoMemory> {
        let made = match self {
            Value::Nil | Value::Other(_) => Ok(vm.heap.nil()),
            Value::Boolean(value) => Ok(vm.heap.boolean(*value)),
            Value::Integer(value) => vm.integer_object(*value),
            Value::Float(value) => vm.float_object(*value),
            Value::Character(value) => Ok(Oop::character(*value as u32)),
            Value::String(value) => vm.string_object(value.as_bytes()),
            Value::Bytes(value) => vm.byte_array_object(value),
            Value::Array(values) => {
                let slots = values.len() as u64;
                let array = vm.heap.allocate_filled(class_index::ARRAY, Format::INDEXABLE, slots);
                let array = array.ok_or(NoMemory)?;
                for (index, value) in values.iter().enumerate() {
                    let value = value.object(vm)?;
                    vm.heap.store(array, index, value);
                }
                Ok(array)
            }
        };
        made.map_err(|_| NoMemory)
    }
}
