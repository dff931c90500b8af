//! Random graphs of objects against a model in Rust: whatever collections, become and compaction do
//! to the heap, what the roots reach stays the same; weak references go and ephemerons fire when, and
//! only when, nothing else holds their objects.

mod model;

use proptest::prelude::*;

use model::{Kind, ROOTS, Step, World};

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let root = 0..ROOTS;
    let slots = prop_oneof![8 => 1usize..8, 1 => 250usize..260, 1 => 9_000usize..9_001];
    let kind = prop_oneof![5 => Just(Kind::Strong), 1 => Just(Kind::Weak)];
    let step = prop_oneof![
        6 => (root.clone(), kind, slots)
            .prop_map(|(root, kind, slots)| Step::New { root, kind, slots }),
        2 => root.clone()
            .prop_map(|root| Step::New { root, kind: Kind::Ephemeron, slots: 2 }),
        10 => (root.clone(), 0usize..300, root.clone())
            .prop_map(|(from, slot, to)| Step::Store { from, slot, to }),
        3 => (root.clone(), 0usize..300, root.clone())
            .prop_map(|(from, slot, to)| Step::Load { from, slot, to }),
        3 => root.clone().prop_map(|root| Step::Drop { root }),
        2 => Just(Step::Scavenge),
        1 => Just(Step::TenureAll),
        1 => Just(Step::Full),
        1 => Just(Step::FullSparingBoot),
        1 => Just(Step::Compact),
        1 => Just(Step::CompactSparingBoot),
        1 => root.clone().prop_map(|root| Step::Hoard { root }),
        1 => root.clone().prop_map(|root| Step::Pin { root }),
        1 => root.clone().prop_map(|root| Step::Litter { root }),
        2 => (root.clone(), root, any::<bool>())
            .prop_map(|(from, to, two_way)| Step::Become { from, to, two_way }),
    ];
    prop::collection::vec(step, 1..150)
}

fn check(mut world: World, steps: &[Step]) {
    for step in steps {
        world.run(step);
    }
    world.compare();
    for last in [Step::Scavenge, Step::TenureAll, Step::Full, Step::Compact, Step::Full] {
        world.run(&last);
        world.compare();
    }
    world.expect_nothing_else();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn graphs_survive(steps in steps()) {
        check(World::fresh(), &steps);
    }

    #[test]
    fn graphs_survive_beside_a_boot_region(steps in steps()) {
        check(World::from_image(&steps[..steps.len() / 2]), &steps[steps.len() / 2..]);
    }

    #[test]
    fn graphs_survive_when_old_space_is_small(steps in steps()) {
        check(World::cramped(), &steps);
    }
}
