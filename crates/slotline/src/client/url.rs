//! `redis://[user[:password]@]host[:port][/database][?parameter=value&…]`.

use percent_encoding::percent_decode_str;
use slotline_pipeline::ReadFrom;
use slotline_topology::Endpoint;

use crate::error::{Error, Result};

/// What a URL says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) endpoint: Endpoint,
    pub(super) credentials: Option<(Option<String>, String)>,
    pub(super) database: Option<u32>,
    pub(super) client_name: Option<String>,
    pub(super) read_from: Option<ReadFrom>,
}

const DEFAULT_PORT: u16 = 6379;

/// Reads a URL. Errors repeat no part of it that may be a password.
pub(super) fn parse(url: &str) -> Result<Url> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(Error::config(
            "a URL begins with redis:// or valkey://, as in redis://127.0.0.1:6379",
        ));
    };
    match scheme {
        "redis" | "valkey" => {}
        "rediss" | "valkeys" => {
            return Err(Error::config(format!(
                "{scheme}:// asks for TLS, which this version does not speak; \
                 it never falls back to plain text by itself"
            )));
        }
        _ => {
            return Err(Error::config(format!(
                "unknown URL scheme {scheme}://; use redis:// or valkey://"
            )));
        }
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let mut parsed = Url {
        endpoint: endpoint(host)?,
        credentials: user.map(credentials).transpose()?,
        database: database(path)?,
        client_name: None,
        read_from: None,
    };
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "client_name" => parsed.client_name = Some(decoded(value)?),
            "read_from" => parsed.read_from = Some(read_from(value)?),
            _ => {
                return Err(Error::config(format!(
                    "unknown URL parameter {name}; there are client_name and read_from"
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
    parsed.map_err(|error| Error::config(format!("the URL's host {host:?}: {error}")))
}

fn credentials(user: &str) -> Result<(Option<String>, String)> {
    let (user, password) = user.split_once(':').ok_or_else(|| {
        Error::config("a URL's user needs a password, as in redis://user:password@host; a password alone is written redis://:password@host")
    })?;
    let user = decoded(user)?;
    Ok(((!user.is_empty()).then_some(user), decoded(password)?))
}

fn database(path: &str) -> Result<Option<u32>> {
    if path.is_empty() {
        return Ok(None);
    }
    let number = path
        .parse()
        .map_err(|_| Error::config(format!("the URL's path {path:?} is no database number")))?;
    Ok(Some(number))
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
        check("rediss://:hunter2@h", "TLS");
        check(
            "redis://:hunter2@h?color=blue",
            "unknown URL parameter color",
        );
        check("redis://:hunter2@h:99999", "host");
        check("redis://:hunter2@", "host");
        check("redis://hunter2@h", "password alone");
        check("redis://:hunter2@h/first", "no database number");
        check("redis://h?read_from=everywhere", "replica-only");
    }
}
