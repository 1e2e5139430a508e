//! A small plant whose true counts are known, over the protocols that real machines speak.
//!
//! | machine | speaks | shows |
//! |---|---|---|
//! | `press-1` | Modbus TCP | 16-bit counter that rolls over at 65,536, state code |
//! | `press-2` | Modbus TCP | 32-bit counter, low word first (CDAB), state code |
//! | `oven-1` | MQTT, JSON | running total, state word |
//! | `packer-1` | MQTT, JSON | pieces since its message before (a delta), state word |
//! | `mixer-1` | MQTT, Sparkplug B | running total and state, by alias |
//!
//! Each machine's state is one file under the state folder. The same folder again continues with the same counts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub mod broker;
pub mod configuration;
pub mod floor;
pub mod json;
pub mod machine;
pub mod modbus;
pub mod sparkplug;

use broker::BrokerConnection;
use floor::{FloorMachine, Phase};
use machine::Pace;
use modbus::RegisterMap;

#[derive(Debug, Clone)]
pub struct PlantSettings {
    pub state_dir: PathBuf,
    pub seed: u64,
    /// Multiplies every machine's pace.
    pub speed: f64,
    /// Multiplies how long runs and stops last, but for every machine's first run.
    pub stretch: u64,
    /// Machines answer and publish, but make nothing before [`Plant::work`].
    pub held: bool,
    /// Where `press-1` and `press-2` listen; port 0 takes a free one.
    pub modbus: [SocketAddr; 2],
    /// Host and port of the broker; without one only the Modbus machines are there.
    pub broker: Option<(String, u16)>,
}

/// What a machine has made and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    pub made: u64,
    /// Lags behind `made` until the broker has acknowledged; always equal for machines that are asked.
    pub told: u64,
}

/// A running plant. Dropping it switches it off.
#[derive(Debug)]
pub struct Plant {
    machines: Vec<Arc<FloorMachine>>,
    asked: usize,
    /// Addresses of `press-1` and `press-2`.
    pub modbus: [SocketAddr; 2],
    phase: watch::Sender<Phase>,
    publishers: JoinSet<anyhow::Result<()>>,
    servers: JoinSet<anyhow::Result<()>>,
}

impl Plant {
    pub async fn start(settings: PlantSettings) -> anyhow::Result<Plant> {
        std::fs::create_dir_all(&settings.state_dir)
            .with_context(|| format!("cannot make the state folder {}", settings.state_dir.display()))?;
        let phase = watch::Sender::new(if settings.held { Phase::Held } else { Phase::Working });
        let pace = |pieces_per_second: f64, run_ms: u64, stop_ms: u64| Pace {
            pieces_per_second: pieces_per_second * settings.speed,
            first_run_ms: run_ms,
            run_ms: run_ms.saturating_mul(settings.stretch),
            stop_ms: stop_ms.saturating_mul(settings.stretch),
        };
        let open = |name, number: u64, pace| {
            FloorMachine::open(name, pace, settings.seed.wrapping_mul(31).wrapping_add(number), &settings.state_dir)
                .map(Arc::new)
        };
        let press_1 = open("press-1", 1, pace(8.0, 45_000, 6_000))?;
        let press_2 = open("press-2", 2, pace(3.0, 60_000, 9_000))?;
        let first = bind(settings.modbus[0], "press-1").await?;
        let second = bind(settings.modbus[1], "press-2").await?;
        let modbus = [first.local_addr()?, second.local_addr()?];
        let mut servers = JoinSet::new();
        let rolls_soon = RegisterMap::Counter16 { shows_at_first: 65_400 };
        let carries_soon = RegisterMap::Counter32Cdab { shows_at_first: 0x0003_ff80 };
        servers.spawn(modbus::serve(first, press_1.clone(), rolls_soon));
        servers.spawn(modbus::serve(second, press_2.clone(), carries_soon));

        let mut machines = vec![press_1, press_2];
        let mut publishers = JoinSet::new();
        if let Some((host, port)) = settings.broker {
            let oven = open("oven-1", 3, pace(2.0, 90_000, 5_000))?;
            let packer = open("packer-1", 4, pace(5.0, 30_000, 4_000))?;
            let mixer = open("mixer-1", 5, pace(1.0, 40_000, 8_000))?;
            machines.extend([oven.clone(), packer.clone(), mixer.clone()]);
            let (to_broker, _) = BrokerConnection::open("oven-1", &host, port, None);
            publishers.spawn(json::publish_totals(oven, to_broker, phase.subscribe()));
            let (to_broker, _) = BrokerConnection::open("packer-1", &host, port, None);
            publishers.spawn(json::publish_deltas(packer, to_broker, phase.subscribe()));
            let heard = phase.subscribe();
            publishers.spawn(async move { sparkplug::publish(mixer, (&host, port), heard).await });
        }
        for machine in &machines {
            let (machine, phase) = (machine.clone(), phase.subscribe());
            servers.spawn(async move { machine.live(phase).await });
        }
        Ok(Plant { machines, asked: 2, modbus, phase, publishers, servers })
    }

    /// Machines make pieces from here on.
    pub fn work(&self) {
        self.phase.send_replace(Phase::Working);
    }

    /// Machines make nothing more, but answer and publish.
    pub fn hold(&self) {
        self.phase.send_replace(Phase::Held);
    }

    #[must_use]
    pub fn truth(&self) -> BTreeMap<&'static str, Truth> {
        let of = |(index, machine): (usize, &Arc<FloorMachine>)| {
            let now = machine.now();
            let told = if index < self.asked { now.made } else { now.told };
            (machine.name, Truth { made: now.made, told })
        };
        self.machines.iter().enumerate().map(of).collect()
    }

    /// Resolves when something ends that should not; the error says why.
    pub async fn failed(&mut self) -> anyhow::Error {
        let ended = tokio::select! {
            Some(ended) = self.publishers.join_next() => ended,
            Some(ended) = self.servers.join_next() => ended,
        };
        match ended {
            Ok(Ok(())) => anyhow::anyhow!("a machine ended by itself"),
            Ok(Err(error)) => error,
            Err(panic) => panic.into(),
        }
    }

    /// Publishes what was made and not yet told, waiting at most `patience`, then switches everything off.
    pub async fn end(mut self, patience: std::time::Duration) {
        self.phase.send_replace(Phase::Ending);
        let told = async { while self.publishers.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, told).await.is_err() {
            tracing::warn!("the broker did not take everything; the next run tells it");
        }
    }
}

async fn bind(address: SocketAddr, machine: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{machine} cannot listen on {address}: another program has the port; choose another with --modbus")
    })
}
