//! What is wrong with a database and what arrives in it, and what to do about it.
//!
//! [`examine`] asks, [`judge`] decides: a function of what was found, so that every verdict can be tested without the
//! server that would deserve it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::postgres::PgConnection;

use crate::agents;
use crate::database::capabilities::{Capabilities, Definition, FactTables};
use crate::database::migrate::{self, SchemaState};
use crate::database::store::{self, Queue, Settings};
use crate::database::{Database, embedded};
use crate::web::metrics::SILENT_AFTER_S;

/// Offsets below this are travel time and scheduling.
const CLOCK_OFFSET_S_MAX: f64 = 5.0;
const MIB: i64 = 1024 * 1024;
/// The oldest TimescaleDB without the known faults below.
const TIMESCALEDB_MIN: [u32; 3] = [2, 29, 2];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Good,
    /// Somebody should look.
    Warning,
    /// Somebody must act.
    Problem,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub level: Level,
    pub topic: &'static str,
    /// What was found.
    pub text: String,
    /// What to do; empty when nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advice: String,
}

/// Everything that [`judge`] judges.
#[derive(Debug)]
pub struct Examined {
    pub at: DateTime<Utc>,
    pub place: String,
    pub capabilities: Capabilities,
    pub settings: Settings,
    pub schema: SchemaState,
    /// Connections that one central takes.
    pub connections: u32,
    /// What only a migrated database can be asked.
    pub contents: Option<Contents>,
}

#[derive(Debug)]
pub struct Contents {
    pub partitions_ahead: bool,
    pub pgmq_version: Option<String>,
    pub queues: Vec<Queue>,
    pub quarantine: Vec<(String, i64)>,
    pub plants_without_time_zone: Vec<(String, String)>,
    pub agents: Vec<agents::overview::store::Gauges>,
}

/// What `central doctor` shows.
#[derive(Debug, Serialize)]
pub struct Report {
    pub level: Level,
    pub database: String,
    pub server: Capabilities,
    /// Which folder of `sql/` defines the facts, or would.
    pub definition: Definition,
    pub schema: SchemaState,
    pub database_bytes: i64,
    pub pgmq_version: Option<String>,
    pub queues: Vec<Queue>,
    pub findings: Vec<Finding>,
}

/// Asks the database everything; changes nothing.
pub async fn examine(database: &Database, connections: u32, at: DateTime<Utc>) -> anyhow::Result<Examined> {
    let mut connection = store::connect_like(&database.pool).await?;
    let capabilities = store::capabilities(&mut connection).await?;
    let settings = store::settings(&mut connection).await?;
    let schema = migrate::state(&database.pool).await?;
    let contents = match schema {
        SchemaState::Current => Some(contents(database, &mut connection, at).await?),
        _ => None,
    };
    Ok(Examined { at, place: database.place.clone(), capabilities, settings, schema, connections, contents })
}

async fn contents(
    database: &Database,
    connection: &mut PgConnection,
    at: DateTime<Utc>,
) -> Result<Contents, sqlx::Error> {
    Ok(Contents {
        partitions_ahead: store::partitions_ahead(&database.pool, at).await?,
        pgmq_version: store::pgmq_sql_version(connection).await?,
        queues: store::queues(connection).await?,
        quarantine: store::quarantine_reasons(connection).await?,
        plants_without_time_zone: store::plants_without_time_zone(connection).await?,
        agents: agents::overview::store::gauges(connection, at).await?,
    })
}

#[must_use]
pub fn judge(examined: &Examined) -> Report {
    let mut findings = Findings::default();
    judge_server(examined, &mut findings);
    judge_timescaledb(&examined.capabilities, &mut findings);
    judge_settings(examined, &mut findings);
    judge_schema(&examined.schema, &mut findings);
    if let Some(contents) = &examined.contents {
        judge_contents(contents, &examined.capabilities, &mut findings);
        judge_agents(contents, &mut findings);
    }
    let findings = findings.0;
    Report {
        level: findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good),
        database: examined.place.clone(),
        definition: examined.capabilities.definition(),
        schema: examined.schema.clone(),
        server: examined.capabilities.clone(),
        database_bytes: examined.settings.database_bytes,
        pgmq_version: examined.contents.as_ref().and_then(|contents| contents.pgmq_version.clone()),
        queues: examined.contents.as_ref().map(|contents| contents.queues.clone()).unwrap_or_default(),
        findings,
    }
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, level: Level, topic: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.0.push(Finding { level, topic, text: text.into(), advice: advice.into() });
    }

    fn good(&mut self, topic: &'static str, text: impl Into<String>) {
        self.add(Level::Good, topic, text, "");
    }

    fn warning(&mut self, topic: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.add(Level::Warning, topic, text, advice);
    }

    fn problem(&mut self, topic: &'static str, text: impl Into<String>, advice: impl Into<String>) {
        self.add(Level::Problem, topic, text, advice);
    }
}

fn judge_server(examined: &Examined, findings: &mut Findings) {
    let capabilities = &examined.capabilities;
    let version = format!("PostgreSQL {}", capabilities.version);
    let (oldest, newest) =
        (embedded::binaries::SUPPORTED.start().cast_signed(), embedded::binaries::SUPPORTED.end().cast_signed());
    if capabilities.major() < oldest {
        findings.problem("server", version, format!("use PostgreSQL {oldest} to {newest}"));
    } else if capabilities.major() > newest {
        findings.warning("server", version, format!("this central is tested with PostgreSQL {oldest} to {newest}"));
    } else {
        findings.good("server", version);
    }
    if examined.settings.server_encoding != "UTF8" {
        let text = format!("the database's encoding is {}", examined.settings.server_encoding);
        findings.problem("server", text, "create the database with encoding UTF8 and load it anew");
    }
    let offset = examined.settings.now.signed_duration_since(examined.at).num_milliseconds();
    if offset.abs() > 2_000 {
        let text = format!("the server's clock differs from this computer's by {} s", offset / 1000);
        findings.warning("clock", text, "let both take their time from NTP");
    }
}

fn judge_timescaledb(capabilities: &Capabilities, findings: &mut Findings) {
    let timescaledb = &capabilities.timescaledb;
    if capabilities.definition() == Definition::Native {
        match (capabilities.offers_timescaledb(), capabilities.facts) {
            (true, FactTables::Partitioned) => findings.good(
                "facts",
                "native partitions, chosen when TimescaleDB was not there; it is now, and stays unused: to use it, copy \
                 the facts into a new database",
            ),
            (false, FactTables::Absent | FactTables::Plain) if timescaledb.available.is_some() => findings.good(
                "facts",
                "will be native partitions: TimescaleDB is installed but not preloaded with its community licence. To \
                 use it, set shared_preload_libraries (or database.preload) before the first `central migrate`",
            ),
            _ => findings.good("facts", "native partitions and summaries"),
        }
        return;
    }
    findings.good("facts", "TimescaleDB hypertables, columnstore and continuous aggregates");
    if !timescaledb.preloaded || timescaledb.available.is_none() {
        findings.problem(
            "timescaledb",
            "the facts are hypertables, but the server does not load TimescaleDB",
            "add timescaledb to shared_preload_libraries and restart PostgreSQL",
        );
    }
    if let (Some(installed), Some(available)) = (&timescaledb.installed, &timescaledb.available)
        && installed != available
    {
        let text = format!("TimescaleDB {installed} is in use, {available} is installed");
        findings.warning("timescaledb", text, "ALTER EXTENSION timescaledb UPDATE, first command of a new psql -X");
    }
    let used = timescaledb.installed.as_ref().or(timescaledb.available.as_ref());
    if let Some(used) = used.filter(|version| numbers(version) < TIMESCALEDB_MIN) {
        findings.warning(
            "timescaledb",
            format!("TimescaleDB {used} has known faults: {}", faults(numbers(used)).join("; ")),
            if capabilities.major() < 16 {
                "use 2.29.2 or newer, which needs PostgreSQL 16 or newer"
            } else {
                "update to 2.29.2 or newer"
            },
        );
    }
}

/// Faults that matter here, by the versions that have them (github.com/timescale/timescaledb/issues).
fn faults(version: [u32; 3]) -> Vec<&'static str> {
    let known: [([u32; 3], [u32; 3], &str); 7] = [
        ([0, 0, 0], [2, 18, 0], "late facts could lose rows of a batch (#7672)"),
        ([2, 22, 0], [2, 22, 0], "gaps in continuous aggregates (#8621)"),
        ([0, 0, 0], [2, 25, 1], "GHSA-vgp2-jj5c-828m"),
        ([2, 26, 3], [2, 26, 3], "overlapping refreshes double aggregates (#9571)"),
        ([2, 28, 0], [2, 28, 99], "concurrent refreshes lose invalidations (#10219)"),
        ([0, 0, 0], [2, 29, 0], "GHSA-hcfx-29v5-2rcw"),
        ([0, 0, 0], [2, 29, 1], "SkipScan may hide rows (#10423)"),
    ];
    known.into_iter().filter(|(from, to, _)| *from <= version && version <= *to).map(|(_, _, text)| text).collect()
}

fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

fn judge_settings(examined: &Examined, findings: &mut Findings) {
    let settings = &examined.settings;
    let off = |value: &str| value == "off";
    let loses = "agents forget what central acknowledged: what the server then loses is lost for ever. Set it to on";
    for (name, value) in [("fsync", &settings.fsync), ("full_page_writes", &settings.full_page_writes)] {
        if off(value) {
            findings.problem("settings", format!("{name} is off"), loses);
        }
    }
    if off(&settings.synchronous_commit) {
        findings.problem("settings", "synchronous_commit is off", loses);
    }
    if off(&settings.autovacuum) {
        findings.problem("settings", "autovacuum is off", "set it to on: queues and the ledger grow without it");
    }
    if settings.read_only {
        let advice = "point database.url at the primary";
        findings.problem("settings", "the server takes no writes: a standby, or default_transaction_read_only", advice);
    }
    if off(&settings.data_checksums) {
        let advice = "pg_checksums --enable, while the server is stopped";
        findings.warning("settings", "data checksums are off: a failing disk is noticed late", advice);
    }
    if settings.isolation != "read committed" {
        let text = format!("default_transaction_isolation is {}", settings.isolation);
        findings.warning("settings", text, "central is made for read committed");
    }
    if settings.statement_timeout_ms != 0 {
        let text = format!("statement_timeout is {} ms for central's role", settings.statement_timeout_ms);
        findings.warning("settings", text, "set it to 0 for that role: it would interrupt ingest and migrations");
    }
    let wanted = i64::from(examined.connections) * 2 + 10;
    if settings.max_connections < wanted {
        let text = format!("max_connections is {}", settings.max_connections);
        let advice = format!("{wanted} or more: {} for each central and some to spare", examined.connections);
        findings.warning("settings", text, advice);
    }
    for (name, value, least) in [
        ("shared_buffers", settings.shared_buffers_bytes, 128 * MIB),
        ("max_wal_size", settings.max_wal_size_bytes, 1024 * MIB),
    ] {
        if value < least {
            let text = format!("{name} is {} MB", value / MIB);
            findings.warning("settings", text, format!("{} MB or more", least / MIB));
        }
    }
    if settings.max_locks_per_transaction < 64 {
        let text = format!("max_locks_per_transaction is {}", settings.max_locks_per_transaction);
        findings.warning("settings", text, "64 or more: a question over years locks every partition");
    }
}

fn judge_schema(schema: &SchemaState, findings: &mut Findings) {
    match schema {
        SchemaState::Current => findings.good("schema", "current"),
        SchemaState::Behind { applied, known } => {
            let text = format!("{applied} of {known} migrations are applied, or the facts are not defined yet");
            findings.problem("schema", text, "run `central migrate`, or start `central serve`");
        }
        SchemaState::Newer { .. } | SchemaState::Altered { .. } => {
            let text = schema.require_current().err().map(|error| error.to_string()).unwrap_or_default();
            findings.problem("schema", text, "");
        }
    }
}

fn judge_contents(contents: &Contents, capabilities: &Capabilities, findings: &mut Findings) {
    if !contents.partitions_ahead {
        let advice = "run `central migrate`, and see the log of `central serve` for why it did not";
        findings.problem("facts", "the partitions of the coming week do not exist", advice);
    }
    match (&contents.pgmq_version, &capabilities.pgmq.installed) {
        (None, Some(extension)) => findings.warning(
            "queues",
            format!("PGMQ {extension} is installed as an extension, and central does not update it"),
            "keep it at 1.11 or newer with ALTER EXTENSION pgmq UPDATE",
        ),
        (Some(_), Some(_)) => findings.problem(
            "queues",
            "PGMQ is installed both as SQL and as an extension",
            "the two do not mix: restore a backup from before CREATE EXTENSION pgmq",
        ),
        (Some(version), None) => findings.good("queues", format!("PGMQ {version}")),
        (None, None) => findings.problem("queues", "PGMQ is not installed", "run `central migrate`"),
    }
    for wanted in migrate::QUEUES {
        if !contents.queues.iter().any(|queue| queue.name == wanted) {
            findings.problem("queues", format!("the queue {wanted} does not exist"), "run `central migrate`");
        }
    }
    if let Some(dead) = contents.queues.iter().find(|queue| queue.name == "dlq" && queue.messages > 0) {
        let text = format!("{} messages failed for good and lie in dlq", dead.messages);
        findings.warning("queues", text, "their headers say why");
    }
    for (reason, count) in &contents.quarantine {
        findings.warning(
            "quarantine",
            format!("{count} events are committed but are no facts: {reason}"),
            match reason.as_str() {
                "future" => "set the clock of their agent; once their time has come: central quarantine release",
                "machine_of_another_agent" => "central machine transfer, or correct the agent's configuration",
                _ => "see quarantined_events.detail",
            },
        );
    }
    for (plant, zone) in &contents.plants_without_time_zone {
        let text = format!("plant {plant} has the time zone {zone:?}, which the server does not know");
        findings.problem("plants", text, "give it an IANA name such as Europe/Berlin");
    }
}

fn judge_agents(contents: &Contents, findings: &mut Findings) {
    let enabled = contents.agents.iter().filter(|agent| agent.enabled);
    for agent in &contents.agents {
        let (what, remedy) = match agent.divergence.as_deref() {
            None => continue,
            Some("claimed_by_agent") => (
                "is ahead of central, which was restored from an older backup",
                "central agent resolve --central-restored".to_owned(),
            ),
            Some(_) => ("has two histories", format!("central agent resolve {} --plant {}", agent.agent, agent.plant)),
        };
        findings.problem("agents", format!("{}/{} {what}: its batches are refused", agent.plant, agent.agent), remedy);
    }
    for agent in enabled.clone() {
        let name = format!("{}/{}", agent.plant, agent.agent);
        match agent.silent_s {
            Some(silent_s) if silent_s > SILENT_AFTER_S => {
                let text = format!("{name} was not heard of for {} min", (silent_s / 60.0).round());
                findings.warning(
                    "agents",
                    text,
                    "see `edge-agent status` on its computer; what it captures is kept there",
                );
            }
            None => findings.warning("agents", format!("{name} is enrolled and has never synced"), "start it there"),
            Some(_) => {}
        }
        if let Some(offset_s) = agent.clock_offset_s.filter(|offset_s| offset_s.abs() > CLOCK_OFFSET_S_MAX) {
            let text = format!("the clock of {name} is {offset_s:.1} s off");
            findings.warning("agents", text, "let it take its time from NTP");
        }
    }
    findings.good("agents", format!("{} enabled", enabled.count()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::capabilities::Extension;

    fn healthy() -> Examined {
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let queue = |name: &&str| Queue { name: (*name).to_owned(), messages: 0, oldest_s: None };
        Examined {
            at,
            place: "private".into(),
            capabilities: Capabilities {
                version: "17.2".into(),
                version_number: 170_002,
                timescaledb: Extension::default(),
                timescaledb_license: None,
                pg_cron: Extension::default(),
                pg_trgm: Extension::default(),
                pg_search: Extension::default(),
                pg_textsearch: Extension::default(),
                pgmq: Extension::default(),
                facts: FactTables::Partitioned,
            },
            settings: Settings {
                fsync: "on".into(),
                full_page_writes: "on".into(),
                synchronous_commit: "on".into(),
                autovacuum: "on".into(),
                data_checksums: "on".into(),
                server_encoding: "UTF8".into(),
                isolation: "read committed".into(),
                read_only: false,
                statement_timeout_ms: 0,
                max_connections: 100,
                max_locks_per_transaction: 64,
                shared_buffers_bytes: 128 * MIB,
                max_wal_size_bytes: 1024 * MIB,
                now: at,
                database_bytes: 1,
            },
            schema: SchemaState::Current,
            connections: 10,
            contents: Some(Contents {
                partitions_ahead: true,
                pgmq_version: Some("1.13.0".into()),
                queues: migrate::QUEUES.iter().map(queue).collect(),
                quarantine: Vec::new(),
                plants_without_time_zone: Vec::new(),
                agents: Vec::new(),
            }),
        }
    }

    fn worst(examined: &Examined) -> (Level, String) {
        let report = judge(examined);
        let found = report.findings.into_iter().find(|finding| finding.level == report.level);
        (report.level, found.map(|finding| finding.text).unwrap_or_default())
    }

    #[test]
    fn a_healthy_database_is_good() {
        assert_eq!(worst(&healthy()).0, Level::Good);
    }

    #[test]
    fn settings_that_lose_acknowledged_data_are_problems() {
        let mut examined = healthy();
        examined.settings.synchronous_commit = "off".into();
        assert_eq!(worst(&examined), (Level::Problem, "synchronous_commit is off".into()));
        let mut examined = healthy();
        examined.settings.fsync = "off".into();
        assert_eq!(worst(&examined), (Level::Problem, "fsync is off".into()));
    }

    #[test]
    fn known_faults_of_timescaledb_are_named_by_version() {
        assert!(faults(numbers("2.28.3")).iter().any(|fault| fault.contains("#10219")));
        assert!(!faults(numbers("2.29.1")).iter().any(|fault| fault.contains("#10219")));
        assert!(faults(numbers("2.29.2")).is_empty());
        assert!(numbers("2.30.0-dev") >= TIMESCALEDB_MIN);
        let mut examined = healthy();
        examined.capabilities.facts = FactTables::Hypertables;
        examined.capabilities.timescaledb =
            Extension { available: Some("2.28.3".into()), installed: Some("2.28.3".into()), preloaded: true };
        assert_eq!(worst(&examined).0, Level::Warning);
        examined.capabilities.timescaledb.preloaded = false;
        assert_eq!(worst(&examined).0, Level::Problem);
    }

    #[test]
    fn agents_that_are_silent_or_doubled_are_named() {
        let mut examined = healthy();
        let agent = agents::overview::store::Gauges {
            plant: "north".into(),
            agent: "hall-1".into(),
            enabled: true,
            divergence: None,
            silent_s: Some(600.0),
            backlog_events: None,
            clock_offset_s: Some(0.0),
        };
        let contents = examined.contents.as_mut().unwrap();
        contents.agents = vec![agent.clone()];
        assert_eq!(worst(&examined), (Level::Warning, "north/hall-1 was not heard of for 10 min".into()));
        for (reason, expected) in [("copied", "has two histories"), ("claimed_by_agent", "is ahead of central")] {
            let contents = examined.contents.as_mut().unwrap();
            let divergence = Some(reason.to_owned());
            contents.agents = vec![agents::overview::store::Gauges { divergence, ..agent.clone() }];
            let (level, text) = worst(&examined);
            assert_eq!((level, text.contains(expected)), (Level::Problem, true), "{text}");
        }
    }
}
