//! `redis://[user[:password]@]host[:port][/database][?parameter=value&…]`, the
//! same with `rediss` for TLS, and
//! `unix://[[user]:password@]/path/of/socket[?db=database&parameter=value&…]`.

use percent_encoding::percent_decode_str;
use slotline_pipeline::ReadFrom;
use slotline_topology::Endpoint;

use crate::error::{Error, Result};

/// What a URL says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) endpoint: Endpoint,
    /// It asks for TLS.
    pub(super) is_encrypted: bool,
    pub(super) credentials: Option<(Option<String>, String)>,
    pub(super) database: Option<u32>,
    pub(super) client_name: Option<String>,
    pub(super) read_from: Option<ReadFrom>,
}

const DEFAULT_PORT: u16 = 6379;

/// Reads a URL. Errors repeat no part of it that may be a password.
pub(super) fn parse(url: &str) -> Result<Url> {
    read(url).map_err(|error| {
        let (_, rest) = url.split_once("://").unwrap_or_default();
        let (_, behind_host) = rest.split_once(['/', '?']).unwrap_or_default();
        if !behind_host.contains('@') {
            return error;
        }
        // It is the end of a password that was taken for a path or a parameter.
        Error::config(
            "a URL cannot be read; in a password /, ?, # and @ are written %2F, %3F, %23 and %40",
        )
    })
}

fn read(url: &str) -> Result<Url> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(Error::config(
            "a URL begins with redis:// or valkey://, as in redis://127.0.0.1:6379",
        ));
    };
    let (is_encrypted, is_socket) = match scheme {
        "redis" | "valkey" => (false, false),
        "rediss" | "valkeys" => (true, false),
        "unix" | "redis+unix" | "valkey+unix" => (false, true),
        _ => {
            return Err(Error::config(format!(
                "unknown URL scheme {scheme}://; use redis://, valkey://, rediss:// or unix://"
            )));
        }
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, Some(path)),
        None => (rest, None),
    };
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let mut parsed = Url {
        endpoint: if is_socket {
            socket(host, path)?
        } else {
            endpoint(host)?
        },
        is_encrypted,
        credentials: user.map(credentials).transpose()?,
        database: match path {
            Some(number) if !is_socket && !number.is_empty() => Some(database(number)?),
            _ => None,
        },
        client_name: None,
        read_from: None,
    };
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "client_name" => parsed.client_name = Some(decoded(value)?),
            "read_from" => parsed.read_from = Some(read_from(value)?),
            // Elsewhere it is the path.
            "db" if is_socket => parsed.database = Some(database(value)?),
            _ => {
                let more = if is_socket { ", db" } else { "" };
                return Err(Error::config(format!(
                    "unknown URL parameter {name}; there are client_name, read_from{more}"
                )));
            }
        }
    }
    Ok(parsed)
}

fn endpoint(host: &str) -> Result<Endpoint> {
    let bare_ipv6 = host.starts_with('[') && host.ends_with(']');
    let parsed = if bare_ipv6 || !host.contains(':') {
        Endpoint::parse(&format!("{host}:{DEFAULT_PORT}"))
    } else {
        Endpoint::parse(host)
    };
    parsed.map_err(|error| {
        // Where the host is missing, a password may stand where its port would.
        let shown = match host.rsplit_once(':') {
            Some((name, port)) if !port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        Error::config(format!("the URL's host {shown:?}: {error}"))
    })
}

/// The path of a socket, with the slash that was cut off before it.
fn socket(host: &str, path: Option<&str>) -> Result<Endpoint> {
    match path {
        Some(path) if host.is_empty() && !path.is_empty() => {
            Ok(Endpoint::unix(format!("/{}", decoded(path)?)))
        }
        _ => Err(Error::config(
            "a URL of a unix socket has three slashes before the path, as unix:///run/valkey.sock",
        )),
    }
}

fn credentials(user: &str) -> Result<(Option<String>, String)> {
    let (user, password) = user.split_once(':').ok_or_else(|| {
        Error::config("a URL's user needs a password, as in redis://user:password@host; a password alone is written redis://:password@host")
    })?;
    let user = decoded(user)?;
    Ok(((!user.is_empty()).then_some(user), decoded(password)?))
}

fn database(number: &str) -> Result<u32> {
    let parsed = number.parse();
    parsed.map_err(|_| Error::config(format!("{number:?} in the URL is no database number")))
}

fn read_from(value: &str) -> Result<ReadFrom> {
    match value {
        "primary" => Ok(ReadFrom::Primary),
        "prefer-replica" => Ok(ReadFrom::PreferReplica),
        "replica-only" => Ok(ReadFrom::ReplicaOnly),
        _ => Err(Error::config(format!(
            "read_from={value}: use primary, prefer-replica or replica-only"
        ))),
    }
}

fn decoded(text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| Error::config("a part of the URL is not UTF-8"))?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_read() {
        let url =
            parse("redis://me:p%40ss@db.example:7000/3?client_name=a%20b&read_from=prefer-replica");
        let expected = Url {
            endpoint: Endpoint::new("db.example", 7000),
            is_encrypted: false,
            credentials: Some((Some("me".into()), "p@ss".into())),
            database: Some(3),
            client_name: Some("a b".into()),
            read_from: Some(ReadFrom::PreferReplica),
        };
        assert_eq!(url.unwrap(), expected);
        let host = |url| parse(url).unwrap().endpoint.to_string();
        assert_eq!(host("valkey://h"), "h:6379");
        assert_eq!(host("redis://[::1]"), "[::1]:6379");
        assert_eq!(host("redis://[::1]:7000/"), "[::1]:7000");
        let alone = parse("redis://:secret@h").unwrap().credentials;
        assert_eq!(alone, Some((None, "secret".into())));
        for (url, is_encrypted) in [
            ("redis://h", false),
            ("valkey://h", false),
            ("unix:///h", false),
            ("rediss://h", true),
            ("valkeys://h:1/2", true),
        ] {
            assert_eq!(parse(url).unwrap().is_encrypted, is_encrypted, "{url}");
        }
    }

    #[test]
    fn a_socket_is_a_path_and_its_database_a_parameter() {
        let url = parse("redis+unix://me:secret@/run/a%20b%3F.sock?db=3&client_name=me");
        let expected = Url {
            endpoint: Endpoint::unix("/run/a b?.sock"),
            is_encrypted: false,
            credentials: Some((Some("me".into()), "secret".into())),
            database: Some(3),
            client_name: Some("me".into()),
            read_from: None,
        };
        assert_eq!(url.unwrap(), expected);
        for url in [
            "unix:///run/a",
            "valkey+unix:///run/a",
            "redis+unix:///run/a",
        ] {
            let parsed = parse(url).unwrap();
            assert_eq!(parsed.endpoint.path(), Some("/run/a"));
            assert_eq!((parsed.database, parsed.credentials), (None, None));
        }
    }

    #[test]
    fn what_makes_no_sense_is_said_and_no_password_repeated() {
        let check = |url, expected: &str| {
            let error = parse(url).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(
                error.is_config() && text.contains(expected),
                "{url}: {text}"
            );
            assert!(!text.contains("hunter2"), "{text}");
        };
        check("127.0.0.1:6379", "begins with redis://");
        check("http://:hunter2@h", "unknown URL scheme http://");
        check(
            "redis://:hunter2@h?color=blue",
            "unknown URL parameter color",
        );
        check("redis://:hunter2@h:99999", "host");
        check("redis://:hunter2@", "host");
        check("redis://me:hunter2", "host \"me\"");
        check("redis://hunter2@h", "password alone");
        check("redis://:hunter2@h/first", "no database number");
        check("redis://:hunter2@h?db=1", "unknown URL parameter db");
        check("redis://h?read_from=everywhere", "replica-only");
        for socket in ["unix://", "unix:///", "unix://run/a.sock"] {
            check(socket, "three slashes");
        }
        check("unix://:hunter2@h/run/a.sock", "three slashes");
        check("unix:///run/a.sock?db=first", "no database number");
        check("unix:///run/%ff", "not UTF-8");
        for broken in [
            "redis://:hunter2/x@h",
            "redis://:x/hunter2@h",
            "redis://:x?hunter2@h",
        ] {
            check(broken, "%2F");
        }
    }
}
