//! The same nodes behind a port, in a process of their own.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread;

use slotline::Connect;
use slotline_gate::{Node, three_nodes};
use tokio::net::TcpStream;

/// Reaches every node at one port of this machine.
pub(crate) fn connector(port: u16) -> impl Connect {
    move |_, _| async move {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Serves until it is ended. Prints the port.
pub(crate) fn serve() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?.port());
    let layout = three_nodes();
    for socket in listener.incoming() {
        let mut socket = socket?;
        socket.set_nodelay(true)?;
        let layout = Arc::clone(&layout);
        thread::spawn(move || {
            let mut node = Node::new(layout);
            let mut buffer = vec![0; 64 << 10];
            while let Ok(len @ 1..) = socket.read(&mut buffer) {
                node.take(buffer.get(..len).unwrap_or_default());
                let replies = std::mem::take(&mut node.replies);
                if !replies.is_empty() && socket.write_all(&replies).is_err() {
                    return;
                }
            }
        });
    }
    Ok(())
}
