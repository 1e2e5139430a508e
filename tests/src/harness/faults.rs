//! What can happen to a running product: anything here, at any moment, must change nothing about what arrives.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;

use super::agent::Agent;
use super::fault_proxy::{Fault, FaultProxy};
use super::site::Site;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    KillAgent,
    KillCentral,
    KillPostgres,
    /// The connections of a wire end.
    Cut,
    /// A wire is cut for a while.
    Outage,
    /// A wire swallows everything for a while.
    HalfOpen,
    /// Answers do not get through, although requests do.
    CutBeforeAnswer,
    Slow,
}

/// What befalls processes.
pub const KILLS: [Mishap; 3] = [Mishap::KillAgent, Mishap::KillCentral, Mishap::KillPostgres];
/// What befalls a wire.
pub const WIRE: [Mishap; 5] = [Mishap::Cut, Mishap::Outage, Mishap::HalfOpen, Mishap::CutBeforeAnswer, Mishap::Slow];

/// Lets one of `mishaps` happen, and repairs it. `restart` is how the agent is started again.
pub async fn befall(
    site: &mut Site,
    agent: &mut Agent,
    mishaps: &[Mishap],
    random: &mut StdRng,
    restart: impl Fn(&mut Agent) -> anyhow::Result<()>,
) -> anyhow::Result<Mishap> {
    let mishap = mishaps[random.random_range(0..mishaps.len())];
    let pause = Duration::from_millis(random.random_range(0..400));
    match mishap {
        Mishap::KillAgent => {
            agent.kill();
            tokio::time::sleep(pause).await;
            restart(agent)?;
        }
        Mishap::KillCentral => {
            site.central.kill();
            tokio::time::sleep(pause).await;
            site.central.resume().await?;
        }
        Mishap::KillPostgres => {
            site.cluster.kill();
            tokio::time::sleep(pause).await;
            site.cluster.resume().await?;
            site.central.resume().await?;
        }
        _ => befall_wire(&site.wire, mishap, pause, random).await,
    }
    Ok(mishap)
}

/// Lets something happen to a wire, and repairs it.
pub async fn befall_wire(wire: &FaultProxy, mishap: Mishap, pause: Duration, random: &mut StdRng) {
    match mishap {
        Mishap::Cut => wire.cut_once(),
        Mishap::Outage => wire.set(Fault::Cut),
        Mishap::HalfOpen => wire.set(Fault::HalfOpen),
        // Some of the bytes are the handshake's: at times that is what is cut.
        Mishap::CutBeforeAnswer => {
            wire.set(Fault::CutBeforeAnswer { request_bytes: random.random_range(1..2_000) });
        }
        Mishap::Slow if random.random_bool(0.5) => wire.set(Fault::Delay(pause / 4)),
        Mishap::Slow => wire.set(Fault::Throttle(50_000)),
        Mishap::KillAgent | Mishap::KillCentral | Mishap::KillPostgres => return,
    }
    tokio::time::sleep(pause * 2).await;
    wire.set(Fault::None);
}
