//! Which sources run, and which of them a new configuration starts, stops or leaves alone.
//!
//! A source whose section did not change keeps running, with its connections. One that ends by itself is started again:
//! a fault in one must not cost the data of the others.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use protocol::batch::Health;
use protocol::id::Name;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::buffer::Buffer;
use crate::configuration::Configuration;
use crate::signals::LiveView;
use crate::sources::SourceContext;
use crate::sources::modbus::configuration::ModbusSection;
use crate::sources::mqtt::configuration::MqttSection;
use crate::sources::scanner::configuration::ScannerSection;
use crate::sources::{modbus, mqtt, scanner};
use crate::station::ScanSender;
use crate::status::{StatusBoard, Subject};

/// Pause before a source that ended by itself is started again.
const RESTART: Duration = Duration::from_secs(10);
/// How long a source that is taken out of the configuration has to let go.
const STOP: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq)]
enum Section {
    Modbus(ModbusSection),
    Mqtt(MqttSection),
    Scanner(ScannerSection),
}

impl Section {
    fn all(configuration: &Configuration) -> BTreeMap<Name, Section> {
        let modbus = configuration.modbus.iter().cloned().map(Section::Modbus);
        let mqtt = configuration.mqtt.iter().cloned().map(Section::Mqtt);
        let scanner = configuration.scanner.iter().cloned().map(Section::Scanner);
        modbus.chain(mqtt).chain(scanner).map(|section| (section.name().clone(), section)).collect()
    }

    fn name(&self) -> &Name {
        match self {
            Section::Modbus(section) => &section.name,
            Section::Mqtt(section) => &section.name,
            Section::Scanner(section) => &section.name,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Section::Modbus(_) => "modbus",
            Section::Mqtt(_) => "mqtt",
            Section::Scanner(_) => "scanner",
        }
    }

    /// Runs until stopped.
    async fn run(self, context: SourceContext, house: House) -> anyhow::Result<()> {
        match self {
            Section::Modbus(section) => modbus::run(section, context, house.live).await,
            Section::Mqtt(section) => mqtt::run(section, context, house.buffer, house.data_dir).await,
            Section::Scanner(section) => {
                let to = scanner::Destination { station: house.station, desk: house.desk };
                scanner::run(section, to, context).await
            }
        }
    }
}

/// What some kinds of sources need beside their context.
#[derive(Debug, Clone)]
pub(super) struct House {
    pub(super) buffer: Buffer,
    pub(super) data_dir: PathBuf,
    pub(super) station: Name,
    /// Where scans of operators go.
    pub(super) desk: Option<ScanSender>,
    pub(super) live: LiveView,
}

pub(super) struct RunningSources {
    /// What every source gets, with a status and a token of its own.
    context: SourceContext,
    house: House,
    board: StatusBoard,
    running: BTreeMap<Name, Running>,
}

struct Running {
    section: Section,
    status: Subject,
    stopping: CancellationToken,
    task: JoinHandle<()>,
}

impl RunningSources {
    pub(super) fn new(context: SourceContext, house: House, board: StatusBoard) -> RunningSources {
        RunningSources { context, house, board, running: BTreeMap::new() }
    }

    /// Stops what is gone or different, then starts what is new or different.
    pub(super) async fn follow(&mut self, configuration: &Configuration) {
        let mut wanted = Section::all(configuration);
        let mut leaving = Vec::new();
        self.running = std::mem::take(&mut self.running)
            .into_iter()
            .filter_map(|(name, running)| match wanted.get(&name) {
                Some(section) if *section == running.section => {
                    wanted.remove(&name);
                    Some((name, running))
                }
                _ => {
                    leaving.push(running);
                    None
                }
            })
            .collect();
        stop(leaving, STOP).await;
        for (name, section) in wanted {
            let running = self.start(section);
            self.running.insert(name, running);
        }
    }

    pub(super) async fn stop_all(&mut self, within: Duration) {
        stop(std::mem::take(&mut self.running).into_values(), within).await;
    }

    fn start(&self, section: Section) -> Running {
        let status = self.board.subject(section.name(), section.kind());
        let stopping = self.context.stopping.child_token();
        let context = SourceContext { status: status.clone(), stopping: stopping.clone(), ..self.context.clone() };
        let task = tokio::spawn(keep_running(section.clone(), context, self.house.clone()));
        Running { section, status, stopping, task }
    }
}

/// All at once, so that one that hangs does not delay the rest.
async fn stop(running: impl IntoIterator<Item = Running>, within: Duration) {
    let mut running: Vec<Running> = running.into_iter().collect();
    for source in &running {
        source.stopping.cancel();
    }
    let deadline = tokio::time::Instant::now() + within;
    for source in &mut running {
        if tokio::time::timeout_at(deadline, &mut source.task).await.is_err() {
            tracing::warn!(source = source.status.name(), "did not stop in time: abandoned");
            source.task.abort();
        }
        source.status.remove();
    }
}

async fn keep_running(section: Section, context: SourceContext, house: House) {
    while !context.stopping.is_cancelled() {
        // A task of its own, so that a panic ends here; one that is abandoned must not go on holding up capture's end.
        let task = tokio::spawn(section.clone().run(context.clone(), house.clone()));
        let ended = AbortOnDropHandle::new(task).await;
        if context.stopping.is_cancelled() {
            return;
        }
        let why = match ended {
            Ok(Ok(())) => "ended by itself".to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(panic) => panic.to_string(),
        };
        context.status.count("restarts", 1);
        context.status.set(Health::Down, format!("{why}: starting again in {} s", RESTART.as_secs()));
        tokio::select! {
            () = context.stopping.cancelled() => return,
            () = tokio::time::sleep(RESTART) => {}
        }
    }
}
