//! What is wrong with one direction, and from which byte on.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

/// How a connection is ended at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// In order: each end reads what was passed on to it and then the end of the
    /// stream. Whatever it still sends is taken and thrown away.
    Close,
    /// By a reset (`SO_LINGER` 0), as when a process or a machine is gone. What
    /// was passed on but had no room at the receiver is lost.
    Reset,
}

/// Something that holds from one byte of the stream on.
#[derive(Clone, Debug)]
pub(super) struct Since<T> {
    pub(super) from: u64,
    pub(super) what: T,
}

impl<T> Since<T> {
    /// What holds at `position`, if it has begun there.
    pub(super) fn at(&self, position: u64) -> Option<&T> {
        (position >= self.from).then_some(&self.what)
    }
}

/// When a connection is to be ended, once so many bytes have gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    AtOnce,
    /// When there is another one.
    InsteadOfMore,
}

type Rewrite = dyn FnMut(&[u8]) -> Option<Vec<u8>> + Send;

/// A test's closure over frames; all connections share one.
#[derive(Clone)]
pub(super) struct Rewriter(Arc<Mutex<Rewrite>>);

impl Rewriter {
    pub(super) fn new(rewrite: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Rewriter {
        Rewriter(Arc::new(Mutex::new(rewrite)))
    }

    pub(super) fn apply(&self, frame: &[u8]) -> Option<Vec<u8>> {
        let mut rewrite = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rewrite(frame)
    }
}

impl fmt::Debug for Rewriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rewriter")
    }
}

/// Something that a test asks for.
#[derive(Clone, Debug)]
pub(super) enum Order {
    Delay(Duration),
    Pieces(usize),
    Cut(u64, When, Cut),
    Swallow,
    StopReading,
    Pause,
    Resume,
    Rewrite(Rewriter),
    Inject(Bytes),
    InjectBetween(Bytes),
    Heal,
}

/// From where on an order holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Now,
    Byte(u64),
}

/// How far a direction has come: bytes that were read, and bytes that were passed
/// on or thrown away.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Here {
    pub(super) arrived: u64,
    pub(super) gone: u64,
}

/// All that is wrong with one direction. Positions count the bytes as they go
/// out, but for `stop` and the two that concern frames, which count them as they
/// come in.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    pub(super) delay: Option<Since<Duration>>,
    pub(super) pieces: Option<Since<usize>>,
    pub(super) cut: Option<Since<(When, Cut)>>,
    pub(super) swallow: Option<Since<()>>,
    pub(super) pause: Option<Since<()>>,
    pub(super) injections: Vec<Since<Bytes>>,
    pub(super) stop: Option<Since<()>>,
    pub(super) rewrite: Option<Since<Rewriter>>,
    pub(super) between: Vec<Since<Bytes>>,
}

impl Faults {
    /// Adds what `order` asks for, or takes it away, in a direction that has come
    /// so far.
    pub(super) fn take(&mut self, order: &Order, start: Start, here: Here) {
        let (out, into) = match start {
            Start::Now => (here.gone, here.arrived),
            Start::Byte(byte) => (byte, byte),
        };
        let begin = Some(Since {
            from: out,
            what: (),
        });
        match order {
            Order::Delay(by) => {
                let delay = Since {
                    from: out,
                    what: *by,
                };
                self.delay = Some(delay).filter(|_| !by.is_zero());
            }
            Order::Pieces(of) => {
                let pieces = Since {
                    from: out,
                    what: *of,
                };
                self.pieces = Some(pieces).filter(|_| *of > 0);
            }
            Order::Cut(bytes, when, how) => {
                self.cut = Some(Since {
                    from: out.saturating_add(*bytes),
                    what: (*when, *how),
                });
            }
            Order::Swallow => self.swallow = begin,
            Order::Pause => self.pause = begin,
            Order::StopReading => {
                self.stop = Some(Since {
                    from: into,
                    what: (),
                });
            }
            Order::Resume => (self.pause, self.stop) = (None, None),
            Order::Rewrite(rewriter) => {
                self.rewrite = Some(Since {
                    from: into,
                    what: rewriter.clone(),
                });
            }
            Order::Inject(bytes) => self.injections.push(Since {
                from: out,
                what: bytes.clone(),
            }),
            Order::InjectBetween(bytes) => self.between.push(Since {
                from: into,
                what: bytes.clone(),
            }),
            Order::Heal => *self = Faults::default(),
        }
    }

    /// How many bytes may go out from `position` on before something else holds.
    pub(super) fn alike(&self, position: u64) -> u64 {
        let injections = self.injections.iter().map(|it| Some(it.from));
        let each = [
            self.delay.as_ref().map(|it| it.from),
            self.pieces.as_ref().map(|it| it.from),
            self.cut.as_ref().map(|it| it.from),
            self.swallow.as_ref().map(|it| it.from),
            self.pause.as_ref().map(|it| it.from),
        ];
        let ahead = each.into_iter().chain(injections).flatten();
        let next = ahead.filter(|from| *from > position).min();
        next.map_or(u64::MAX, |next| next - position)
    }
}
