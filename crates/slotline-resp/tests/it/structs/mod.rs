//! serde types out of replies and into arguments, and `Value` in any format.

use std::fmt::Debug;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use slotline_resp::{Error, Reader, Reply, Serde};

mod arguments;
mod depth;
mod enums;
mod fields;
mod messages;
mod round_trip;
mod simple_types;
mod values;

const NIL: [&str; 3] = ["$-1\r\n", "*-1\r\n", "_\r\n"];

fn reply(frame: impl AsRef<[u8]>) -> Reply {
    let frame = Bytes::copy_from_slice(frame.as_ref());
    Reply::from_frame(frame.clone()).unwrap_or_else(|error| panic!("{frame:?}: {error}"))
}

/// Every one of the frames is `expected`, alone and among others.
#[track_caller]
fn check<T, F>(frames: impl IntoIterator<Item = F>, expected: T)
where
    T: DeserializeOwned + PartialEq + Debug + Clone,
    F: AsRef<[u8]>,
{
    for frame in frames {
        let frame = frame.as_ref();
        let shown = String::from_utf8_lossy(frame).into_owned();
        assert_eq!(
            reply(frame).deserialize(),
            Ok(expected.clone()),
            "{shown:?}"
        );
        let twice = [b"*2\r\n", frame, frame, b"+behind\r\n"].concat().into();
        let mut reader = Reader::new(&twice, 0..twice.len());
        let both = slotline_resp::FromReply::from_reply(&mut reader);
        let wanted = vec![Serde(expected.clone()), Serde(expected.clone())];
        assert_eq!(both, Ok(wanted), "{shown:?}");
        assert_eq!(
            reader.str(),
            Ok("behind"),
            "{shown:?} was not read to its end"
        );
    }
}

/// Every one of the frames is no `T`, and says so in these words.
#[track_caller]
fn refuse<T: DeserializeOwned + Debug>(
    frames: impl IntoIterator<Item = impl AsRef<[u8]>>,
    message: &str,
) {
    for frame in frames {
        let error = reply(frame.as_ref()).deserialize::<T>().unwrap_err();
        assert!(error.is_type_mismatch(), "{error}");
        assert_eq!(error.to_string(), format!("cannot decode {message}"));
    }
}

fn bulk(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

/// A hash in each of its spellings: RESP2's flat array, RESP3's map, and both
/// streamed.
fn hash<F: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: &[(F, V)]) -> [Vec<u8>; 4] {
    let mut body = Vec::new();
    for (field, value) in pairs {
        body.extend(bulk(field));
        body.extend(bulk(value));
    }
    let array = format!("*{}\r\n", pairs.len() * 2);
    let map = format!("%{}\r\n", pairs.len());
    [
        [array.as_bytes(), &body].concat(),
        [map.as_bytes(), &body].concat(),
        [b"*?\r\n", &body[..], b".\r\n"].concat(),
        [b"%?\r\n", &body[..], b".\r\n"].concat(),
    ]
}

/// All that an error says, its causes included.
fn everything(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {}", error.message());
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    text
}
