//! What arguments and replies of commands are, beside strings and numbers.

mod geo;
mod slot_state;
mod stream_id;
mod time;
mod trim;
mod vector;
#[rustfmt::skip]
mod words;
mod yes_no;

pub use geo::{GeoFrom, GeoPoint, GeoShape};
pub use slot_state::SlotState;
pub use stream_id::StreamId;
pub(crate) use time::{At, WholeMillis, WholeSeconds, WholeUnixMillis, Within, pick};
pub use time::{Expiry, TimeToLive};
pub use trim::Trim;
pub use vector::{Vector, VectorQuery};
pub use words::*;
pub(crate) use yes_no::YesNo;
