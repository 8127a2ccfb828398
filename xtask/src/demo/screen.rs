//! What is shown while the demo runs: a line per event, and a bar that lives.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::tally::Tally;

/// How often the bar is drawn.
const EVERY: Duration = Duration::from_millis(250);

/// A clone shows on the same bar.
#[derive(Clone)]
pub(super) struct Screen {
    bar: ProgressBar,
    tally: Arc<Tally>,
    progress: Arc<Mutex<String>>,
}

impl Screen {
    pub(super) fn new(tally: &Arc<Tally>) -> anyhow::Result<Self> {
        let style = ProgressStyle::with_template("  {spinner} {msg}")?;
        Ok(Self {
            bar: ProgressBar::new_spinner().with_style(style),
            tally: Arc::clone(tally),
            progress: Arc::default(),
        })
    }

    /// One line, with the time, that stays.
    pub(super) fn say(&self, text: &str) {
        let at = self.tally.now().as_secs_f64();
        // Unlike the bar's own `println`, this also prints where there is no
        // terminal.
        self.bar.suspend(|| println!("  {at:>6.2} s  {text}"));
    }

    /// How far the present step is; empty when it is over.
    pub(super) fn progress(&self, text: String) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// Keeps the bar alive until it is dropped.
    pub(super) async fn live(&self) {
        let mut before = self.tally.operations();
        loop {
            tokio::time::sleep(EVERY).await;
            let now = self.tally.operations();
            let rate = (now - before) as f64 / EVERY.as_secs_f64();
            before = now;
            let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            self.bar.set_message(format!(
                "{:>6.1} s  {:>9} commands/s, {} wrong, {} redirects surfaced  {progress}",
                self.tally.now().as_secs_f64(),
                HumanCount(rate as u64).to_string(),
                self.tally.wrong(),
                self.tally.surfaced(),
            ));
            self.bar.tick();
        }
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
