//! Sends: which classes are expected, what is found for them, and what becomes of that.

use rowel_interpreter::code::{Action, CodeRef};
use rowel_interpreter::lookup::Lookup;
use rowel_interpreter::operation::{Word, selector};
use rowel_objmem::layout::{class_index, special};
use rowel_objmem::{ClassIndex, Oop};

use super::blocks::Edge;
use super::state::{Def, Kind};
use super::{Compiler, Site};
use crate::runtime;

/// So many methods of a send to receivers of several classes are inlined.
const MOST_INLINED_METHODS: usize = 2;
/// So many classes are told apart in line.
const MOST_CLASSES: usize = 4;

impl Compiler<'_> {
    /// The send at `index`.
    pub(super) fn send(&mut self, index: usize, word: Word) {
        let num_args = usize::from(word.a());
        let receiver = self.peek(num_args);
        let selector = self.selector(word);
        self.rely_on_selector(selector);
        let classes = self.classes_seen(index);
        let general = self.is_general(index);
        if classes.is_empty() && !general {
            // It has not been executed yet.
            return if self.setting.eager {
                let operands = self.take_operands(num_args);
                self.call_any(index, &operands);
            } else {
                self.leave(index);
            };
        }
        if word.c() == selector::SUPER {
            return self.send_super(index, selector, num_args);
        }
        if let Some(class) = self.class_known(receiver) {
            return self.send_to_known(index, class, selector, num_args);
        }
        if classes.is_empty() || classes.len() > MOST_CLASSES {
            let operands = self.take_operands(num_args);
            return self.call_any(index, &operands);
        }
        self.send_to_seen(index, &classes, selector, num_args, general);
    }

    /// A send to a receiver of one of `classes`, or else of any.
    fn send_to_seen(
        &mut self,
        index: usize,
        classes: &[u32],
        selector: Oop,
        num_args: usize,
        general: bool,
    ) {
        let groups = self.groups(classes, selector, num_args);
        let last_resort = general || classes.len() > 1;
        let mut paths: Vec<Edge> = Vec::new();
        for (place, (found, group)) in groups.iter().enumerate() {
            let is_last = place + 1 == groups.len();
            let other =
                if is_last && !last_resort { self.exit(index) } else { self.b.create_block() };
            let state = self.state.clone();
            let receiver = self.peek(num_args);
            self.need_one_class(receiver, group, other);
            let here = self.exit_here;
            // What is inlined once for each soon is too much.
            let only_calls = groups.len() > MOST_INLINED_METHODS;
            let outer = std::mem::replace(&mut self.only_calls, only_calls);
            self.send_found(index, *found, group, num_args);
            self.only_calls = outer;
            if !self.ended {
                paths.push(self.edge());
            }
            if !is_last || last_resort {
                self.resume(Edge { block: other, state });
                self.exit_here = if is_last { None } else { here };
            } else {
                self.ended = true;
            }
        }
        if last_resort {
            let operands = self.take_operands(num_args);
            self.call_any(index, &operands);
            paths.push(self.edge());
        }
        if paths.is_empty() {
            self.ended = true;
        } else {
            self.merge(paths);
        }
    }

    /// What `selector` finds in `classes`, and in which of them. Few are each on their own, so that more is
    /// known of the receiver in what is inlined.
    fn groups(
        &mut self,
        classes: &[u32],
        selector: Oop,
        num_args: usize,
    ) -> Vec<(Option<CodeRef>, Vec<u32>)> {
        let mut groups: Vec<(Option<CodeRef>, Vec<u32>)> = Vec::new();
        for &class in classes {
            let object = self.vm.heap.class_at(ClassIndex(class));
            let found = self.find(object, selector, num_args);
            let same = groups.iter_mut().find(|(other, _)| *other == found);
            match same.filter(|_| classes.len() > MOST_INLINED_METHODS) {
                Some((_, group)) => group.push(class),
                None => groups.push((found, vec![class])),
            }
        }
        groups
    }

    /// Whether guards of the operation at `index` have failed too often.
    pub(super) fn is_general(&mut self, index: usize) -> bool {
        let site = Site::new(self.state.top().code, index);
        self.profile.general.contains(&site)
    }

    /// Whether the operation at `index` must do without leaving.
    pub(super) fn is_cautious(&mut self, index: usize) -> bool {
        self.setting.eager || self.is_general(index)
    }

    /// The class index of `def`, if that is sure.
    pub(super) fn class_known(&self, def: Def) -> Option<u32> {
        Some(match def {
            Def::Closure(number) => self.closure_class(number),
            Def::Nil => self.class_of(self.vm.heap.nil()),
            Def::True => self.class_of(self.vm.heap.true_object()),
            Def::False => self.class_of(self.vm.heap.false_object()),
            // Whether it is an immediate depends on its value.
            Def::Float(_) => return None,
            def => match def.kind() {
                Kind::Integer => 1,
                Kind::Class(class) => class,
                Kind::Any => return None,
            },
        })
    }

    fn class_of(&self, object: Oop) -> u32 {
        self.vm.heap.class_index(object).0
    }

    /// The classes that the send at `index` has seen, as far as that is known.
    pub(super) fn classes_seen(&mut self, index: usize) -> Vec<u32> {
        let code = self.state.top().code;
        let site = Site::new(code, index);
        let mut classes = Vec::new();
        let mut note = |class: u64| {
            let class = class as u32;
            if class != 0 && !classes.contains(&class) {
                classes.push(class);
            }
        };
        if let Some(pic) = self.profile.known_pic(site) {
            pic.classes().for_each(&mut note);
            if pic.missed.get() > 0 {
                // Too many.
                return vec![0; MOST_CLASSES + 1];
            }
        }
        note(code.ip_at(index).cached_class());
        let heap = &self.vm.heap;
        classes.retain(|class| heap.class_at(ClassIndex(*class)) != heap.nil());
        classes
    }

    /// The selector of a send.
    pub(super) fn selector(&mut self, word: Word) -> Oop {
        match word.c() {
            selector::SPECIAL => self.vm.special_selector(usize::from(word.b())),
            _ => self.literal_oop(usize::from(word.b())),
        }
    }

    /// What `selector` finds in `class`; `None` where a send would not just run a method.
    fn find(&mut self, class: Oop, selector: Oop, num_args: usize) -> Option<CodeRef> {
        let found = rowel_interpreter::lookup::lookup(&self.vm.heap, class, selector);
        let Lookup::Found { method, .. } = found else { return None };
        if !rowel_interpreter::method::is_well_formed(self.vm.heap.memory(), method) {
            return None;
        }
        let code = self.code_for(method);
        (usize::from(code.get().num_args) == num_args).then_some(code)
    }

    /// The translation of `method`.
    pub(super) fn code_for(&mut self, method: Oop) -> CodeRef {
        let code = self.vm.code_for(method);
        // The tier is not there to be told while it compiles.
        self.setting.stubs.attach(code);
        code
    }

    /// A send to a receiver of the class with index `class`.
    fn send_to_known(&mut self, index: usize, class: u32, selector: Oop, num_args: usize) {
        let object = self.vm.heap.class_at(ClassIndex(class));
        let found = self.find(object, selector, num_args);
        self.send_found(index, found, &[class], num_args);
    }

    fn send_super(&mut self, index: usize, selector: Oop, num_args: usize) {
        let method = self.state.top().code.get().method;
        let above = self.vm.class_above(method);
        let found = self.find(above, selector, num_args);
        self.send_found(index, found, &[], num_args);
    }

    /// A send that begins above the class on top of the operands.
    pub(super) fn send_directed_super(&mut self, index: usize, word: Word) {
        let num_args = usize::from(word.a());
        let selector = self.literal_oop(usize::from(word.b()));
        let class = self.peek(0);
        let found = self.object_known(class).and_then(|class| {
            let above = self.vm.superclass_of(class);
            self.find(above, selector, num_args)
        });
        let Some(code) = found else { return self.leave(index) };
        self.rely_on_selector(selector);
        self.drop_operands(1);
        // Nothing leaves before this operation from here on, as an operand is gone.
        self.exit_here = None;
        self.send_found(index, Some(code), &[], num_args);
    }

    /// A send that performs what is known, for a receiver of the class with index `class`: what that finds is
    /// called or inlined. Answers whether it could.
    fn perform_known(&mut self, index: usize, class: u32, num_args: usize) -> bool {
        let selector = self.peek(num_args - 1);
        let Some(selector) = self.object_known(selector) else { return false };
        let object = self.vm.heap.class_at(ClassIndex(class));
        let Some(code) = self.find(object, selector, num_args - 1) else { return false };
        self.rely_on_selector(selector);
        let mut operands = self.take_operands(num_args);
        operands.arguments.remove(0);
        if self.is_inlined(index, code, &operands) {
            self.inline_method(index, code, operands);
        } else {
            self.call_code(index, code, &operands);
        }
        true
    }

    /// The literal or class that `def` is for sure.
    pub(super) fn object_known(&self, def: Def) -> Option<Oop> {
        let Def::Oop(value, _) = def else { return None };
        self.objects.iter().find(|(known, _)| *known == value).map(|(_, object)| *object)
    }

    /// What a send does that has found `found` for sure, for a receiver of one of `classes`, if any are known.
    fn send_found(
        &mut self,
        index: usize,
        found: Option<CodeRef>,
        classes: &[u32],
        num_args: usize,
    ) {
        let Some(code) = found else {
            let operands = self.take_operands(num_args);
            return self.call_any(index, &operands);
        };
        match code.get().action {
            Action::AnswerReceiver
            | Action::AnswerSpecial(_)
            | Action::AnswerInteger(_)
            | Action::AnswerVariable(_) => self.quick(index, code, classes),
            Action::Evaluate => self.evaluate(index, code, num_args),
            Action::Perform if num_args > 0 => {
                if let [class] = *classes
                    && self.perform_known(index, class, num_args)
                {
                    return;
                }
                let operands = self.take_operands(num_args);
                self.call_perform(index, code, &operands);
            }
            Action::Value(_) => {
                if let [class] = *classes
                    && self.intrinsic(index, code, class, num_args)
                {
                    return;
                }
                let operands = self.take_operands(num_args);
                if runtime::fast::fast(code.get().primitive, num_args).is_some() {
                    self.call_code(index, code, &operands);
                } else {
                    self.call_primitive(index, code, &operands);
                }
            }
            _ => {
                let operands = self.take_operands(num_args);
                if self.is_inlined(index, code, &operands) {
                    self.inline_method(index, code, operands);
                } else {
                    self.call_code(index, code, &operands);
                }
            }
        }
    }

    fn quick(&mut self, index: usize, code: CodeRef, classes: &[u32]) {
        self.rely_on(code);
        let context = class_index::METHOD_CONTEXT.0;
        if let Action::AnswerVariable(slot) = code.get().action {
            let has_it = |class| class != context && self.has_slot(class, usize::from(slot));
            if classes.is_empty() || !classes.iter().copied().all(has_it) {
                let operands = self.take_operands(0);
                return self.call_code(index, code, &operands);
            }
            let receiver = self.peek(0);
            let receiver = self.oop(receiver);
            self.drop_operands(1);
            let value = self.fetch(receiver, usize::from(slot));
            return self.push_oop(value);
        }
        let receiver = self.peek(0);
        self.drop_operands(1);
        self.push(match code.get().action {
            Action::AnswerInteger(value) => Def::Integer(i64::from(value)),
            Action::AnswerSpecial(which) => match usize::from(which) {
                special::TRUE => Def::True,
                special::FALSE => Def::False,
                _ => Def::Nil,
            },
            _ => receiver,
        });
    }

    /// A send that evaluates a closure.
    fn evaluate(&mut self, index: usize, code: CodeRef, num_args: usize) {
        self.rely_on(code);
        let operands = self.take_operands(num_args);
        if let Def::Closure(number) = operands.receiver
            && evaluates_plainly(code.get().primitive)
            && self.is_block_inlined(number, num_args)
        {
            return self.inline_block(index, number, &operands);
        }
        if evaluates_plainly(code.get().primitive) {
            self.call_block(index, code, &operands);
        } else {
            self.call_code(index, code, &operands);
        }
    }

    /// A send of the special selector of the operation at `index`, whose operands are there.
    pub(super) fn send_operation(&mut self, index: usize, num_args: usize) {
        let operands = self.take_operands(num_args);
        self.call_any(index, &operands);
    }

    /// Whether every instance of the class with index `class` has slot `index`.
    pub(super) fn has_slot(&self, class: u32, index: usize) -> bool {
        self.vm.instance_slots(ClassIndex(class)).is_some_and(|slots| index < slots)
    }

    /// Whether the operation has seen what its own cache tells.
    pub(super) fn cached_class(&mut self, index: usize) -> u32 {
        self.state.top().code.ip_at(index).cached_class() as u32
    }

    /// `operation` at `index`, sent where it is not done in line: a block for that, and what to do there.
    pub(super) fn otherwise(&mut self, index: usize) -> super::arithmetic::Otherwise {
        if self.is_cautious(index) {
            super::arithmetic::Otherwise::Send(self.b.create_block(), Box::new(self.state.clone()))
        } else {
            super::arithmetic::Otherwise::Leave(self.exit(index))
        }
    }
}

/// Whether the primitive evaluates a closure with the arguments of the send.
fn evaluates_plainly(primitive: u16) -> bool {
    matches!(primitive, 201..=205 | 207 | 209 | 221 | 222) && primitive != 206
}
