//! A program that measures one client.

use std::any::Any;
use std::panic;
use std::process::ExitCode;

use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::asked::Asked;
use crate::client::{Client, Failure};
use crate::driver::{self, Counter};
use crate::machine::stay_on;
use crate::outcome::Outcome;

/// Does what the one argument asks for and prints a line of JSON: an outcome, or
/// `failed` with the reason.
#[must_use]
pub fn main<C: Client>(counter: Option<Counter>) -> ExitCode {
    let Some(argument) = std::env::args().nth(1) else {
        eprintln!("this program is started by `cargo xtask bench`");
        return ExitCode::FAILURE;
    };
    let asked = match Asked::from_json(&argument) {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let line = match panic::catch_unwind(|| measure::<C>(&asked, counter)) {
        Ok(Ok(outcome)) => outcome.to_json(),
        Ok(Err(error)) => json!({ "failed": error.to_string() }),
        Err(panic) => json!({ "failed": format!("it panicked: {}", said(&*panic)) }),
    };
    println!("{line}");
    ExitCode::SUCCESS
}

/// What a panic says.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("nothing")
}

fn measure<C: Client>(asked: &Asked, counter: Option<Counter>) -> Result<Outcome, Failure> {
    stay_on(&asked.cores);
    let runtime = runtime(asked.workload().threads())?;
    let outcome = runtime.block_on(driver::run::<C>(asked, counter));
    // A client's own tasks may wait for a server that is silent.
    runtime.shutdown_background();
    outcome
}

fn runtime(threads: usize) -> std::io::Result<Runtime> {
    let mut builder = if threads == 1 {
        Builder::new_current_thread()
    } else {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads);
        builder
    };
    builder.enable_all().build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_tells_what_it_said() {
        let said_of = |panic: Box<dyn Any + Send>| said(&*panic).to_owned();
        assert_eq!(said_of(Box::new("a word")), "a word");
        assert_eq!(said_of(Box::new("a word".to_owned())), "a word");
        assert_eq!(said_of(Box::new(7)), "nothing");
    }
}
