//! One bad document, or bad use of a good one, per rule S1 to S45 and per refusal.

mod certificates;
mod payload;
mod policy;

use super::World;

/// A world in which one thing is wrong, and the refusal it must meet.
pub struct Case {
    /// The number of the rule it breaks.
    pub rule: u8,
    /// What is wrong.
    pub name: &'static str,
    /// The code of the one right refusal.
    pub code: &'static str,
    /// Everything else in it is right.
    pub world: World,
}

/// All cases.
pub fn all() -> Vec<Case> {
    [payload::cases(), certificates::cases(), policy::cases()].into_iter().flatten().collect()
}

fn case(rule: u8, name: &'static str, code: &'static str, spoil: impl FnOnce(&mut World)) -> Case {
    let mut world = World::default();
    spoil(&mut world);
    Case { rule, name, code, world }
}
