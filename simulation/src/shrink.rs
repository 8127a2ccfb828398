//! From a plan that fails to the shortest that still does.

use crate::check::{Violation, check};
use crate::defects::Defect;
use crate::history::History;
use crate::plan::Plan;
use crate::run::run;

/// How many runs it may take.
const PATIENCE: usize = 400;

/// The shortest plan found on which the same rule is broken, and its history.
#[must_use]
pub fn shrink(plan: &Plan, rule: &str, defect: Option<Defect>) -> (History, Vec<Violation>) {
    let mut shrinking = Shrinking {
        history: run(plan, defect),
        rule,
        defect,
        left: PATIENCE,
    };
    loop {
        let before = size(&shrinking.history.plan);
        shrinking.drop_tasks();
        shrinking.drop_faults();
        shrinking.drop_pieces();
        shrinking.drop_commands();
        if shrinking.left == 0 || size(&shrinking.history.plan) == before {
            let violations = check(&shrinking.history);
            return (shrinking.history, violations);
        }
    }
}

fn size(plan: &Plan) -> usize {
    let commands = plan.tasks.iter().flatten();
    let commands: usize = commands.map(|piece| piece.commands.len()).sum();
    plan.tasks.len() + plan.faults.len() + plan.pipelines() + commands
}

struct Shrinking<'a> {
    history: History,
    rule: &'a str,
    defect: Option<Defect>,
    left: usize,
}

impl Shrinking<'_> {
    /// Keeps the shorter plan if the rule is broken by it too.
    fn try_plan(&mut self, plan: Plan) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let history = run(&plan, self.defect);
        let still = check(&history)
            .iter()
            .any(|violation| violation.rule == self.rule);
        if still {
            self.history = history;
        }
        still
    }

    fn drop_tasks(&mut self) {
        for at in (0..self.history.plan.tasks.len()).rev() {
            let mut plan = self.history.plan.clone();
            plan.tasks.remove(at);
            self.try_plan(plan);
        }
    }

    fn drop_faults(&mut self) {
        for at in (0..self.history.plan.faults.len()).rev() {
            let mut plan = self.history.plan.clone();
            plan.faults.remove(at);
            self.try_plan(plan);
        }
    }

    /// Halves first, then smaller pieces. The pauses of what is left out stay, so
    /// that the rest happens when it did.
    fn drop_pieces(&mut self) {
        for task in 0..self.history.plan.tasks.len() {
            let mut width = self.history.plan.tasks.get(task).map_or(0, Vec::len) / 2;
            while width > 0 && self.left > 0 {
                let mut at = 0;
                while at < self.history.plan.tasks.get(task).map_or(0, Vec::len) {
                    let mut plan = self.history.plan.clone();
                    if let Some(pieces) = plan.tasks.get_mut(task) {
                        let end = (at + width).min(pieces.len());
                        let pause: std::time::Duration =
                            pieces.drain(at..end).map(|piece| piece.pause).sum();
                        if let Some(next) = pieces.get_mut(at) {
                            next.pause += pause;
                        }
                    }
                    if !self.try_plan(plan) {
                        at += width;
                    }
                }
                width /= 2;
            }
        }
    }

    fn drop_commands(&mut self) {
        for task in 0..self.history.plan.tasks.len() {
            for piece in 0..self.history.plan.tasks.get(task).map_or(0, Vec::len) {
                let commands = |plan: &Plan| {
                    let pieces = plan.tasks.get(task)?;
                    Some(pieces.get(piece)?.commands.len())
                };
                for at in (0..commands(&self.history.plan).unwrap_or(0)).rev() {
                    let mut plan = self.history.plan.clone();
                    let pieces = plan.tasks.get_mut(task);
                    if let Some(piece) = pieces.and_then(|pieces| pieces.get_mut(piece)) {
                        piece.commands.remove(at);
                    }
                    self.try_plan(plan);
                }
            }
        }
    }
}
