//! The heap in which a test runs: classes with names, selectors, a scheduler with one process, and the
//! test's own methods. Also how an object is written.

use std::collections::HashMap;

use rowel_bytecode::SPECIAL_SELECTORS;
use rowel_interpreter::method::{self, BytecodeSet, MethodHeader};
use rowel_interpreter::stack::PAGE_BYTES;
use rowel_interpreter::vm::Vm;
use rowel_jit::{Host, JitOptions, When};
use rowel_objmem::bootstrap::{BootstrapOptions, bootstrap_class as own};
use rowel_objmem::layout::{class_index as spur, special};
use rowel_objmem::{ClassIndex, Format, Heap, Oop};

use crate::assemble::assemble;
use crate::syntax::{Case, Code, Set, Value};

/// How a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Plain,
    /// On a stack of two pages.
    SmallStack,
    /// With a scavenge at every safepoint.
    Stress,
    /// With native code from the first call on.
    Native,
    /// With native code from the second call on, which leaves where it meets what the first has not shown.
    NativeEarly,
    /// With native code from the first call on, and a scavenge at every safepoint.
    NativeStress,
}

/// Slots of a class.
const SUPERCLASS: usize = 0;
const METHOD_DICTIONARY: usize = 1;
const FORMAT: usize = 2;
const CLASS_SLOTS: u64 = 6;
/// Priorities of the scheduler.
const PRIORITIES: u64 = 4;

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
    ("Semaphore", own::SEMAPHORE),
    ("Process", own::PROCESS),
];

/// Selectors that the VM sends of itself.
const VM_SELECTORS: &[(usize, &str)] = &[
    (special::SELECTOR_DOES_NOT_UNDERSTAND, "doesNotUnderstand:"),
    (special::SELECTOR_CANNOT_RETURN, "cannotReturn:"),
    (special::SELECTOR_MUST_BE_BOOLEAN, "mustBeBoolean"),
    (special::SELECTOR_ATTEMPT_TO_ASSIGN, "attemptToAssign:withIndex:"),
];

/// A VM about to run a test, and the names of what is in it. What has a name is in old space, where
/// scavenges leave it.
pub struct World {
    pub vm: Vm,
    classes: HashMap<String, Oop>,
    symbols: HashMap<String, Oop>,
    variables: HashMap<String, Oop>,
}

type Made<T> = Result<T, String>;

/// The method that ends the test.
fn quit() -> Code {
    let lines = vec![(0, "return_receiver".to_owned())];
    Code { name: "Object>>quit".to_owned(), primitive: Some(113), lines, ..Code::default() }
}

thread_local! {
    /// What all worlds of a test have in common.
    static HOST: Host = Host::default();
}

impl World {
    /// The world of `case`, with its first method about to be called.
    ///
    /// # Errors
    /// What in the test cannot be made.
    pub fn new(case: &Case, mode: Mode) -> Made<World> {
        // A scavenge looks at all of the stack, and stress has one at every call.
        let pages = if mode == Mode::SmallStack { 2 } else { 4 };
        let options = BootstrapOptions {
            max_old_bytes: 1 << 20,
            stack_bytes: pages * PAGE_BYTES,
            ..Default::default()
        };
        let heap = Heap::bootstrap(options).map_err(|error| error.to_string())?;
        let zone = heap.stack_zone();
        let names = HashMap::new;
        let mut vm = Vm::new(heap, zone);
        let when = match mode {
            Mode::Native | Mode::NativeStress => Some(When::Always),
            Mode::NativeEarly => Some(When::Early),
            Mode::Plain | Mode::SmallStack | Mode::Stress => None,
        };
        if let Some(when) = when {
            let host = HOST.with(Host::clone);
            let options = JitOptions { when, host, ..JitOptions::default() };
            #[cfg(not(emulated))]
            rowel_jit::Tiered::attach(&mut vm, options).map_err(|error| error.to_string())?;
            #[cfg(emulated)]
            rowel_emulation::attach(&mut vm, options).map_err(|error| error.to_string())?;
        }
        let mut world = World { vm, classes: names(), symbols: names(), variables: names() };
        world.make_classes(case)?;
        world.make_specials();
        world.install(case)?;
        world.enter(case)?;
        if matches!(mode, Mode::Stress | Mode::NativeStress) {
            world.vm.stress_scavenges = true;
            world.vm.request_attention();
        }
        Ok(world)
    }

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

    fn make_classes(&mut self, case: &Case) -> Made<()> {
        for &(name, index) in KNOWN {
            let class = self.vm.heap.class_at(index);
            self.classes.insert(name.to_owned(), class);
        }
        let object = self.new_class("Object");
        for class in self.classes.values().copied().collect::<Vec<_>>() {
            let empty = self.array(&[self.vm.heap.nil(); 2]);
            self.vm.heap.store(class, METHOD_DICTIONARY, empty);
            if class != object {
                self.vm.heap.store(class, SUPERCLASS, object);
            }
        }
        for name in ["Association", "Scheduler", "List"] {
            let class = self.new_class(name);
            self.vm.heap.store(class, SUPERCLASS, object);
        }
        for (name, above) in &case.classes {
            let above = *self.classes.get(above).ok_or(format!("no class {above}"))?;
            let class = self.new_class(name);
            self.vm.heap.store(class, SUPERCLASS, above);
        }
        Ok(())
    }

    fn new_class(&mut self, name: &str) -> Oop {
        let class = self.old(own::CLASS, Format::FIXED, CLASS_SLOTS);
        let format = Oop::small_integer(i64::from(Format::FIXED.bits()) << 16);
        self.vm.heap.store(class, FORMAT, format);
        let empty = self.array(&[self.vm.heap.nil(); 2]);
        self.vm.heap.store(class, METHOD_DICTIONARY, empty);
        self.classes.insert(name.to_owned(), class);
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
        let lists: Vec<Oop> = (0..PRIORITIES).map(|_| self.instance("List", 2)).collect();
        let lists = self.array(&lists);
        let process = self.old(own::PROCESS, Format::FIXED, 5);
        self.vm.heap.store(process, 2, Oop::small_integer(2));
        let scheduler = self.instance("Scheduler", 2);
        self.vm.heap.store(scheduler, 0, lists);
        self.vm.heap.store(scheduler, 1, process);
        let association = self.variable("Processor");
        self.vm.heap.store(association, 1, scheduler);
        self.vm.heap.set_special(special::SCHEDULER_ASSOCIATION, association);
    }

    fn instance(&mut self, class: &str, slots: u64) -> Oop {
        let class = self.classes[class];
        let index = self.vm.heap.index_of_class(class).expect("room");
        self.old(index, Format::FIXED, slots)
    }

    /// The one String that is the selector `name`.
    fn symbol(&mut self, name: &str) -> Oop {
        if let Some(&symbol) = self.symbols.get(name) {
            return symbol;
        }
        let format = Format::BYTES.for_elements(name.len() as u64);
        let slots = (name.len() as u64).div_ceil(8);
        let symbol = self.old(spur::BYTE_STRING, format, slots);
        self.vm.heap.bytes_mut(symbol).copy_from_slice(name.as_bytes());
        self.symbols.insert(name.to_owned(), symbol);
        symbol
    }

    /// The association of the variable `name`.
    fn variable(&mut self, name: &str) -> Oop {
        if let Some(&variable) = self.variables.get(name) {
            return variable;
        }
        let variable = self.instance("Association", 2);
        self.variables.insert(name.to_owned(), variable);
        variable
    }

    /// The object for a value; what is no name is new.
    fn object(&mut self, value: &Value, blocks: &HashMap<&str, Oop>) -> Made<Oop> {
        let memory = |_| "no memory".to_owned();
        Ok(match value {
            Value::Integer(value) => self.vm.integer_object(*value).map_err(memory)?,
            Value::Float(value) => self.vm.float_object(*value).map_err(memory)?,
            Value::Character(value) => Oop::character(*value as u32),
            Value::Text(text) => self.vm.string_object(text.as_bytes()).map_err(memory)?,
            Value::Symbol(name) => self.symbol(name),
            Value::Nil => self.vm.heap.nil(),
            Value::True => self.vm.heap.true_object(),
            Value::False => self.vm.heap.false_object(),
            Value::Array(values) => {
                let elements = self.objects(values, blocks)?;
                self.vm.array_object(&elements).map_err(memory)?
            }
            Value::Instance(class, values) => {
                let elements = self.objects(values, blocks)?;
                let class = *self.classes.get(class).ok_or(format!("no class {class}"))?;
                let heap = &mut self.vm.heap;
                let index = heap.index_of_class(class).ok_or("no room for a class")?;
                let made = heap.allocate_filled(index, Format::FIXED, elements.len() as u64);
                let made = made.ok_or("no memory")?;
                for (slot, &element) in elements.iter().enumerate() {
                    heap.store(made, slot, element);
                }
                made
            }
            Value::Variable(name) => self.variable(name),
            Value::Class(name) => *self.classes.get(name).ok_or(format!("no class {name}"))?,
            Value::Block(name) => *blocks.get(name.as_str()).ok_or(format!("no block {name}"))?,
        })
    }

    fn objects(&mut self, values: &[Value], blocks: &HashMap<&str, Oop>) -> Made<Vec<Oop>> {
        values.iter().map(|value| self.object(value, blocks)).collect()
    }

    /// Make the codes of the test and put the methods into their classes. The last two literals of a
    /// method are its selector and the association of its class, the last of a block is the code
    /// around it.
    fn install(&mut self, case: &Case) -> Made<()> {
        let mut made = Vec::new();
        let mut blocks = HashMap::new();
        let codes = [&case.codes[..], &[quit()]].concat();
        for code in &codes {
            let bytes = assemble(code, case.set)?;
            let own_literals = if code.is_block { 1 } else { 2 };
            let oop = self.compiled(code, case.set, &bytes, code.literals.len() + own_literals);
            made.push(oop);
            if code.is_block {
                blocks.insert(code.name.as_str(), oop);
            }
        }
        let mut around = Oop::ZERO;
        let mut dictionaries: HashMap<Oop, Vec<(Oop, Oop)>> = HashMap::new();
        for (code, &oop) in codes.iter().zip(&made) {
            let mut literals = self.objects(&code.literals, &blocks)?;
            if code.is_block {
                literals.push(around);
            } else {
                around = oop;
                let (class, selector) = code.name.split_once(">>").ok_or("no method name")?;
                let found = *self.classes.get(class).ok_or(format!("no class {class}"))?;
                let selector = self.symbol(selector);
                let association = self.variable(class);
                self.vm.heap.store(association, 1, found);
                literals.extend([selector, association]);
                dictionaries.entry(found).or_default().push((selector, oop));
            }
            for (index, literal) in literals.into_iter().enumerate() {
                self.vm.heap.store(oop, 1 + index, literal);
            }
        }
        for (class, methods) in dictionaries {
            self.set_methods(class, &methods);
        }
        Ok(())
    }

    fn compiled(&mut self, code: &Code, set: Set, bytes: &[u8], num_literals: usize) -> Oop {
        let temporaries = code.num_args + code.temporaries;
        let bytecodes = match set {
            Set::SistaV1 => BytecodeSet::SistaV1,
            Set::V3 => BytecodeSet::V3PlusClosures,
        };
        let header = MethodHeader::new(bytecodes, num_literals)
            .with_temps(code.num_args, temporaries)
            .with_primitive(code.primitive.is_some())
            .with_large_frame(code.is_large);
        let made = method::make(&mut self.vm.heap, own::COMPILED_METHOD, header, &[], bytes);
        made.expect("memory")
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

    /// Enter a method that sends `main` with the test's receiver and arguments, stores what it
    /// answers in the variable `result`, and quits.
    fn enter(&mut self, case: &Case) -> Made<()> {
        let receiver_and_arguments = [vec![case.receiver.clone()], case.arguments.clone()].concat();
        let count = case.arguments.len();
        let mut entry = Code { name: "Object>>entry".to_owned(), ..Code::default() };
        let mut lines: Vec<String> =
            (0..=count).map(|index| format!("push_literal index={index}")).collect();
        lines.push(match case.set {
            Set::SistaV1 => format!("long_send index={} num_args={count}", count + 1),
            Set::V3 => format!("extended_send index={} num_args={count}", count + 1),
        });
        let store_and_quit = match case.set {
            Set::SistaV1 => ["long_store_into_literal_variable", "long_send"],
            Set::V3 => ["extended_store kind=3", "extended_send"],
        };
        let [store, send] = store_and_quit;
        lines.push(format!("{store} index={}", count + 2));
        lines.push(format!("{send} index={} num_args=0", count + 3));
        entry.lines = lines.into_iter().map(|line| (0, line)).collect();
        let bytes = assemble(&entry, case.set)?;
        let oop = self.compiled(&entry, case.set, &bytes, count + 6);
        let mut literals = self.objects(&receiver_and_arguments, &HashMap::new())?;
        let (main, name) = (self.symbol("main"), self.symbol("entry"));
        let class = self.variable("Object");
        let (result, quit) = (self.variable("result"), self.symbol("quit"));
        literals.extend([main, result, quit, name, class]);
        for (index, literal) in literals.into_iter().enumerate() {
            self.vm.heap.store(oop, 1 + index, literal);
        }
        let code = self.vm.code_for(oop);
        let nil = self.vm.heap.nil();
        self.vm.enter(code, nil, &[]);
        Ok(())
    }

    /// What `main` answered.
    pub fn result(&self) -> Oop {
        self.vm.heap.fetch(self.variables["result"], 1)
    }

    /// How an object is written, down to `depth` levels.
    pub fn describe(&self, oop: Oop, depth: usize) -> String {
        let oop = self.vm.heap.follow(oop);
        let vm = &self.vm;
        let heap = &vm.heap;
        let is = |object: Oop| object == oop;
        if let Some(value) = vm.wide_integer_of(oop) {
            return value.to_string();
        }
        if let Some(value) = vm.float_of(oop) {
            return format!("{value:?}");
        }
        if oop.is_character() {
            return char::from_u32(oop.character_value()).map_or("$?".into(), |c| format!("${c}"));
        }
        let special =
            [(heap.nil(), "nil"), (heap.true_object(), "true"), (heap.false_object(), "false")];
        if let Some((_, name)) = special.into_iter().find(|(object, _)| is(*object)) {
            return name.to_owned();
        }
        for (names, mark) in [(&self.symbols, '#'), (&self.classes, '%'), (&self.variables, '&')] {
            if let Some((name, _)) = names.iter().find(|(_, object)| is(**object)) {
                return format!("{mark}{name}");
            }
        }
        if heap.has_class_index(oop, spur::BYTE_STRING) {
            return format!("'{}'", String::from_utf8_lossy(heap.bytes(oop)));
        }
        let class = heap.class_of(oop);
        let name = self.classes.iter().find(|(_, object)| **object == class);
        let name = name.map_or("?", |(name, _)| name.as_str());
        let is_plain = heap.format(oop).is_pointers() && !name.ends_with("Closure");
        if !is_plain || name == "Context" || name == "Process" || depth == 0 {
            return format!("(a {name})");
        }
        let slots = (0..heap.slot_count(oop) as usize).map(|index| heap.fetch(oop, index));
        let slots: Vec<String> = slots.map(|slot| self.describe(slot, depth - 1)).collect();
        match name {
            "Array" => format!("{{{}}}", slots.join(" ")),
            _ => format!("({})", [vec![name.to_owned()], slots].concat().join(" ")),
        }
    }
}
