//! Pools against small servers that the tests script themselves.

mod away;
mod credentials;
mod dial_limit;
mod dialling;
mod direct;
mod dropped;
mod ear;
mod ending;
mod health;
mod hooks;
mod large_arguments;
mod leases;
mod pushes;
#[cfg(unix)]
mod reading;
mod recipe;
mod resting;
mod secrets;
mod server;
mod sharing;
#[cfg(unix)]
mod tls;
mod traces;
mod transports;
mod waiting;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use slotline_resp::{CommandBuffer, Commands, Delivery};
use tokio::time::Instant;

use crate::{Address, Answer, Exchange, Pool, PoolBuilder, WhileAway};

/// Commands of words.
fn words(lines: &[&str]) -> Commands {
    let mut buffer = CommandBuffer::new();
    for line in lines {
        let mut words = line.split(' ');
        buffer.begin_named(words.next().unwrap());
        for word in words {
            buffer.arg(word);
        }
    }
    buffer.freeze()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn builder(address: &Address) -> PoolBuilder {
    Pool::builder(address.clone())
}

fn send(pool: &Pool, lines: &[&str]) -> Exchange {
    pool.send(words(lines), soon(), WhileAway::Wait)
}

/// Polls a future once, for what it has to say so far.
async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// The replies as strings, server errors included; a failure must not be.
fn texts(answer: &Answer) -> Vec<String> {
    assert!(answer.failure.is_none(), "{:?}", answer.failure);
    let replies = &answer.replies;
    (0..replies.len())
        .map(|index| match replies.error_line(index) {
            Some(line) => format!("-{line}"),
            None => replies.decode(index).unwrap().unwrap(),
        })
        .collect()
}

/// What the answer says of each of `count` commands: `+` for a reply, `?` for
/// ambiguous, `-` for not sent.
fn fates(answer: &Answer, count: usize) -> String {
    let fate = |index| match &answer.failure {
        _ if index < answer.replies.len() => '+',
        Some(failure) => match failure.delivery(index) {
            Delivery::NotSent => '-',
            _ => '?',
        },
        None => '!',
    };
    (0..count).map(fate).collect()
}

/// The fates of commands that are so long, of which so many bytes were written and
/// none was answered.
fn begun(lens: &[usize], written: usize) -> String {
    let starts = lens.iter().scan(0, |start, len| {
        let own = *start;
        *start += len;
        Some(own)
    });
    let fate = |start| {
        if start == 0 || start < written {
            '?'
        } else {
            '-'
        }
    };
    starts.map(fate).collect()
}
