//! A seed is a history.

use slotline_simulation::run::run;
use slotline_simulation::{Defect, Plan, shrink};

#[test]
fn a_seed_gives_the_same_history_to_the_byte() {
    for seed in 0..6 {
        let plan = Plan::of(seed);
        let histories = [(); 2].map(|()| run(&plan, None).to_string());
        assert!(histories[0].len() > 100_000, "{}", histories[0].len());
        assert!(
            histories[0] == histories[1],
            "seed {seed} gave two histories"
        );
    }
    let other = run(&Plan::of(7), None).to_string();
    assert!(other != run(&Plan::of(8), None).to_string());
}

#[test]
fn a_plan_has_two_hundred_pipelines_and_five_faults_at_least() {
    for seed in 0..200 {
        let plan = Plan::of(seed);
        assert!(plan.pipelines() >= 200 && plan.faults.len() >= 5);
        assert!(plan.tasks.len() >= 3);
    }
}

#[test]
fn a_failing_plan_shrinks_to_one_that_still_fails_by_the_same_rule() {
    let plan = Plan::of(3);
    let (history, violations) = shrink(&plan, "1", Some(Defect::DroppedReply));
    assert!(violations.iter().any(|violation| violation.rule == "1"));
    let left = history.plan.pipelines();
    assert!(
        left < 40,
        "{left} of {} pipelines are left",
        plan.pipelines()
    );
}
