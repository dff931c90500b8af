//! The heap in which a program runs: its classes, methods and variables, made the same way every time.
//! What has a name is in old space.

use std::collections::HashMap;

use rowel_bytecode::SPECIAL_SELECTORS;
use rowel_interpreter::method::{BytecodeSet, MethodHeader};
use rowel_interpreter::vm::Vm;
use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class as own};
use rowel_objmem::layout::{class_index as spur, special};
use rowel_objmem::{ClassIndex, Format, Heap, Oop};

use crate::emit::{Compiled, Constant, compile};
use crate::syntax::*;

/// Slots of a class, and of an association.
const SUPERCLASS: usize = 0;
const METHOD_DICTIONARY: usize = 1;
const FORMAT: usize = 2;
const CLASS_SLOTS: u64 = 6;
const VALUE: usize = 1;
/// Where the array of the variables is found, also when it has moved.
const VARIABLES_ROOT: usize = special::SMALLTALK_DICTIONARY;
/// So many of the last logged values are kept; a power of two.
pub const LOG_SIZE: u64 = 16;

/// `elementsForwardIdentityTo:`
const BECOME: u16 = 72;

/// Variables that are looked at after each call, in the order of the array.
pub const WATCHED: &[&str] = &[
    "Result", "A", "B", "C", "D", "R0", "R1", "R2", "R3", "R4", "R5", "Log", "LogIndex", "Fuel",
    "Ended", "In0", "In1", "In2",
];

/// Classes that the bootstrapped heap has.
const KNOWN: &[(&str, ClassIndex)] = &[
    ("SmallInteger", ClassIndex(1)),
    ("Character", ClassIndex(2)),
    ("SmallFloat64", ClassIndex(4)),
    ("LargeNegativeInteger", spur::LARGE_NEGATIVE_INTEGER),
    ("LargePositiveInteger", spur::LARGE_POSITIVE_INTEGER),
    ("BoxedFloat64", spur::BOXED_FLOAT),
    ("Message", spur::MESSAGE),
    ("Context", spur::METHOD_CONTEXT),
    ("BlockClosure", spur::BLOCK_CLOSURE),
    ("FullBlockClosure", spur::FULL_BLOCK_CLOSURE),
    ("ByteArray", spur::BYTE_ARRAY),
    ("Array", spur::ARRAY),
    ("String", spur::BYTE_STRING),
    ("UndefinedObject", own::UNDEFINED_OBJECT),
    ("True", own::TRUE),
    ("False", own::FALSE),
    ("Class", own::CLASS),
    ("Point", own::POINT),
    ("CompiledMethod", own::COMPILED_METHOD),
];

/// Selectors that the VM sends of itself.
const VM_SELECTORS: &[(usize, &str)] = &[
    (special::SELECTOR_DOES_NOT_UNDERSTAND, "doesNotUnderstand:"),
    (special::SELECTOR_CANNOT_RETURN, "cannotReturn:"),
    (special::SELECTOR_MUST_BE_BOOLEAN, "mustBeBoolean"),
];

/// A VM about to run a program.
pub struct World {
    pub vm: Vm,
    /// Names of class indices, for people.
    pub class_names: HashMap<u32, &'static str>,
}

/// What is needed while a world is made.
struct Maker {
    vm: Vm,
    young_methods: bool,
    classes: HashMap<&'static str, Oop>,
    symbols: HashMap<&'static str, Oop>,
    variables: HashMap<&'static str, Oop>,
}

impl World {
    /// The world of `program`, with the method that calls it about to run; `None` when a method cannot be
    /// encoded. With `cold_kernel` the methods that all programs have stay interpreted.
    pub fn new(program: &Program, stack_bytes: u64, cold_kernel: bool) -> Option<World> {
        let options = BootstrapOptions {
            cage_bytes: 1 << 30,
            stack_bytes,
            eden_bytes: 256 << 10,
            survivor_bytes: 64 << 10,
            max_old_bytes: 8 << 20,
        };
        let heap = Heap::bootstrap(options).expect("memory");
        let zone = heap.stack_zone();
        let mut maker = Maker {
            vm: Vm::new(heap, zone),
            young_methods: program.kernel.young_methods,
            classes: HashMap::new(),
            symbols: HashMap::new(),
            variables: HashMap::new(),
        };
        maker.make_classes(program);
        maker.make_specials();
        maker.make_variables();
        maker.install(program, cold_kernel)?;
        let indices = maker.classes.iter().map(|(name, class)| {
            let index = maker.vm.heap.header(*class).hash();
            (index, *name)
        });
        let class_names = indices.collect();
        Some(World { vm: maker.vm, class_names })
    }

    /// The variable with the name.
    fn association(&self, name: &str) -> Oop {
        let heap = &self.vm.heap;
        let index = WATCHED.iter().position(|watched| *watched == name).expect("a variable");
        heap.follow(heap.fetch(heap.special(VARIABLES_ROOT), index))
    }

    /// Have the associations of [`GLOBALS`] become others with the same values.
    pub fn renew(&mut self) {
        for name in GLOBALS {
            let old = self.association(name);
            let class = self.vm.heap.header(old).class_index();
            let new = self.vm.heap.allocate_filled(class, Format::FIXED, 2).expect("memory");
            let value = self.vm.heap.fetch(old, VALUE);
            self.vm.heap.store(new, VALUE, value);
            let [old, new] = [old, new].map(|it| self.vm.array_object(&[it]).expect("memory"));
            let primitive = rowel_interpreter::primitives::find(BECOME).expect("a primitive");
            self.vm.apply(primitive, old, &[new]).expect("they can become one another");
        }
    }

    pub fn get(&self, name: &str) -> Oop {
        let value = self.vm.heap.fetch(self.association(name), VALUE);
        self.vm.heap.follow(value)
    }

    pub fn set(&mut self, name: &str, value: Oop) {
        let association = self.association(name);
        self.vm.heap.store(association, VALUE, value);
    }

    /// A new object for what the program is given.
    pub fn given(&mut self, given: &Given) -> Oop {
        match given {
            Given::Literal(literal) => object(&mut self.vm, literal, &HashMap::new()),
            Given::Global(name) => self.get(name),
        }
    }
}

fn text(vm: &mut Vm, text: &str) -> Oop {
    vm.string_object(text.as_bytes()).expect("memory")
}

/// The object for a literal, given the selectors; what is none of them is a String like any.
fn object(vm: &mut Vm, literal: &Literal, symbols: &HashMap<&'static str, Oop>) -> Oop {
    match literal {
        Literal::Nil => vm.heap.nil(),
        Literal::True => vm.heap.true_object(),
        Literal::False => vm.heap.false_object(),
        Literal::Integer(value) => vm.integer_object(*value).expect("memory"),
        Literal::Float(value) => vm.float_object(*value).expect("memory"),
        Literal::Character(value) => Oop::character(*value as u32),
        Literal::Text(value) => text(vm, value),
        Literal::Symbol(name) => symbols.get(name).copied().unwrap_or_else(|| text(vm, name)),
        Literal::Array(values) => {
            let elements: Vec<Oop> =
                values.iter().map(|value| object(vm, value, symbols)).collect();
            vm.array_object(&elements).expect("memory")
        }
    }
}

impl Maker {
    fn old(&mut self, class: ClassIndex, format: Format, slots: u64) -> Oop {
        let heap = &mut self.vm.heap;
        let object = heap.allocate_old(class, format, slots).expect("memory");
        heap.memory().fill(heap.slot_address(object, 0), slots, heap.nil().0);
        object
    }

    fn array(&mut self, elements: &[Oop]) -> Oop {
        let array = self.old(spur::ARRAY, Format::INDEXABLE, elements.len() as u64);
        for (index, &element) in elements.iter().enumerate() {
            self.vm.heap.store(array, index, element);
        }
        array
    }

    fn make_classes(&mut self, program: &Program) {
        for &(name, index) in KNOWN {
            let class = self.vm.heap.class_at(index);
            self.classes.insert(name, class);
        }
        let object = self.new_class("Object", 0);
        let empty = self.array(&[self.vm.heap.nil(); 3]);
        for &(name, _) in KNOWN {
            self.vm.heap.store(self.classes[name], METHOD_DICTIONARY, empty);
            self.vm.heap.store(self.classes[name], SUPERCLASS, object);
        }
        for (name, slots) in [("Association", 2), ("Scheduler", 2), ("List", 2)] {
            let class = self.new_class(name, slots);
            self.vm.heap.store(class, SUPERCLASS, object);
        }
        let root = self.new_class(ROOT_CLASS, VARIABLES);
        self.vm.heap.store(root, SUPERCLASS, object);
        for (name, above) in CLASSES.iter().zip(&program.superclasses) {
            let class = self.new_class(name, VARIABLES);
            self.vm.heap.store(class, SUPERCLASS, self.classes[above]);
        }
    }

    fn new_class(&mut self, name: &'static str, variables: u8) -> Oop {
        let class = self.old(own::CLASS, Format::FIXED, CLASS_SLOTS);
        let format = i64::from(Format::FIXED.bits()) << 16 | i64::from(variables);
        self.vm.heap.store(class, FORMAT, Oop::small_integer(format));
        let empty = self.array(&[self.vm.heap.nil(); 3]);
        self.vm.heap.store(class, METHOD_DICTIONARY, empty);
        self.vm.heap.index_of_class(class).expect("room");
        self.classes.insert(name, class);
        class
    }

    fn make_specials(&mut self) {
        let mut selectors = Vec::new();
        for selector in SPECIAL_SELECTORS {
            let count = Oop::small_integer(i64::from(selector.num_args));
            selectors.extend([self.symbol(selector.name), count]);
        }
        let selectors = self.array(&selectors);
        self.vm.heap.set_special(special::SPECIAL_SELECTORS, selectors);
        for &(index, name) in VM_SELECTORS {
            let symbol = self.symbol(name);
            self.vm.heap.set_special(index, symbol);
        }
        let list = self.instance("List");
        let lists = self.array(&[list; 4]);
        let process = self.old(own::PROCESS, Format::FIXED, 5);
        self.vm.heap.store(process, 2, Oop::small_integer(2));
        let scheduler = self.instance("Scheduler");
        self.vm.heap.store(scheduler, 0, lists);
        self.vm.heap.store(scheduler, 1, process);
        let association = self.variable("Processor");
        self.vm.heap.store(association, VALUE, scheduler);
        self.vm.heap.set_special(special::SCHEDULER_ASSOCIATION, association);
    }

    fn make_variables(&mut self) {
        let associations: Vec<Oop> = WATCHED.iter().map(|name| self.variable(name)).collect();
        let all = self.array(&associations);
        self.vm.heap.set_special(VARIABLES_ROOT, all);
        let log = self.array(&[self.vm.heap.nil(); LOG_SIZE as usize]);
        let integer = Oop::small_integer;
        let float = self.vm.float_object(2.5).expect("memory");
        let inner = self.array(&[integer(7), integer(8)]);
        let array =
            self.array(&[integer(3), float, inner, self.vm.heap.true_object(), integer(-1)]);
        let string = text(&mut self.vm, "some text");
        let mut values = vec![("Log", log), ("A", array), ("B", string)];
        values.extend([("LogIndex", integer(0)), ("Fuel", integer(0))]);
        for (variable, class) in RECEIVERS.iter().zip(CLASSES) {
            let receiver = self.instance(class);
            let slots = [integer(1), integer(2), float, array];
            for (slot, value) in slots.into_iter().enumerate() {
                self.vm.heap.store(receiver, slot, value);
            }
            values.push((variable, receiver));
        }
        let other = self.instance(CLASSES[1]);
        values.push(("C", other));
        for (name, value) in values {
            let association = self.variable(name);
            self.vm.heap.store(association, VALUE, value);
        }
    }

    fn instance(&mut self, class: &str) -> Oop {
        let class = self.classes[class];
        let index = self.vm.heap.index_of_class(class).expect("room");
        let slots = self.vm.heap.fetch(class, FORMAT).integer_value() as u64 & 0xFFFF;
        self.old(index, Format::FIXED, slots)
    }

    /// The one String that is the selector `name`.
    fn symbol(&mut self, name: &'static str) -> Oop {
        if let Some(&symbol) = self.symbols.get(name) {
            return symbol;
        }
        let format = Format::BYTES.for_elements(name.len() as u64);
        let symbol = self.old(spur::BYTE_STRING, format, (name.len() as u64).div_ceil(8));
        self.vm.heap.bytes_mut(symbol).copy_from_slice(name.as_bytes());
        // Or all would be looked for in the same place.
        self.vm.heap.identity_hash(symbol);
        self.symbols.insert(name, symbol);
        symbol
    }

    /// The association of the variable or class `name`.
    fn variable(&mut self, name: &'static str) -> Oop {
        if let Some(&variable) = self.variables.get(name) {
            return variable;
        }
        let variable = self.instance("Association");
        if let Some(&class) = self.classes.get(name) {
            self.vm.heap.store(variable, VALUE, class);
        }
        self.variables.insert(name, variable);
        variable
    }

    /// Make the methods and put them into their classes, and enter the one that calls the program.
    fn install(&mut self, program: &Program, cold_kernel: bool) -> Option<()> {
        let mut dictionaries: Vec<(&str, Vec<(Oop, Oop)>)> = Vec::new();
        let kernel = crate::kernel::methods(program.kernel);
        let mut start = Oop::ZERO;
        for (number, method) in kernel.iter().chain(&program.methods).enumerate() {
            let oop = self.method(method)?;
            if cold_kernel && number < kernel.len() {
                self.vm.code_for(oop).get().native.stays_cold.set(true);
            }
            let entry = (self.symbol(method.selector), oop);
            match dictionaries.iter_mut().find(|(class, _)| *class == method.class) {
                Some((_, methods)) => {
                    // A program may override what is fixed.
                    methods.retain(|(selector, _)| *selector != entry.0);
                    methods.push(entry);
                }
                None => dictionaries.push((method.class, vec![entry])),
            }
            if method.selector == "drive" {
                start = oop;
            }
        }
        for (class, methods) in dictionaries {
            self.set_methods(self.classes[class], &methods);
        }
        let code = self.vm.code_for(start);
        let nil = self.vm.heap.nil();
        self.vm.enter(code, nil, &[]);
        Some(())
    }

    fn method(&mut self, method: &Method) -> Option<Oop> {
        let compiled = compile(method)?;
        let oop = self.compiled(&compiled, 2);
        let last = compiled.literals.len();
        let (selector, class) = (self.symbol(method.selector), self.variable(method.class));
        self.vm.heap.store(oop, 1 + last, selector);
        self.vm.heap.store(oop, 2 + last, class);
        Some(oop)
    }

    /// A compiled method or block, with room for `more` literals.
    fn compiled(&mut self, code: &Compiled, more: usize) -> Oop {
        let num_literals = code.literals.len() + more;
        let set = match code.set {
            Set::SistaV1 => BytecodeSet::SistaV1,
            Set::V3 => BytecodeSet::V3PlusClosures,
        };
        let header = MethodHeader::new(set, num_literals)
            .with_temps(code.num_args, code.num_temps)
            .with_primitive(code.primitive.is_some())
            .with_large_frame(code.is_large);
        let start = 8 * (1 + num_literals);
        let size = (start + code.bytes.len()) as u64;
        let format = Format::COMPILED_METHOD.for_elements(size);
        let slots = size.div_ceil(8);
        let made = if self.young_methods {
            let made = self.vm.heap.allocate_filled(own::COMPILED_METHOD, format, slots);
            made.expect("memory")
        } else {
            self.old(own::COMPILED_METHOD, format, slots)
        };
        self.vm.heap.store(made, 0, header.oop());
        self.vm.heap.bytes_mut(made)[start..start + code.bytes.len()].copy_from_slice(&code.bytes);
        for (index, constant) in code.literals.iter().enumerate() {
            let literal = self.constant(constant, made);
            self.vm.heap.store(made, 1 + index, literal);
        }
        made
    }

    fn constant(&mut self, constant: &Constant, around: Oop) -> Oop {
        match constant {
            Constant::Global(name) => self.variable(name),
            Constant::Block(code) => {
                let block = self.compiled(code, 1);
                self.vm.heap.store(block, 1 + code.literals.len(), around);
                block
            }
            Constant::Literal(literal) => {
                self.intern(literal);
                object(&mut self.vm, literal, &self.symbols)
            }
        }
    }

    /// Make the selectors in `literal`.
    fn intern(&mut self, literal: &Literal) {
        match literal {
            Literal::Symbol(name) => {
                self.symbol(name);
            }
            Literal::Array(values) => values.iter().for_each(|value| self.intern(value)),
            _ => {}
        }
    }

    /// A method dictionary of twice as many entries as needed.
    fn set_methods(&mut self, class: Oop, methods: &[(Oop, Oop)]) {
        let nil = self.vm.heap.nil();
        let capacity = (2 * methods.len()).next_power_of_two();
        let mut selectors = vec![nil; capacity];
        let mut values = vec![nil; capacity];
        for &(selector, method) in methods {
            let hash = self.vm.heap.header(selector).hash() as usize;
            let free = (0..capacity).map(|probe| (hash + probe) % capacity);
            let free = free.clone().find(|&index| selectors[index] == nil).expect("room");
            (selectors[free], values[free]) = (selector, method);
        }
        let values = self.array(&values);
        let tally = Oop::small_integer(methods.len() as i64);
        let slots: Vec<Oop> = [tally, values].into_iter().chain(selectors).collect();
        let dictionary = self.array(&slots);
        self.vm.heap.store(class, METHOD_DICTIONARY, dictionary);
    }
}
