//! The host's network: the kernel announces each change of a link, an address or a route.
//!
//! What has changed is not looked at: whether the directory can be reached again shows only from an attempt.

use std::{convert::Infallible, io, os::fd::OwnedFd};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SocketFlags, SocketType, bind, netlink::SocketAddrNetlink, recv,
        socket_with,
    },
};
use tokio::{io::unix::AsyncFd, sync::mpsc};

use crate::{os, run::News, sys};

/// Links, and addresses and routes of both families: `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`,
/// `RTMGRP_IPV6_IFADDR`, `RTMGRP_IPV6_ROUTE`. Neighbours, and the prefixes of every router advertisement, come and go on
/// a network that is at rest. rtnetlink(7), `linux/rtnetlink.h`.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

/// Tells of changes for ever; of none on a host that does not announce them.
pub(crate) async fn watch(news: mpsc::Sender<News>) {
    let Err(error) = follow(&news).await;
    tracing::info!(%error, "The kernel does not tell of changes of the network; only the schedule is left");
    core::future::pending().await
}

async fn follow(news: &mpsc::Sender<News>) -> io::Result<Infallible> {
    let socket = sys::watch(subscribe()?)?;
    loop {
        let mut ready = os::burst(&socket).await?;
        drain(&socket)?;
        ready.clear_ready();
        // Nobody listens any more once this program is ending.
        drop(news.send(News::NetworkChanged).await);
    }
}

fn subscribe() -> io::Result<OwnedFd> {
    // No protocol is that of number 0: `NETLINK_ROUTE`.
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
    Ok(socket)
}

/// Reads until nothing is left. Of each message one byte is enough, for the kernel drops the rest of it.
fn drain(socket: &AsyncFd<OwnedFd>) -> io::Result<()> {
    loop {
        match recv(socket, &mut [0_u8; 1], RecvFlags::empty()) {
            // There was more than the socket could hold: changes all the same.
            Ok(_) | Err(Errno::INTR | Errno::NOBUFS) => {}
            Err(Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
