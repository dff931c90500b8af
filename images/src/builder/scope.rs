//! What a name in a method of a class means.
//!
//! Must not know: objects; it answers names of bindings.

use super::plan::Plan;
use crate::compiler::{BindingKey, Scope, Variable};

/// Globals that are not classes.
pub const GLOBALS: &[&str] = &["Smalltalk", "Processor", "Transcript"];

/// The class whose instances may be frames.
const CONTEXT_CLASS: &str = "Context";

/// The names that the methods of one side of a class see.
#[derive(Clone, Copy, Debug)]
pub struct ClassScope<'p> {
    /// All classes.
    pub plan: &'p Plan<'p>,
    /// Which of them.
    pub class: usize,
    /// Whether its class side is meant.
    pub class_side: bool,
}

impl Scope for ClassScope<'_> {
    fn variable(&self, name: &str) -> Option<Variable> {
        self.instance_variable(name)
            .or_else(|| self.class_variable(name))
            .or_else(|| self.pool_variable(name))
            .or_else(|| self.global(name))
    }

    fn receiver_may_be_context(&self) -> bool {
        let below = |name: &str| {
            let context = self.plan.find(CONTEXT_CLASS);
            context.is_some_and(|context| {
                self.plan.chain(context).any(|class| class.source.name == name)
            })
        };
        !self.class_side && below(&self.plan.classes[self.class].source.name)
    }
}

impl ClassScope<'_> {
    fn instance_variable(&self, name: &str) -> Option<Variable> {
        let class = &self.plan.classes[self.class];
        let variables =
            if self.class_side { &class.class_side_variables } else { &class.instance_variables };
        let index = variables.iter().position(|variable| variable == name)?;
        u16::try_from(index).ok().map(Variable::Instance)
    }

    fn class_variable(&self, name: &str) -> Option<Variable> {
        let class = self.plan.chain(self.class).find(|class| declares(class.source, name))?;
        let (class, name) = (class.source.name.clone(), name.to_owned());
        Some(Variable::Binding(BindingKey::ClassVariable { class, name }))
    }

    fn pool_variable(&self, name: &str) -> Option<Variable> {
        let pools = self.plan.chain(self.class).flat_map(|class| &class.source.pools);
        let mut classes = pools.filter_map(|pool| self.plan.find(pool));
        let pool = classes.find(|&pool| declares(self.plan.classes[pool].source, name))?;
        let class = self.plan.classes[pool].source.name.clone();
        Some(Variable::Binding(BindingKey::ClassVariable { class, name: name.to_owned() }))
    }

    fn global(&self, name: &str) -> Option<Variable> {
        let key = || BindingKey::Global(name.to_owned());
        if self.plan.find(name).is_some() {
            Some(Variable::ReadOnlyBinding(key()))
        } else {
            GLOBALS.contains(&name).then(|| Variable::Binding(key()))
        }
    }
}

fn declares(class: &crate::source::ClassSource, name: &str) -> bool {
    class.class_variables.iter().any(|variable| variable == name)
}
