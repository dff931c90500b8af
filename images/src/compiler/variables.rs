//! The variables of a method: who declares them, who uses them, and where they live.
//!
//! Owns: which variables are shared by way of a temp vector, what blocks copy, and which slots all of them get.
//! Must not know: names, bytecodes. Facts: a block copies the values of what it uses; a variable that changes after a
//! block copied it lives in an Array that both hold (a temp vector). Arguments come first, then what is copied,
//! then temporaries.

use super::code::BindingKey;
use super::tree::{ActivationId, RegionId, VariableId};

/// What a variable is declared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    Argument,
    /// The argument of an inlined block: assigned to by its control structure only.
    Inlined,
    Temporary,
    /// Told why the primitive failed; the last of the method's slots.
    ErrorCode,
    /// Without a name.
    Hidden,
}

#[derive(Debug)]
struct Variable {
    kind: Declared,
    activation: ActivationId,
    region: RegionId,
    /// When it was captured first (the start of the block), and in which region.
    captured: Option<(usize, RegionId)>,
    captures: Vec<RegionId>,
    /// When, in which region.
    writes: Vec<(usize, RegionId)>,
    /// Whether a block assigns to it that does not declare it.
    written_by_block: bool,
    /// Whether the first use is an assignment that every turn makes.
    starts_with_write: Option<bool>,
}

#[derive(Debug)]
struct Activation {
    /// The activation and region that the block is made in.
    outer: Option<(ActivationId, RegionId)>,
    root: RegionId,
    /// When it begins.
    start: usize,
    /// What it uses of others, in the order of use.
    free: Vec<VariableId>,
    declared: Vec<VariableId>,
}

#[derive(Debug)]
struct Region {
    outer: Option<RegionId>,
    is_loop: bool,
}

/// All variables of a method.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    variables: Vec<Variable>,
    activations: Vec<Activation>,
    regions: Vec<Region>,
    assigned_bindings: Vec<BindingKey>,
    clock: usize,
}

/// What a block copies: a variable's value, or the temp vector of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Variable(VariableId),
    Vector(RegionId),
}

/// Where things of an activation are.
#[derive(Debug)]
pub(crate) struct Slots {
    /// What each slot holds; the first are the arguments, then what is copied.
    cells: Vec<Cell>,
    /// How many arguments there are.
    pub arguments: usize,
    /// What is copied when the block is made.
    pub copied: Vec<Cell>,
}

impl Slots {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Where a thing is.
    pub fn index(&self, cell: Cell) -> Option<i32> {
        let at = self.cells.iter().position(|&known| known == cell)?;
        i32::try_from(at).ok()
    }
}

impl Variables {
    /// A method, or a block that is made in `outer`; answers it and its region.
    pub fn add_activation(
        &mut self,
        outer: Option<(ActivationId, RegionId)>,
    ) -> (ActivationId, RegionId) {
        let root = RegionId(self.regions.len());
        self.regions.push(Region { outer: None, is_loop: false });
        let start = self.tick();
        let (free, declared) = (Vec::new(), Vec::new());
        self.activations.push(Activation { outer, root, start, free, declared });
        (ActivationId(self.activations.len() - 1), root)
    }

    /// A region within another of the same activation.
    pub fn add_region(&mut self, outer: RegionId, is_loop: bool) -> RegionId {
        self.regions.push(Region { outer: Some(outer), is_loop });
        RegionId(self.regions.len() - 1)
    }

    /// A new variable.
    pub fn declare(
        &mut self,
        kind: Declared,
        activation: ActivationId,
        region: RegionId,
    ) -> VariableId {
        let id = VariableId(self.variables.len());
        self.variables.push(Variable {
            kind,
            activation,
            region,
            captured: None,
            captures: Vec::new(),
            writes: Vec::new(),
            written_by_block: false,
            starts_with_write: None,
        });
        self.activations[activation.0].declared.push(id);
        id
    }

    /// Whether a method may assign to it.
    pub fn is_assignable(&self, id: VariableId) -> bool {
        self.variables[id.0].kind == Declared::Temporary
    }

    /// It is used there. (Assignments are noted besides, after the value is computed.)
    pub fn note_read(&mut self, id: VariableId, activation: ActivationId, region: RegionId) {
        self.note_use(id, activation, region, false);
    }

    /// It is assigned to there.
    pub fn note_write(&mut self, id: VariableId, activation: ActivationId, region: RegionId) {
        self.note_use(id, activation, region, true);
    }

    /// A variable outside of the method is assigned to.
    pub fn note_assigned_binding(&mut self, key: &BindingKey) {
        self.assigned_bindings.push(key.clone());
    }

    /// The variables outside of the method that are assigned to.
    pub fn assigned_bindings(&self) -> &[BindingKey] {
        &self.assigned_bindings
    }

    fn tick(&mut self) -> usize {
        self.clock += 1;
        self.clock
    }

    fn note_use(
        &mut self,
        id: VariableId,
        activation: ActivationId,
        region: RegionId,
        is_write: bool,
    ) {
        let now = self.tick();
        let owner = self.variables[id.0].activation;
        // From the block that uses it outwards to the one made by the owner.
        let (mut inner, mut made_at) = (activation, None);
        while inner != owner {
            let block = &mut self.activations[inner.0];
            if !block.free.contains(&id) {
                block.free.push(id);
            }
            let start = block.start;
            let Some((outer, outer_region)) = block.outer else { break };
            made_at = Some((start, outer_region));
            inner = outer;
        }
        let variable = &mut self.variables[id.0];
        let same_turn = is_write && activation == owner && region == variable.region;
        variable.starts_with_write.get_or_insert(same_turn);
        if let Some((start, at)) = made_at {
            variable.captured.get_or_insert((start, at));
            variable.captures.push(at);
            variable.written_by_block |= is_write;
        } else if is_write {
            variable.writes.push((now, region));
        }
    }

    /// The regions from `region` outwards, within its activation.
    fn outwards(&self, region: RegionId) -> impl Iterator<Item = RegionId> + '_ {
        std::iter::successors(Some(region), |region| self.regions[region.0].outer)
    }

    /// The innermost loop around a region of the same activation, up to and without `limit`.
    fn loops(&self, region: RegionId, limit: Option<RegionId>) -> Vec<RegionId> {
        self.outwards(region)
            .take_while(|&region| Some(region) != limit)
            .filter(|region| self.regions[region.0].is_loop)
            .collect()
    }

    fn is_in_loop(&self, region: RegionId) -> bool {
        !self.loops(region, None).is_empty()
    }

    /// Whether it lives in a temp vector: whether it may change after a block copied it.
    pub fn is_remote(&self, id: VariableId) -> bool {
        let variable = &self.variables[id.0];
        let Some((first_capture, _)) = variable.captured else { return false };
        if variable.kind != Declared::Temporary {
            return false;
        }
        if variable.written_by_block {
            return true;
        }
        variable.writes.iter().any(|&(at, region)| {
            let loops = self.loops(region, Some(variable.region));
            let in_one_loop = |capture: &RegionId| {
                self.loops(*capture, Some(variable.region)).iter().any(|it| loops.contains(it))
            };
            at > first_capture || variable.captures.iter().any(in_one_loop)
        })
    }

    /// The region whose temp vector has it: its own where each turn of a loop has its own variables, else the
    /// activation's.
    fn vector_of(&self, id: VariableId) -> RegionId {
        let variable = &self.variables[id.0];
        if self.is_in_loop(variable.region) {
            return variable.region;
        }
        self.activations[variable.activation.0].root
    }

    /// Vector and index of a variable that is shared.
    pub fn remote(&self, id: VariableId) -> Option<(RegionId, i32)> {
        if !self.is_remote(id) {
            return None;
        }
        let vector = self.vector_of(id);
        let at = self.vector(vector).iter().position(|&known| known == id)?;
        Some((vector, i32::try_from(at).ok()?))
    }

    /// The variables in the temp vector of a region; none when it has no vector.
    pub fn vector(&self, region: RegionId) -> Vec<VariableId> {
        let ids = (0..self.variables.len()).map(VariableId);
        ids.filter(|&id| self.is_remote(id) && self.vector_of(id) == region).collect()
    }

    /// The variables that have to be made nil where a region begins: those of a loop's turn, unless it assigns to them
    /// before anything else.
    pub fn to_clear(&self, region: RegionId) -> Vec<VariableId> {
        if !self.is_in_loop(region) {
            return Vec::new();
        }
        let ids = (0..self.variables.len()).map(VariableId);
        let to_clear = ids.filter(|&id| {
            let variable = &self.variables[id.0];
            variable.region == region
                && variable.kind == Declared::Temporary
                && variable.starts_with_write == Some(false)
                && !self.is_remote(id)
        });
        to_clear.collect()
    }

    /// What holds a variable.
    pub fn cell(&self, id: VariableId) -> Cell {
        match self.is_remote(id) {
            true => Cell::Vector(self.vector_of(id)),
            false => Cell::Variable(id),
        }
    }

    /// The slots of an activation.
    pub fn slots(&self, id: ActivationId) -> Slots {
        let activation = &self.activations[id.0];
        let kind = |id: VariableId| self.variables[id.0].kind;
        let declared = || activation.declared.iter().copied();
        let own: Vec<VariableId> =
            declared().filter(|&id| kind(id) == Declared::Argument).collect();
        let mut cells: Vec<Cell> = own.iter().map(|&id| Cell::Variable(id)).collect();
        let mut copied = Vec::new();
        for &free in &activation.free {
            let cell = self.cell(free);
            if !copied.contains(&cell) {
                copied.push(cell);
            }
        }
        cells.extend(&copied);
        let others = declared().filter(|&id| kind(id) != Declared::Argument);
        let (errors, others): (Vec<_>, Vec<_>) =
            others.partition(|&id| kind(id) == Declared::ErrorCode);
        for id in others.into_iter().chain(errors) {
            let cell = self.cell(id);
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        Slots { cells, arguments: own.len(), copied }
    }
}
