use proptest::prelude::*;
use slotline_topology::{Endpoint, Slot, parse_nodes};

#[test]
fn every_form_of_a_line() {
    let text = "\
07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1:30004@31004,hostname4 slave e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 0 1426238317239 4 connected
67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1 :0@0,,shard-id=69bc080733d1355567173199cff4a6a039a2f024 master,fail?,noaddr - 1 2 2 disconnected
e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca ::1:30001@31001,,tls-port=0 myself,master - 0 0 18446744073709551615 connected 0-92 94 16383 [93->-67ed] [95-<-292f] [x->-y] 99-98 16384
292f8b365bb7edb5e285caf0b7e6ddc7265d2f4f 127.0.0.1:30003 master,handshake,fail - 0 0 3 connected
";
    let lines = parse_nodes(text);
    assert_eq!(lines.len(), 4);
    let [replica, lost, myself, old] = lines.as_slice() else {
        unreachable!("four lines");
    };
    assert_eq!(replica.endpoint(), Some(Endpoint::new("127.0.0.1", 30004)));
    assert_eq!(replica.hostname.as_deref(), Some("hostname4"));
    assert_eq!(replica.primary.as_ref(), Some(&myself.id));
    assert!(replica.flags.replica && !replica.flags.primary && replica.connected);
    assert_eq!(replica.epoch, 4);

    assert_eq!((lost.endpoint(), &lost.hostname), (None, &None));
    assert!(lost.flags.suspected && lost.flags.noaddr && !lost.flags.fail && !lost.connected);

    assert_eq!(myself.endpoint(), Some(Endpoint::new("::1", 30001)));
    assert!(myself.flags.myself && myself.primary.is_none());
    assert_eq!(myself.epoch, u64::MAX);
    assert_eq!(myself.slots, [0..=92, 94..=94, 16383..=16383]);
    assert_eq!(
        myself.migrating,
        [(Slot::new(93).unwrap(), "67ed".to_owned())]
    );
    assert_eq!(
        myself.importing,
        [(Slot::new(95).unwrap(), "292f".to_owned())]
    );

    // Before version 4 there was no bus port.
    assert_eq!(old.endpoint(), Some(Endpoint::new("127.0.0.1", 30003)));
    assert!(old.flags.handshake && old.flags.fail);
}

#[test]
fn broken_lines_are_passed_over() {
    for text in [
        "",
        "\n\n",
        "id",
        "id h:1@2 master",
        "id h:1@2 master - 0 0 x connected",
    ] {
        assert!(parse_nodes(text).is_empty(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_text_never_panics(text in "[a-f0-9:@,\\[\\]<>?. \n-]{0,200}") {
        parse_nodes(&text);
    }
}
