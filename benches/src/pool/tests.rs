//! Every job against a small server of this process.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::{Bytes, BytesMut};
use slotline_resp::{CommandDecoder, Limits, Protocol, ReceivedCommand, ReplyBuffer};

use super::{Workload, jobs};

/// What is stored, and how often each command has come.
#[derive(Default)]
struct Store {
    values: HashMap<Bytes, Bytes>,
    gets: usize,
    sets: usize,
}

fn start() -> (SocketAddr, Arc<Mutex<Store>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let store = Arc::new(Mutex::new(Store::default()));
    let shared = Arc::clone(&store);
    thread::spawn(move || {
        for socket in listener.incoming() {
            let store = Arc::clone(&shared);
            thread::spawn(move || serve(socket.unwrap(), &store));
        }
    });
    (address, store)
}

/// One connection, until its client leaves.
fn serve(mut socket: TcpStream, store: &Mutex<Store>) {
    let mut decoder = CommandDecoder::new(Limits::default());
    let mut replies = ReplyBuffer::new(Protocol::Resp2);
    let mut buffer = BytesMut::new();
    let mut piece = vec![0; 64 << 10];
    while let Ok(len @ 1..) = socket.read(&mut piece) {
        buffer.extend_from_slice(&piece[..len]);
        while let Some(command) = decoder.decode(&mut buffer).unwrap() {
            answer(&command, &mut store.lock().unwrap(), &mut replies);
        }
        if socket.write_all(&replies.split()).is_err() {
            return;
        }
    }
}

fn answer(command: &ReceivedCommand, store: &mut Store, replies: &mut ReplyBuffer) {
    let arg = |index| command.arg(index).unwrap();
    match command.name() {
        "HELLO" => {
            replies.set_protocol(Protocol::from_version(&arg(1)).unwrap());
            replies.map(1).bulk("proto").bulk(arg(1));
        }
        "GET" => {
            store.gets += 1;
            replies.bulk(store.values.get(&arg(1)).expect("a key that was set"));
        }
        "SET" => {
            store.sets += 1;
            store.values.insert(arg(1), arg(2));
            replies.simple("OK");
        }
        _ => {
            replies.simple("OK");
        }
    }
}

#[test]
fn every_job_does_all_of_its_work() {
    let (address, store) = start();
    let counts = || {
        let store = store.lock().unwrap();
        (store.gets, store.sets)
    };
    for job in jobs() {
        let workload = job.workload;
        // No multiple of the number of tasks.
        let operations = workload.tasks() + 3;
        let mut prepared = job.prepare(address, operations, true);
        let (gets, sets) = counts();
        let writes = prepared.writes();
        let commands = prepared.run();
        assert_eq!(commands, operations * workload.commands(), "{job:?}");
        let expected = match workload {
            Workload::WriteLarge => (gets, sets + commands),
            _ => (gets + commands, sets),
        };
        assert_eq!(counts(), expected, "{job:?}");
        assert!(prepared.writes() > writes, "{job:?}");
        let is_sampled = prepared.latency(0.5).is_some();
        assert_eq!(is_sampled, workload.sampled().is_some(), "{job:?}");
    }
}
