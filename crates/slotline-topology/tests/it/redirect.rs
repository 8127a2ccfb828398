use slotline_topology::{Endpoint, Redirect, RedirectKind, Slot};

fn endpoint(text: &str) -> Endpoint {
    Endpoint::parse(text).unwrap()
}

#[test]
fn endpoints() {
    for (text, host, port, shown) in [
        ("127.0.0.1:7000", "127.0.0.1", 7000, "127.0.0.1:7000"),
        (
            "node-1.example:65535",
            "node-1.example",
            65535,
            "node-1.example:65535",
        ),
        ("::1:7000", "::1", 7000, "[::1]:7000"),
        ("[::1]:7000", "::1", 7000, "[::1]:7000"),
        ("2001:db8::7:1", "2001:db8::7", 1, "[2001:db8::7]:1"),
    ] {
        let parsed = endpoint(text);
        assert_eq!((parsed.host(), parsed.port()), (host, port));
        assert_eq!(parsed.to_string(), shown);
        assert_eq!(endpoint(shown), parsed);
    }
    for text in [
        "",
        "host",
        ":7000",
        "[]:7000",
        "host:",
        "host:0",
        "host:+1",
        "host:65536",
        "host:x",
    ] {
        assert!(Endpoint::parse(text).unwrap_err().is_endpoint(), "{text:?}");
    }
}

#[test]
fn redirects() {
    let asked = endpoint("10.0.0.9:7009");
    for (line, kind, slot, to) in [
        (
            "MOVED 3999 127.0.0.1:6381",
            RedirectKind::Moved,
            3999,
            Some("127.0.0.1:6381"),
        ),
        (
            "ASK 0 127.0.0.1:6381",
            RedirectKind::Ask,
            0,
            Some("127.0.0.1:6381"),
        ),
        (
            "MOVED 16383 ::1:7001",
            RedirectKind::Moved,
            16383,
            Some("[::1]:7001"),
        ),
        (
            "MOVED 1 [::1]:7001",
            RedirectKind::Moved,
            1,
            Some("[::1]:7001"),
        ),
        (
            "MOVED 1 :7001",
            RedirectKind::Moved,
            1,
            Some("10.0.0.9:7001"),
        ),
        ("MOVED 1 ?:7001", RedirectKind::Moved, 1, None),
        (
            "ASK 1 node-1.example:7001",
            RedirectKind::Ask,
            1,
            Some("node-1.example:7001"),
        ),
    ] {
        let redirect = Redirect::parse(line, &asked).unwrap();
        assert_eq!(redirect.kind, kind, "{line:?}");
        assert_eq!(redirect.is_moved(), kind == RedirectKind::Moved);
        assert_eq!(Some(redirect.slot), Slot::new(slot), "{line:?}");
        assert_eq!(redirect.endpoint, to.map(endpoint), "{line:?}");
    }
}

/// A redirect goes to where it says; without a host it goes nowhere, since nobody
/// can tell the host of a socket.
#[test]
fn a_unix_socket_has_no_host_that_a_redirect_could_mean() {
    let asked = Endpoint::unix("/run/a.sock");
    assert_eq!((asked.host(), asked.port()), ("", 0));
    assert_eq!(asked.path(), Some("/run/a.sock"));
    assert_eq!(asked.to_string(), "unix:/run/a.sock");
    for (line, to) in [
        ("MOVED 1 10.0.0.9:7001", Some("10.0.0.9:7001")),
        ("MOVED 1 :7001", None),
        ("MOVED 1 ?:7001", None),
    ] {
        let redirect = Redirect::parse(line, &asked).unwrap();
        assert_eq!(redirect.endpoint, to.map(endpoint), "{line:?}");
    }
    // No node can lead anyone to a file.
    let named = Redirect::parse("MOVED 1 /run/b.sock:1", &asked).unwrap();
    assert_eq!(named.endpoint.unwrap().path(), None);
    assert_eq!(Redirect::parse("MOVED 1 unix:/run/b.sock", &asked), None);
}

#[test]
fn nonsense_is_no_redirect() {
    let asked = endpoint("10.0.0.9:7009");
    for line in [
        "",
        "MOVED",
        "MOVED ",
        "MOVED 1",
        "MOVED 1 ",
        "MOVED 1 host",
        "MOVED 1 host:",
        "MOVED 1 host:0",
        "MOVED 1 host:99999",
        "MOVED 1 host:-1",
        "MOVED 16384 host:1",
        "MOVED -1 host:1",
        "MOVED +1 host:1",
        "MOVED x host:1",
        "MOVED 99999999999999999999 host:1",
        "MOVED 1 ho st:1",
        "MOVED 1 host\r\n:1",
        "MOVED host:1 1",
        "moved 1 host:1",
        "MOVEDX 1 host:1",
        "ERR MOVED 1 host:1",
        "TRYAGAIN Multiple keys request during rehashing of slot",
    ] {
        assert_eq!(Redirect::parse(line, &asked), None, "{line:?}");
    }
}
