//! Where paths meet: what is the same on all of them stays as it is, the rest becomes parameters of a
//! block.

use cranelift_codegen::ir::{BlockArg, InstBuilder, Type, Value, types};

use super::Compiler;
use super::blocks::Edge;
use super::state::{Def, Kind, Slot};

/// What becomes of a place.
#[derive(Clone, Copy, Debug)]
enum Plan {
    /// It is the same everywhere.
    Same(Def),
    /// It is in the frame everywhere.
    InFrame(Kind),
    /// A parameter: an oop,
    Oop(Kind),
    /// an unboxed float,
    Float,
    /// a Boolean.
    Boolean,
}

impl Plan {
    fn parameter(self) -> Option<Type> {
        match self {
            Plan::Same(_) | Plan::InFrame(_) => None,
            Plan::Oop(_) => Some(types::I64),
            Plan::Float => Some(types::F64),
            Plan::Boolean => Some(types::I8),
        }
    }

    fn of(slots: &[Slot]) -> Plan {
        let first = slots[0].def;
        let all = |test: fn(Def) -> bool| slots.iter().all(|slot| test(slot.def));
        let kind = slots.iter().map(|slot| slot.def.kind()).reduce(Kind::join);
        let kind = kind.unwrap_or(Kind::Any);
        let is_same = slots.iter().all(|slot| match (slot.def, first) {
            (Def::Oop(a, _), Def::Oop(b, _)) => a == b,
            (a, b) => a == b && !matches!(a, Def::InFrame(_)),
        });
        if is_same {
            return Plan::Same(if let Def::Oop(value, _) = first {
                Def::Oop(value, kind)
            } else {
                first
            });
        }
        let in_memory =
            |slot: &Slot| slot.stored && matches!(slot.def, Def::Oop(..) | Def::InFrame(_));
        if slots.iter().all(in_memory) {
            return Plan::InFrame(kind);
        }
        if all(|def| matches!(def, Def::Float(_))) {
            Plan::Float
        } else if all(Def::is_boolean) {
            Plan::Boolean
        } else {
            Plan::Oop(kind)
        }
    }
}

/// What becomes of all places: of the receivers and slots of each frame, and of closures.
struct Plans {
    receivers: Vec<Plan>,
    slots: Vec<Vec<Plan>>,
    /// Of what each closure has copied.
    copied: Vec<Vec<Plan>>,
    /// Whether each closure is made on all paths.
    made: Vec<bool>,
    laid: Vec<bool>,
}

impl Plans {
    fn of(edges: &[Edge]) -> Plans {
        let first = &edges[0].state;
        let levels = 0..first.frames.len();
        let serials = |edge: &Edge| -> Vec<u32> {
            edge.state.closures.iter().map(|closure| closure.serial).collect()
        };
        // Those that were there before the paths parted.
        let expected = serials(&edges[0]);
        let common = |edge: &Edge| {
            let pairs = serials(edge).into_iter().zip(&expected);
            pairs.take_while(|(one, other)| one == *other).count()
        };
        let closures = edges.iter().map(common).min().unwrap_or(0);
        let receivers = levels.clone().map(|level| {
            let all: Vec<Slot> =
                edges.iter().map(|edge| edge.state.frames[level].receiver).collect();
            Plan::of(&all)
        });
        let receivers: Vec<Plan> = receivers.collect();
        let slots: Vec<Vec<Plan>> = levels
            .clone()
            .map(|level| {
                let count = first.frames[level].slots.len();
                let all = |slot: usize| {
                    let of_edge = |edge: &Edge| edge.state.frames[level].slots[slot];
                    let all: Vec<Slot> = edges.iter().map(of_edge).collect();
                    match Plan::of(&all) {
                        // A closure that is not there on all paths.
                        Plan::Same(Def::Closure(number)) if number >= closures => {
                            Plan::Oop(Kind::Any)
                        }
                        plan => plan,
                    }
                };
                (0..count).map(all).collect()
            })
            .collect();
        let copied_by = |number: usize| {
            let is_gone = edges.iter().any(|edge| edge.state.closures[number].gone);
            let of_place = |place: usize| {
                if is_gone {
                    return Plan::Same(first.closures[number].copied[place]);
                }
                let of_edge = |edge: &Edge| Slot::new(edge.state.closures[number].copied[place]);
                Plan::of(&edges.iter().map(of_edge).collect::<Vec<Slot>>())
            };
            (0..first.closures[number].copied.len()).map(of_place).collect()
        };
        let copied: Vec<Vec<Plan>> = (0..closures).map(copied_by).collect();
        let mut made: Vec<bool> = (0..closures)
            .map(|number| {
                let mut all = edges.iter().map(|edge| &edge.state.closures[number]);
                all.any(|closure| closure.made.is_some() && !closure.gone)
            })
            .collect();
        let any_laid = |level: usize| edges.iter().any(|edge| edge.state.frames[level].laid);
        let mut laid: Vec<bool> = levels.map(any_laid).collect();
        for edge in edges {
            for (level, plans) in slots.iter().enumerate() {
                for (slot, plan) in plans.iter().enumerate() {
                    let def = edge.state.frames[level].slots[slot].def;
                    if let Plan::Oop(_) = plan {
                        edge.state.will_make(def, &mut made, &mut laid);
                    }
                }
            }
        }
        for edge in edges {
            for (closure, plans) in edge.state.closures.iter().zip(&copied) {
                for (def, plan) in closure.copied.iter().zip(plans) {
                    if let Plan::Oop(_) = plan {
                        edge.state.will_make(*def, &mut made, &mut laid);
                    }
                }
            }
        }
        while first.spread(&mut made, &mut laid) {}
        Plans { receivers, slots, copied, made, laid }
    }
}

impl super::state::State {
    /// The value is made an object where paths meet: if it is a closure that is there on all paths, on all of
    /// them; another on this path alone, but the frames out to where it is made are laid on all of them then,
    /// for a frame that has a context must not be laid again.
    fn will_make(&self, def: Def, made: &mut [bool], laid: &mut [bool]) {
        let Def::Closure(number) = def else { return };
        if let Some(made) = made.get_mut(number) {
            *made = true;
            return;
        }
        let closure = &self.closures[number];
        laid[..=closure.outer].fill(true);
        for def in &closure.copied {
            self.will_make(*def, made, laid);
        }
    }

    /// What is made or laid brings with it: the frames out to where a closure is made, the closures that it
    /// has copied, the closure of a frame. Answers whether there was something new.
    fn spread(&self, made: &mut [bool], laid: &mut [bool]) -> bool {
        let before = (made.to_vec(), laid.to_vec());
        for number in 0..made.len() {
            if !made[number] {
                continue;
            }
            laid[..=self.closures[number].outer].fill(true);
            for def in &self.closures[number].copied {
                if let Def::Closure(inner) = def {
                    made[*inner] = true;
                }
            }
        }
        for level in 0..laid.len() {
            let outer_too = laid[level];
            if outer_too {
                laid[..level].fill(true);
            }
            if let (true, Some(Def::Closure(number))) = (laid[level], self.frames[level].closure) {
                made[number] = true;
            }
        }
        (&*made, &*laid) != (&*before.0, &*before.1)
    }
}

impl Compiler<'_> {
    /// Go on where all of `edges` meet.
    pub(super) fn merge(&mut self, mut edges: Vec<Edge>) {
        self.exit_here = None;
        if edges.len() == 1 {
            if let Some(edge) = edges.pop() {
                self.resume(edge);
            }
            return;
        }
        let depths = |edge: &Edge| -> Vec<usize> {
            edge.state.frames.iter().map(|frame| frame.slots.len()).collect()
        };
        let first = depths(&edges[0]);
        if edges.iter().any(|edge| depths(edge) != first) {
            // Only in code that no compiler has made: no path goes on.
            self.facts.cautious = true;
            self.contradicted = true;
            self.ended = true;
            return;
        }
        let plans = Plans::of(&edges);
        let floats = boxed_on_all(&edges);
        let block = self.b.create_block();
        let mut parameters: Vec<Value> = Vec::new();
        let places = plans.slots.iter().chain(&plans.copied).flatten();
        let all = plans.receivers.iter().chain(places);
        let kinds: Vec<Type> = all.filter_map(|plan| plan.parameter()).collect();
        let made = plans.made.iter().filter(|made| **made).map(|_| types::I64);
        for kind in kinds.into_iter().chain(made) {
            parameters.push(self.b.append_block_param(block, kind));
        }
        let boxed =
            floats.iter().map(|float| (*float, self.b.append_block_param(block, types::I64)));
        let boxed: Vec<(Value, Value)> = boxed.collect();
        let mut slots: Option<Vec<Vec<(bool, u32)>>> = None;
        let mut writable: Option<Vec<Value>> = None;
        for edge in edges {
            self.resume(edge);
            let mut arguments = self.arguments_for(&plans);
            arguments.extend(floats.iter().map(|float| BlockArg::from(self.box_float(*float))));
            self.b.ins().jump(block, &arguments);
            let of_slot = |slot: &Slot| (slot.stored, slot.changed);
            let here = self.state.frames.iter();
            let here = here.map(|frame| frame.slots.iter().map(of_slot).collect()).collect();
            slots = Some(match slots {
                None => here,
                Some(before) => both(before, &here),
            });
            writable = Some(common(writable, &self.state.writable));
        }
        self.b.switch_to_block(block);
        self.ended = false;
        self.state.boxed = boxed;
        self.state.writable = writable.unwrap_or_default();
        self.adopt(&plans, &parameters, &slots.unwrap_or_default());
    }

    /// Have the path under way be as `plans` says; answers the arguments of the block where paths meet.
    fn arguments_for(&mut self, plans: &Plans) -> Vec<BlockArg> {
        for level in 0..self.state.frames.len() {
            if plans.laid[level] {
                self.lay_frames(level);
            }
        }
        let mut arguments = Vec::new();
        for (level, plan) in plans.receivers.iter().enumerate() {
            if plan.parameter().is_some() {
                let def = self.receiver_at(level);
                arguments.push(self.as_planned(*plan, def).into());
            }
        }
        for (level, slots) in plans.slots.iter().enumerate() {
            for (slot, plan) in slots.iter().enumerate() {
                if plan.parameter().is_some() {
                    let def = self.slot_at(level, slot);
                    arguments.push(self.as_planned(*plan, def).into());
                }
            }
        }
        for (number, copied) in plans.copied.iter().enumerate() {
            for (place, plan) in copied.iter().enumerate() {
                if plan.parameter().is_some() {
                    let def = self.state.closures[number].copied[place];
                    arguments.push(self.as_planned(*plan, def).into());
                }
            }
        }
        for (number, made) in plans.made.iter().enumerate() {
            if *made {
                arguments.push(self.closure_oop(number).into());
            }
        }
        arguments
    }

    fn as_planned(&mut self, plan: Plan, def: Def) -> Value {
        match (plan, def) {
            (Plan::Float, Def::Float(value)) => value,
            (Plan::Boolean, def) => self.truth(def),
            (_, def) => self.oop(def),
        }
    }

    /// The state where paths have met.
    fn adopt(&mut self, plans: &Plans, parameters: &[Value], common: &[Vec<(bool, u32)>]) {
        let mut parameters = parameters.iter().copied();
        let mut next = || parameters.next().expect("a value for each parameter");
        let mut def_of = |plan: Plan| match plan {
            Plan::Same(def) => def,
            Plan::InFrame(kind) => Def::InFrame(kind),
            Plan::Oop(kind) => Def::Oop(next(), kind),
            Plan::Float => Def::Float(next()),
            Plan::Boolean => Def::Boolean(next()),
        };
        for (level, plan) in plans.receivers.iter().enumerate() {
            let stored = self.state.frames[level].receiver.stored;
            self.state.frames[level].receiver = Slot { stored, ..Slot::new(def_of(*plan)) };
        }
        for (level, slots) in plans.slots.iter().enumerate() {
            for (slot, plan) in slots.iter().enumerate() {
                let def = def_of(*plan);
                // Where each path has its value in the frame, that of the path that was taken is there.
                let (stored, changed) = common[level][slot];
                let stored = match plan {
                    Plan::Same(_) | Plan::InFrame(_) | Plan::Oop(_) => stored,
                    Plan::Float | Plan::Boolean => false,
                };
                self.state.frames[level].slots[slot] = Slot { def, stored, changed };
            }
            self.state.frames[level].laid = plans.laid[level];
        }
        self.state.closures.truncate(plans.made.len());
        for (closure, plans) in self.state.closures.iter_mut().zip(&plans.copied) {
            closure.copied = plans.iter().map(|plan| def_of(*plan)).collect();
        }
        for (number, made) in plans.made.iter().enumerate() {
            self.state.closures[number].made = made.then(&mut next);
        }
    }
}

/// The floats that are boxed on all of `edges`: they must remain the objects that they are there.
fn boxed_on_all(edges: &[Edge]) -> Vec<Value> {
    let is_boxed = |edge: &Edge, float| edge.state.boxed.iter().any(|(known, _)| *known == float);
    let first = edges[0].state.boxed.iter().map(|(float, _)| *float);
    first.filter(|float| edges.iter().all(|edge| is_boxed(edge, *float))).collect()
}

/// What is known on this path too of what is known on those before, if there are any.
fn common<T: Clone + PartialEq>(before: Option<Vec<T>>, here: &[T]) -> Vec<T> {
    match before {
        None => here.to_vec(),
        Some(before) => before.into_iter().filter(|fact| here.contains(fact)).collect(),
    }
}

/// For each slot whether its value is in the frame, and in which loops it may have changed, on one path or the
/// other.
fn both(mut a: Vec<Vec<(bool, u32)>>, b: &[Vec<(bool, u32)>]) -> Vec<Vec<(bool, u32)>> {
    for (here, other) in a.iter_mut().zip(b) {
        for ((stored, changed), (other_stored, other_changed)) in here.iter_mut().zip(other) {
            *stored &= *other_stored;
            *changed |= *other_changed;
        }
    }
    a
}
