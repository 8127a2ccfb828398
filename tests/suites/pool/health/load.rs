//! Load that goes on while something happens to the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use slotline_pool::Pool;
use slotline_tests::until;
use tokio::task::JoinSet;

use crate::setting::{send, texts};

/// Many tasks that ask a pool for something all the time, none of which may fail.
pub struct Load {
    tasks: JoinSet<u64>,
    is_over: Arc<AtomicBool>,
    turns: Arc<AtomicU64>,
}

impl Load {
    /// Each reply must be the one to its own request.
    pub fn start(pool: &Pool, tasks: usize) -> Load {
        let load = Load {
            tasks: JoinSet::new(),
            is_over: Arc::default(),
            turns: Arc::default(),
        };
        let mut load = load;
        for task in 0..tasks {
            let (pool, is_over) = (pool.clone(), Arc::clone(&load.is_over));
            let turns = Arc::clone(&load.turns);
            load.tasks.spawn(async move {
                let mut done = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let own = format!("{task}:{done}");
                    let answer = send(&pool, &[format!("ECHO {own}")]).await;
                    assert_eq!(texts(&answer), [own]);
                    done += 1;
                    turns.fetch_add(1, Ordering::Relaxed);
                }
                done
            });
        }
        load
    }

    /// Waits until so much more has been done.
    pub async fn go_on(&self, turns: u64) {
        let aim = self.turns.load(Ordering::Relaxed) + turns;
        until("the load goes on", async || {
            self.turns.load(Ordering::Relaxed) >= aim
        })
        .await;
    }

    /// Ends it; how much was done.
    ///
    /// # Panics
    /// Something failed, or came to the wrong one.
    pub async fn end(mut self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        let mut done = 0;
        while let Some(task) = self.tasks.join_next().await {
            done += task.expect("nothing fails");
        }
        done
    }
}
