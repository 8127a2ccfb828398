//! What a server says of a command.

use std::sync::{Mutex, PoisonError};

use slotline_resp::{
    CommandInfo, Flags, KeySpec, RequestPolicy, ResponsePolicy, Value, command_info,
};

/// Facts that were learned stay for as long as the program runs, and are shared by all
/// clients. No more than these.
const MOST: usize = 1_000;

static LEARNED: Mutex<Vec<&'static CommandInfo>> = Mutex::new(Vec::new());

/// The facts about the command `name` out of the answer to COMMAND INFO; `None` if the
/// server does not know it, or it cannot be told where such a command goes.
pub(super) fn described(name: &str, answer: &Value) -> Option<&'static CommandInfo> {
    let [told] = answer.as_slice()? else {
        return None;
    };
    let told = told.as_slice()?;
    // One that was renamed is called by the name that it had.
    let own = command_info(told.first()?.as_str()?);
    let facts = match own.is_known() {
        true => Facts {
            flags: own.flags,
            keys: own.keys,
            request: own.request,
            response: own.response,
        },
        false => Facts::of(told)?,
    };
    if facts.flags.contains(Flags::CONTAINER) {
        return None;
    }
    facts.kept_as(name)
}

#[derive(Debug, Clone, Copy)]
struct Facts {
    flags: Flags,
    keys: KeySpec,
    request: RequestPolicy,
    response: ResponsePolicy,
}

/// A server's flags and ours. Publish and subscribe count as what changes a connection.
const FLAGS: [(&str, Flags); 6] = [
    ("readonly", Flags::READONLY),
    ("write", Flags::WRITE),
    ("blocking", Flags::BLOCKING),
    ("admin", Flags::ADMIN),
    ("pubsub", Flags::PUBSUB.union(Flags::SESSION)),
    ("movablekeys", Flags::MOVABLE_KEYS),
];

impl Facts {
    /// Name, arity, flags, first key, last key, step, categories, tips, key
    /// specifications, subcommands; before version 7 the last three are not there.
    fn of(told: &[Value]) -> Option<Facts> {
        let words = |at: usize| told.get(at).and_then(Value::as_slice).unwrap_or_default();
        let mut flags = Flags::NONE;
        for flag in words(2).iter().filter_map(Value::as_str) {
            let known = FLAGS.iter().filter(|(theirs, _)| *theirs == flag);
            flags = known.fold(flags, |all, (_, ours)| all | *ours);
        }
        if words(6)
            .iter()
            .any(|word| word.as_str() == Some("@connection"))
        {
            flags = flags | Flags::SESSION;
        }
        if !words(9).is_empty() {
            flags = flags | Flags::CONTAINER;
        }
        let keys = match flags.contains(Flags::MOVABLE_KEYS) {
            true => counted(words(8)).unwrap_or(KeySpec::Unknown),
            false => range(told.get(3..6)?)?,
        };
        let mut facts = Facts {
            flags,
            keys,
            request: RequestPolicy::Default,
            response: ResponsePolicy::Default,
        };
        for tip in words(7).iter().filter_map(Value::as_str) {
            if let Some(policy) = tip.strip_prefix("request_policy:") {
                facts.request = request_policy(policy)?;
            } else if let Some(policy) = tip.strip_prefix("response_policy:") {
                facts.response = response_policy(policy)?;
            }
        }
        Some(facts)
    }

    /// These facts under this name: those that are there already, or new ones.
    fn kept_as(self, name: &str) -> Option<&'static CommandInfo> {
        let lock = LEARNED.lock();
        let mut learned = lock.unwrap_or_else(PoisonError::into_inner);
        let without_names = |info: &CommandInfo| {
            let flags = info.flags | Flags::SPREADS;
            (flags, info.keys, info.request, info.response)
        };
        let own = (
            self.flags | Flags::SPREADS,
            self.keys,
            self.request,
            self.response,
        );
        let same = |info: &&&CommandInfo| info.name == name && without_names(info) == own;
        if let Some(info) = learned.iter().find(same) {
            return Some(info);
        }
        if learned.len() >= MOST {
            return None;
        }
        let name: &'static str = Box::leak(name.into());
        let Facts {
            flags,
            keys,
            request,
            response,
        } = self;
        let info = CommandInfo::new(name, flags, keys, request, response);
        let info: &'static CommandInfo = Box::leak(Box::new(info));
        learned.push(info);
        Some(info)
    }
}

/// First key, last key and step.
fn range(told: &[Value]) -> Option<KeySpec> {
    let [first, last, step] = told else {
        return None;
    };
    Some(match (first.as_int()?, last.as_int()?, step.as_int()?) {
        (0, ..) => KeySpec::None,
        (first, last, step) => KeySpec::Range {
            first: u16::try_from(first).ok()?,
            last: i16::try_from(last).ok()?,
            step: u16::try_from(step).ok().filter(|step| *step > 0)?,
        },
    })
}

/// The one specification, if it says that a number comes before the keys.
fn counted(specifications: &[Value]) -> Option<KeySpec> {
    let [only] = specifications else {
        return None;
    };
    let begin = field(only, "begin_search")?;
    let find = field(only, "find_keys")?;
    let is = |of: &Value, kind: &str| field(of, "type").and_then(Value::as_str) == Some(kind);
    if !is(begin, "index") || !is(find, "keynum") {
        return None;
    }
    let spec = field(find, "spec")?;
    let number = |of: &Value, name: &str| field(of, name)?.as_int();
    let at = number(spec, "keynumidx")?;
    if number(spec, "firstkey")? != at.checked_add(1)? {
        return None;
    }
    let step = number(spec, "keystep")?;
    let first = number(field(begin, "spec")?, "index")?;
    Some(KeySpec::Counted {
        count_at: u16::try_from(first.checked_add(at)?).ok()?,
        step: u16::try_from(step).ok().filter(|step| *step > 0)?,
    })
}

/// Of a map, which in RESP2 is a list of names and values in turn.
fn field<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    if map.as_map().is_some() {
        return map.get(name);
    }
    let mut pairs = map.as_slice()?.chunks_exact(2);
    pairs.find_map(|pair| match pair {
        [key, value] if key.as_str() == Some(name) => Some(value),
        _ => None,
    })
}

fn request_policy(name: &str) -> Option<RequestPolicy> {
    Some(match name {
        "all_nodes" => RequestPolicy::AllNodes,
        "all_shards" => RequestPolicy::AllShards,
        "multi_shard" => RequestPolicy::MultiShard,
        "special" => RequestPolicy::Special,
        _ => return None,
    })
}

fn response_policy(name: &str) -> Option<ResponsePolicy> {
    Some(match name {
        "one_succeeded" => ResponsePolicy::OneSucceeded,
        "all_succeeded" => ResponsePolicy::AllSucceeded,
        "agg_sum" => ResponsePolicy::AggSum,
        "agg_min" => ResponsePolicy::AggMin,
        "agg_max" => ResponsePolicy::AggMax,
        "agg_logical_and" => ResponsePolicy::AggLogicalAnd,
        "agg_logical_or" => ResponsePolicy::AggLogicalOr,
        "special" => ResponsePolicy::Special,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use slotline_resp::Replies;

    use super::*;

    fn value(frame: &str) -> Value {
        let mut replies = Replies::new();
        let frame = frame.replace(' ', "\r\n") + "\r\n";
        let end = frame.len();
        replies.push_segment(Bytes::from(frame), [end]);
        replies.decode(0).unwrap().unwrap()
    }

    fn check(frame: &str, expected: Option<(Flags, KeySpec, RequestPolicy, ResponsePolicy)>) {
        let info = described("MOD.X", &value(frame));
        let found = info.map(|info| {
            assert_eq!(info.name, "MOD.X");
            (info.flags, info.keys, info.request, info.response)
        });
        assert_eq!(found, expected, "{frame}");
        // It is kept once.
        let again = described("MOD.X", &value(frame));
        let same = info.zip(again).map(|(a, b)| std::ptr::eq(a, b));
        assert_eq!(same, info.map(|_| true));
    }

    const DEFAULT: (RequestPolicy, ResponsePolicy) =
        (RequestPolicy::Default, ResponsePolicy::Default);

    #[test]
    fn what_servers_say_is_understood() {
        let range = |first, last, step| KeySpec::Range { first, last, step };
        let (all, each) = DEFAULT;
        check(
            "*1 *7 +mod.x :2 *1 +readonly :1 :-1 :2 *0",
            Some((Flags::READONLY, range(1, -1, 2), all, each)),
        );
        check(
            "*1 *10 +mod.x :2 ~1 +write :0 :0 :0 *0 *2 +request_policy:all_shards +response_policy:agg_sum *0 *0",
            Some((
                Flags::WRITE | Flags::SPREADS,
                KeySpec::None,
                RequestPolicy::AllShards,
                ResponsePolicy::AggSum,
            )),
        );
        let moving = "*1 *10 +mod.x :-3 *2 +readonly +movablekeys :0 :0 :0 *0 *0 *1";
        let counted = "*4 +begin_search *4 +type +index +spec *2 +index :1 +find_keys *4 +type +keynum +spec *6 +keynumidx :0 +firstkey :1 +keystep :1 *0";
        let both = Flags::READONLY | Flags::MOVABLE_KEYS;
        let by_count = |step| KeySpec::Counted { count_at: 1, step };
        check(
            &format!("{moving} {counted}"),
            Some((both, by_count(1), all, each)),
        );
        let as_maps = counted
            .replace("*4", "%2")
            .replace("*2", "%1")
            .replace("*6", "%3");
        check(
            &format!("{moving} {as_maps}"),
            Some((both, by_count(1), all, each)),
        );
        for (said, keys) in [
            (":2", by_count(2)),
            (":0", KeySpec::Unknown),
            (":-1", KeySpec::Unknown),
        ] {
            let said = counted.replace("+keystep :1", &format!("+keystep {said}"));
            let spreads = match keys {
                KeySpec::Unknown => Flags::SPREADS,
                _ => Flags::NONE,
            };
            check(
                &format!("{moving} {said}"),
                Some((both | spreads, keys, all, each)),
            );
        }
        let keyword = counted.replace("+type +index", "+type +keyword");
        let unknown = (both | Flags::SPREADS, KeySpec::Unknown, all, each);
        check(&format!("{moving} {keyword}"), Some(unknown));
    }

    /// A renamed SELECT must not pass for a command that changes nothing.
    #[test]
    fn what_was_renamed_is_what_it_was() {
        let get = &slotline_resp::known::GET;
        check(
            "*1 *7 +get :2 *2 +readonly +fast :1 :1 :1 *0",
            Some((get.flags, get.keys, get.request, get.response)),
        );
        let select = described("CHOOSE", &value("*1 *7 +select :2 *1 +fast :0 :0 :0 *0"));
        assert!(select.unwrap().flags.contains(Flags::SESSION));
        let (all, each) = DEFAULT;
        for told in ["*1 +pubsub :0 :0 :0 *0", "*0 :0 :0 :0 *1 +@connection"] {
            let info = described("MOD.Y", &value(&format!("*1 *7 +mod.y :1 {told}")));
            let info = info.unwrap();
            assert!(info.flags.contains(Flags::SESSION), "{told}");
            assert_eq!((info.request, info.response), (all, each));
        }
    }

    #[test]
    fn what_makes_no_sense_is_not_learned() {
        for frame in [
            "*1 _",
            "*0",
            "+OK",
            ":5",
            "*1 *0",
            "*1 *1 +mod.x",
            "*1 *7 +mod.x :2 *0 :-1 :1 :1 *0",
            "*1 *7 +mod.x :2 *0 :1 :1 :0 *0",
            "*1 *7 +mod.x :2 *0 :99999 :1 :1 *0",
            "*1 *7 +mod.x :2 *0 +a +b +c *0",
            "*1 *10 +mod.x :2 *0 :0 :0 :0 *0 *1 +request_policy:nobody *0 *0",
            "*1 *10 +mod.x :2 *0 :0 :0 :0 *0 *0 *0 *1 +sub",
            "*1 *10 +config :-2 *0 :0 :0 :0 *0 *0 *0 *0",
        ] {
            check(frame, None);
        }
    }
}
