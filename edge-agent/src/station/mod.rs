//! The station: the page for the people at the machines, and what they enter there.
//!
//! It needs nothing but this computer: operators, work orders and reasons are the master data that central sent last.
//!
//! # The way of an entry
//! [`routes`] (HTTP, within [`guard`]) → [`shell`] (one task) → [`desk`] (pure: whether it may be, and what it leads to) →
//! [`crate::capture`] (in order with what machines do) → [`crate::buffer`] → answered. On its way to central it is an event
//! like any other. A code that a scanner of the agent reads comes in by [`scanners`] and goes the same way; what became of
//! it is part of every page's view.
//!
//! - **Who writes**: [`shell`] alone. **Who deletes**: the desk forgets entries beyond the last few hundred.
//! - **Why a retry is safe**: the page gives every entry an id; the desk remembers ids in the transaction of their events.
//! - **Who may**: whoever stands at the station and is logged on. Badges and PINs are checked here, against hashes
//!   ([`credentials`]); neither is kept.

use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;

use crate::capture::CaptureSender;
use crate::status::Subject;

pub mod api;
pub mod configuration;
mod corrected;
pub mod credentials;
mod desk;
mod endpoint;
mod guard;
mod live;
mod routes;
mod scanners;
mod shell;
mod view;

#[cfg(test)]
mod tests;

pub use scanners::{Gone, Read, ScanReceiver, ScanSender};
pub use shell::Surroundings;

/// Serves the page, and takes what scanners read, until `stopping`; then finishes what it is storing.
pub async fn serve(
    surroundings: Surroundings,
    capture: CaptureSender,
    scans: ScanReceiver,
    status: Subject,
    stopping: CancellationToken,
) -> anyhow::Result<()> {
    let section = surroundings.section.clone();
    let listen: SocketAddr = section.listen;
    let (station, desk) = shell::open(surroundings, capture, stopping.clone()).await?;
    let (live, views) = live::Live::start(station.clone(), stopping.clone());
    let scans = tokio::spawn(scans.hand_over(station.clone(), stopping.clone()));
    let guard = guard::Guard::new(&crate::run::host_name(), &section.hosts);
    let router = routes::router(routes::Served { station, live }, guard);
    let views = tokio::spawn(views);
    let page = tokio::spawn(endpoint::serve(listen, router, status, stopping));
    desk.await;
    scans.await?;
    // Answers that were given are out; streams end by themselves.
    page.await?;
    views.await?;
    Ok(())
}
