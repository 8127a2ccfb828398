//! `cargo xtask simulate`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use slotline_simulation::check::{CHECKED, UNCHECKED, check};
use slotline_simulation::run::run;
use slotline_simulation::{Defect, Plan, shrink, simulate};

/// Runs the client on a fake cluster, seed by seed, and checks what comes of it.
#[derive(Parser)]
#[command(name = "simulate", bin_name = "cargo xtask simulate")]
struct Cli {
    /// How many seeds.
    #[arg(long, default_value_t = 500, value_name = "N")]
    seeds: u64,
    /// Runs this seed alone, and prints its whole history.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0, value_name = "S", conflicts_with = "seed")]
    from: u64,
    /// Plants one defect after the other instead, and checks that each is found.
    #[arg(long, conflicts_with = "seed")]
    defects: bool,
}

/// In so many seeds everything is met that can be.
const ENOUGH: u64 = 100;

type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.seed {
        Some(seed) => one(seed),
        None if cli.defects => plant_all(cli.from, cli.seeds),
        None => many(cli.from, cli.seeds),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn many(from: u64, seeds: u64) -> Outcome {
    let report = simulate(from, seeds, None);
    for (number, what) in CHECKED {
        println!("checked   {number:<8} {what}");
    }
    for (number, why) in UNCHECKED {
        println!("unchecked {number:<8} {why}");
    }
    print!("{}", report.events);
    let seconds = report.took.as_secs_f64();
    println!(
        "{} seeds, {} pipelines of {} commands, {} faults in {seconds:.1} s: {:.1} seeds a second",
        report.seeds,
        report.pipelines,
        report.commands,
        report.faults,
        report.seeds as f64 / seconds,
    );
    if let Some((seed, violations)) = report.failed {
        show(seed, None);
        let first = violations.first().map(ToString::to_string);
        return Err(format!("seed {seed}: {}", first.unwrap_or_default()));
    }
    let missing = report.events.missing();
    if !missing.is_empty() && report.seeds < ENOUGH {
        println!("never met, in so few seeds: {}", missing.join(", "));
    } else if !missing.is_empty() {
        return Err(format!("never met: {}", missing.join(", ")));
    }
    Ok(())
}

/// One seed, with all that happened.
fn one(seed: u64) -> Outcome {
    let history = run(&Plan::of(seed), None);
    print!("{history}");
    let violations = check(&history);
    if violations.is_empty() {
        println!("seed {seed}: nothing is wrong");
        return Ok(());
    }
    for violation in &violations {
        println!("{violation}");
    }
    println!("\nthe shortest history found that shows it:");
    show(seed, None);
    Err(format!("seed {seed} failed"))
}

/// The shortest history that shows what is wrong with a seed.
fn show(seed: u64, defect: Option<Defect>) {
    let plan = Plan::of(seed);
    let violations = check(&run(&plan, defect));
    let Some(first) = violations.first() else {
        return;
    };
    let (history, violations) = shrink(&plan, first.rule, defect);
    print!("{history}");
    for violation in &violations {
        println!("{violation}");
    }
}

fn plant_all(from: u64, seeds: u64) -> Outcome {
    let mut missed = Vec::new();
    for defect in Defect::ALL {
        // Another rule may see it first, at some seed.
        let found = (from..from + 3).find_map(|from| {
            let (seed, violations) = simulate(from, seeds, Some(defect)).failed?;
            let mut all = violations.into_iter();
            let found = all.find(|violation| defect.rules().contains(&violation.rule))?;
            Some((seed, found))
        });
        match found {
            Some((seed, violation)) => println!("{defect:?}: seed {seed}: {violation}"),
            None => missed.push(format!("{defect:?}")),
        }
    }
    if !missed.is_empty() {
        return Err(format!("not found: {}", missed.join(", ")));
    }
    println!("all {} defects were found", Defect::ALL.len());
    Ok(())
}
