//! The handle on one direction.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::faults::{Cut, Order, Rewriter, Start, When};
use super::link::{Direction, Link};
use super::registry::{Registry, until};
use super::traffic::Traffic;
use crate::error::Result;

/// One direction, of all connections through a proxy, of one, or of the next one: what
/// goes wrong in it, and what has happened in it.
///
/// Whatever is asked for holds from now on, and on connections that come later from
/// their first byte; after [`from_byte`](Self::from_byte), from that byte of each
/// connection. Asking for the same again replaces what was asked for before, except
/// that injections add up.
///
/// Bytes are counted for each connection and direction, as they go out to the receiver
/// (injected ones among them), but for [`stop_reading`](Self::stop_reading),
/// [`rewrite`](Self::rewrite) and [`inject_between_frames`](Self::inject_between_frames),
/// which count them as they come in.
///
/// ```no_run
/// # use slotline_testkit::{Cut, FaultProxy};
/// # use std::time::Duration;
/// # fn example(proxy: &FaultProxy) {
/// proxy.to_client().delay(Duration::from_millis(100)).pieces(1);
/// proxy.to_client().from_byte(1000).swallow();
/// proxy.to_client().of_next().cut_after(20, Cut::Close);
/// if let Some(connection) = proxy.connection(0) {
///     connection.to_server().cut_after(5, Cut::Reset);
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Flow {
    of: Of,
    direction: Direction,
    start: Start,
}

#[derive(Clone, Debug)]
enum Of {
    All(Arc<Registry>),
    Next(Arc<Registry>),
    One(Arc<Link>),
}

impl Flow {
    pub(super) fn of_all(registry: &Arc<Registry>, direction: Direction) -> Flow {
        Flow {
            of: Of::All(Arc::clone(registry)),
            direction,
            start: Start::Now,
        }
    }

    pub(super) fn of_one(link: &Arc<Link>, direction: Direction) -> Flow {
        Flow {
            of: Of::One(Arc::clone(link)),
            direction,
            start: Start::Now,
        }
    }

    /// The same direction, for what is to begin at a byte of the stream, counted
    /// from 0. If a connection is past it already, it begins there at once.
    #[must_use = "it changes nothing by itself"]
    pub fn from_byte(&self, byte: u64) -> Flow {
        let start = Start::Byte(byte);
        Flow {
            start,
            ..self.clone()
        }
    }

    /// The same direction for what is to happen to the connection that comes next,
    /// and to no other. What has happened is still told of all.
    ///
    /// For one connection it changes nothing.
    #[must_use = "it changes nothing by itself"]
    pub fn of_next(&self) -> Flow {
        let mut flow = self.clone();
        if let Of::All(registry) = flow.of {
            flow.of = Of::Next(registry);
        }
        flow
    }

    fn order(&self, order: &Order) -> &Flow {
        match &self.of {
            Of::All(registry) => registry.order(self.direction, order, self.start),
            Of::Next(registry) => registry.order_for_next(self.direction, order, self.start),
            Of::One(link) => link.order(self.direction, order, self.start),
        }
        self
    }

    /// Every byte arrives so much later than it came, and so does the end of the
    /// stream. Their order is kept, and the throughput as long as no more than
    /// 16 MiB are on their way, or what [`buffers`](super::FaultProxyBuilder::buffers)
    /// says. Zero takes it away.
    pub fn delay(&self, by: Duration) -> &Flow {
        self.order(&Order::Delay(by))
    }

    /// Passes on so many bytes at the most at once, and lets others run in between.
    /// A receiver that is slow to read still finds several pieces together. Zero
    /// takes it away.
    pub fn pieces(&self, bytes: usize) -> &Flow {
        self.order(&Order::Pieces(bytes))
    }

    /// Ends both ends of the connection when so many more bytes have been passed
    /// on, or thrown away: exactly then, without waiting for another one. On all
    /// connections it is so many bytes of each.
    pub fn cut_after(&self, bytes: u64, how: Cut) -> &Flow {
        self.order(&Order::Cut(bytes, When::AtOnce, how))
    }

    /// The same when there is one more byte to pass on, which is then lost: so a
    /// connection that is idle stays open until somebody speaks.
    pub fn cut_beyond(&self, bytes: u64, how: Cut) -> &Flow {
        self.order(&Order::Cut(bytes, When::InsteadOfMore, how))
    }

    /// Reads what comes and throws it away, as a line does that has broken without
    /// a sign: the end of the stream is not passed on either. The sender feels no
    /// backpressure. [`heal`](Self::heal) ends it.
    pub fn swallow(&self) -> &Flow {
        self.order(&Order::Swallow)
    }

    /// Reads nothing more, so that the sender soon finds no room: see
    /// [`buffers`](super::FaultProxyBuilder::buffers). What has been read already
    /// goes on. From a byte on: exactly the bytes before it are read.
    pub fn stop_reading(&self) -> &Flow {
        self.order(&Order::StopReading)
    }

    /// Passes nothing on. It goes on reading until what it holds has reached its
    /// bound: 64 KiB, unless there is a [`delay`](Self::delay) or
    /// [`buffers`](super::FaultProxyBuilder::buffers) says otherwise.
    pub fn pause(&self) -> &Flow {
        self.order(&Order::Pause)
    }

    /// Ends [`pause`](Self::pause) and [`stop_reading`](Self::stop_reading).
    pub fn resume(&self) -> &Flow {
        self.order(&Order::Resume)
    }

    /// Gives each whole RESP frame to a closure (commands are frames as well) and
    /// passes on what it returns in its place: any bytes, also none. `None` leaves
    /// the frame as it is. It begins with the first frame of which no byte has come
    /// yet; one closure serves all connections. Frames are found only as long as the
    /// stream is RESP from its first byte on: not behind inline commands, in TLS, or
    /// between a replica and its primary.
    ///
    /// A panic in the closure ends the connection.
    pub fn rewrite(&self, rewrite: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> &Flow {
        self.order(&Order::Rewrite(Rewriter::new(rewrite)))
    }

    /// Passes on bytes that nobody has sent, before anything that is held, be it in
    /// the midst of a frame. On all connections: on those that are open; but on later
    /// ones too after [`from_byte`](Self::from_byte).
    pub fn inject(&self, bytes: impl Into<Vec<u8>>) -> &Flow {
        self.order(&Order::Inject(Bytes::from(bytes.into())))
    }

    /// The same behind the frame that is coming in just now, or at once if there is
    /// none; it keeps its place among what is held and delayed.
    pub fn inject_between_frames(&self, bytes: impl Into<Vec<u8>>) -> &Flow {
        self.order(&Order::InjectBetween(Bytes::from(bytes.into())))
    }

    /// Takes away everything that is wrong, or would have gone wrong later.
    pub fn heal(&self) -> &Flow {
        self.order(&Order::Heal)
    }

    /// What has happened so far; on all connections together, closed ones included.
    pub fn traffic(&self) -> Traffic {
        match &self.of {
            Of::All(registry) | Of::Next(registry) => {
                let links = registry.links();
                let each = links.iter().map(|link| link.traffic(self.direction));
                each.fold(Traffic::default(), Traffic::plus)
            }
            Of::One(link) => link.traffic(self.direction),
        }
    }

    /// Waits until so many bytes have been passed on since the beginning.
    ///
    /// # Errors
    ///
    /// They have not after `within`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn until_passed(&self, bytes: u64, within: Duration) -> Result<Traffic> {
        self.until(within, |traffic| traffic.passed >= bytes).await
    }

    /// Waits until a condition holds. It is asked whenever something has happened.
    ///
    /// # Errors
    ///
    /// It does not after `within`; the error shows what has happened instead.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn until(
        &self,
        within: Duration,
        condition: impl Fn(&Traffic) -> bool,
    ) -> Result<Traffic> {
        let probe = || {
            let traffic = self.traffic();
            let holds = condition(&traffic);
            holds
                .then_some(traffic)
                .ok_or_else(|| format!("{traffic:?}"))
        };
        let step = match self.direction {
            Direction::ToServer => "waiting for traffic to the server",
            Direction::ToClient => "waiting for traffic to the client",
        };
        match &self.of {
            Of::All(registry) | Of::Next(registry) => registry.until(step, within, probe).await,
            Of::One(link) => until(&link.changed, step, within, probe).await,
        }
    }
}
