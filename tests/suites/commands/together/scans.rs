//! Keys that stay are found by every scan.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use slotline::scan::Scan;

use super::Load;
use crate::scan::{self, missing};

pub(super) const COUNT: usize = 100_000;
const PREFIX: &str = "stable";

pub(super) async fn fill(load: &Load) {
    scan::fill(&load.client, PREFIX, COUNT).await;
}

/// One scan after another.
pub(super) async fn run(load: Arc<Load>) -> Result<(), String> {
    for concurrency in [1, 3].into_iter().cycle() {
        if !load.goes_on() {
            break;
        }
        let scan = Scan::new().count(200).concurrency(concurrency);
        let mut keys = load.client.scan_stream::<String>(scan);
        let mut seen = HashSet::new();
        while let Some(key) = keys.try_next().await.map_err(|error| error.to_string())? {
            seen.insert(key);
        }
        let missing = missing(&seen, PREFIX, COUNT);
        if !missing.is_empty() {
            return Err(format!("a scan has missed {missing:?}"));
        }
        load.scans.fetch_add(1, Relaxed);
    }
    Ok(())
}
