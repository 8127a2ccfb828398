//! The user's hooks run to their end before anyone can use the connection (S1).

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use slotline_resp::Value;

use super::server::{Server, usual};
use super::*;
use crate::{HookError, InitHook, Intent, Setup, hook};

#[tokio::test]
async fn hooks_run_in_order_before_the_first_command() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let second: Vec<Arc<dyn InitHook>> =
        vec![Arc::new(hook("second", |setup: Setup| async move {
            assert_eq!(
                setup
                    .command("ECHO")
                    .arg("two")
                    .returning::<String>()
                    .await?,
                "two"
            );
            Ok(())
        }))];
    let pool = builder(&server.address)
        .intent(Intent::ReadOnly)
        .init_hook(|setup: Setup| async move {
            assert_eq!(setup.intent(), Intent::ReadOnly);
            assert_eq!(setup.greeting().server(), Some("redis"));
            assert_eq!(
                (setup.attempt(), setup.address().host()),
                (0, Some("127.0.0.1"))
            );
            let reply = setup.command("ECHO").arg("one").await?;
            assert_eq!(reply, Value::Bulk("one".into()));
            let replies = setup.run(words(&["CLIENT NO-EVICT ON", "GET a"])).await?;
            assert_eq!(replies.len(), 2);
            Ok(())
        })
        .init_hooks(&second)
        .build();
    let requests: Vec<_> = (0..20).map(|_| send(&pool, &["GET k"])).collect();
    for request in requests {
        assert_eq!(texts(&request.await), ["k"]);
    }
    let names = server.names(0);
    assert_eq!(
        names[..8],
        [
            "HELLO", "CLIENT", "CLIENT", "READONLY", "ECHO", "CLIENT", "GET", "ECHO"
        ]
    );
    assert_eq!(names.len(), 28);
}

/// A hook that fails now and then: its connections are never used.
#[tokio::test]
async fn a_failed_hook_never_lends_its_connection() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let pool = builder(&server.address)
        .init_hook(hook("moody", move |setup: Setup| {
            let run = counted.fetch_add(1, SeqCst);
            async move {
                setup.command("ECHO").arg("hook").await?;
                if run % 3 != 2 {
                    return Err(HookError::new("not today"));
                }
                Ok(())
            }
        }))
        .build();
    let error = pool.connect().await.unwrap_err();
    assert_eq!(error.step(), Some("init hook 1 (moody)"));
    assert!(
        error
            .to_string()
            .ends_with("init hook 1 (moody): not today"),
        "{error}"
    );
    assert!(!error.is_network());
    for round in 0..4 {
        assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
        if round < 3 {
            server.kill_clients();
            while pool.statistics().connections_lost <= round {
                tokio::task::yield_now().await;
            }
        }
    }
    assert_eq!(runs.load(SeqCst), 12);
    for index in 0..12 {
        let used = server.names(index).contains(&"GET".to_owned());
        assert_eq!(used, index % 3 == 2, "connection {index}");
    }
}

#[tokio::test]
async fn three_refusals_in_a_row_are_told_to_those_who_wait() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let pool = builder(&server.address)
        .init_hook(hook("no", move |_| {
            counted.fetch_add(1, SeqCst);
            async { Err(HookError::new("never")) }
        }))
        .build();
    for round in 1..=2 {
        let answer = send(&pool, &["GET a", "GET b"]).await;
        assert_eq!(fates(&answer, 2), "--");
        let error = answer.failure.unwrap().error;
        assert_eq!(
            (error.step(), error.is_handshake()),
            (Some("init hook 1 (no)"), true)
        );
        assert_eq!(runs.load(SeqCst), 3 * round);
    }
    assert_eq!(pool.statistics().failed_dials, 6);
}

/// A handle that outlives its hook is of no use, also to a call under way.
#[tokio::test]
async fn a_leaked_handle_ends_with_its_hook() {
    let server = Server::start(|_, command| match command[0].as_str() {
        // Answered late: only with the command after it.
        "GET" if command[1] == "slow" => Some(Vec::new()),
        "GET" if command[1] == "next" => Some(b"+slow\r\n+next\r\n".to_vec()),
        _ => Some(usual(command)),
    })
    .await;
    let leaked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&leaked);
    let pool = builder(&server.address)
        .init_hook(hook("leaky", move |setup: Setup| {
            let kept = Arc::clone(&kept);
            async move {
                let (other, (begun, has_begun)) = (setup.clone(), tokio::sync::oneshot::channel());
                let task = tokio::spawn(async move {
                    begun.send(()).unwrap();
                    other.run(words(&["GET slow"])).await
                });
                has_begun.await?;
                kept.lock().unwrap().push((setup, task));
                Ok(())
            }
        }))
        .init_hook(hook("second", |setup: Setup| async move {
            // The reply that nobody waits for any more is not taken for this one.
            let next: String = setup.command("GET").arg("next").returning().await?;
            assert_eq!(next, "next");
            Ok(())
        }))
        .connect_timeout(Duration::from_millis(200))
        .build();
    // The first hook's reply never comes by itself, so that the dial does not end.
    let error = pool.connect().await.unwrap_err();
    assert_eq!(error.step(), Some("init hook 1 (leaky)"));
    assert!(error.is_timeout());
    let (setup, task) = leaked.lock().unwrap().pop().unwrap();
    for outcome in [task.await.unwrap(), setup.run(words(&["GET a"])).await] {
        assert!(
            outcome
                .unwrap_err()
                .to_string()
                .contains("the init hook is over")
        );
    }
}

/// A hook may give a command up; its reply is awaited before the next step.
#[tokio::test]
async fn a_command_that_a_hook_gave_up_shifts_nothing() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address)
        .init_hook(hook("hasty", |setup: Setup| async move {
            {
                let mut call = std::pin::pin!(setup.run(words(&["GET first"])));
                let once = std::future::poll_fn(|cx| {
                    let polled = call.as_mut().poll(cx);
                    std::task::Poll::Ready(polled.is_pending())
                });
                assert!(once.await);
            }
            let reply: String = setup.command("GET").arg("second").returning().await?;
            assert_eq!(reply, "second");
            let mut last = std::pin::pin!(setup.run(words(&["GET third"])));
            std::future::poll_fn(|cx| {
                let _ = last.as_mut().poll(cx);
                std::task::Poll::Ready(())
            })
            .await;
            Ok(())
        }))
        .build();
    assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
    assert_eq!(server.names(0)[3..], ["GET", "GET", "GET", "GET"]);
}
