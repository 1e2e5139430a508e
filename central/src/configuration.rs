//! Central's configuration: a TOML file that may be absent, and environment variables that win over it.
//!
//! Every value has a default, so that `central serve` works with no file at all. The variables exist for containers;
//! [`VARIABLES`] lists them, and an empty one counts as not set.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use process::configuration::{Checked, ConfigurationError, KeyPath, Problems};
use serde::Deserialize;
use sqlx::postgres::PgConnectOptions;

use crate::alerts::configuration::MailSection;
use crate::queue::configuration::WorkerSection;
use crate::sync;

/// Read when no file is named and this one exists.
pub const DEFAULT_FILE: &str = "/etc/central/central.toml";

/// Each is compared with where a request comes from.
const TRUSTED_PROXIES_MAX: usize = 64;

/// Environment variables and the key that each of them replaces.
pub const VARIABLES: [(&str, &str); 13] = [
    ("CENTRAL_DATA_DIR", "data.dir"),
    ("CENTRAL_DATABASE_URL", "database.url"),
    ("CENTRAL_DATABASE_PASSWORD_FILE", "database.password_file"),
    ("CENTRAL_DATABASE_CONNECTIONS", "database.connections"),
    ("CENTRAL_DATABASE_BIN_DIR", "database.bin_dir"),
    ("CENTRAL_AGENTS_LISTEN", "agents.listen"),
    ("CENTRAL_AGENTS_PUBLIC_ADDRESS", "agents.public_address"),
    ("CENTRAL_WEB_LISTEN", "web.listen"),
    ("CENTRAL_WEB_PUBLIC_URL", "web.public_url"),
    ("CENTRAL_WEB_TRUSTED_PROXIES", "web.trusted_proxies"),
    ("CENTRAL_WEB_TLS_CERTIFICATE_FILE", "web.tls_certificate_file"),
    ("CENTRAL_WEB_TLS_KEY_FILE", "web.tls_key_file"),
    ("CENTRAL_WORKER_ENABLED", "worker.enabled"),
];

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    pub data: DataSection,
    pub database: DatabaseSection,
    pub agents: AgentsSection,
    pub web: WebSection,
    pub worker: WorkerSection,
    pub mail: MailSection,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataSection {
    /// Central's key, and the private PostgreSQL where no database is configured.
    pub dir: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSection {
    /// Absent: a private PostgreSQL under the data directory.
    pub url: Option<DatabaseUrl>,
    /// A file that holds the password, so that the URL need not.
    pub password_file: Option<PathBuf>,
    /// Connections of one central process, shared between ingest and everything that reads.
    pub connections: u32,
    /// Private PostgreSQL only: the folder of `postgres` and `initdb`, where the newest one found is not the right one.
    pub bin_dir: Option<PathBuf>,
    /// Private PostgreSQL only: libraries it loads at its start.
    pub preload: Vec<PreloadLibrary>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreloadLibrary {
    Timescaledb,
    PgCron,
}

impl PreloadLibrary {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            PreloadLibrary::Timescaledb => "timescaledb",
            PreloadLibrary::PgCron => "pg_cron",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentsSection {
    /// Where agents sync, over TLS.
    pub listen: SocketAddr,
    /// `host:port` that enrolment codes carry. Absent: this computer's name and the port of `listen`.
    pub public_address: Option<String>,
    /// Connections at one time.
    pub connections_max: usize,
    /// Memory for batches that are read or wait; past it agents are told to come back.
    pub batch_memory_mb: usize,
    /// How far ahead of central's clock an event may be before it is quarantined.
    pub future_tolerance_s: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebSection {
    /// The pages and the HTTP API, for who logs in; health and metrics for whoever reaches it.
    pub listen: SocketAddr,
    /// How browsers reach it: scheme, host and port.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For` says who asks.
    pub trusted_proxies: Vec<IpAddr>,
    /// PEM. Absent: without TLS.
    pub tls_certificate_file: Option<PathBuf>,
    pub tls_key_file: Option<PathBuf>,
    /// Connections at one time; an open dashboard holds one.
    pub connections_max: usize,
}

/// A connection URL. Its password stays out of logs.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    #[must_use]
    pub fn new(url: impl Into<String>) -> DatabaseUrl {
        DatabaseUrl(url.into())
    }

    pub fn options(&self) -> Result<PgConnectOptions, sqlx::Error> {
        PgConnectOptions::from_str(&self.0)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else { return f.write_str("(not a URL)") };
        let rest = rest.split('?').next().unwrap_or(rest);
        match rest.rsplit_once('@') {
            Some((credentials, place)) => {
                let user = credentials.split(':').next().unwrap_or("");
                write!(f, "{scheme}://{user}@{place}")
            }
            None => write!(f, "{scheme}://{rest}"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Default for DataSection {
    fn default() -> DataSection {
        DataSection { dir: PathBuf::from("/var/lib/central") }
    }
}

impl Default for DatabaseSection {
    fn default() -> DatabaseSection {
        DatabaseSection { url: None, password_file: None, connections: 10, bin_dir: None, preload: Vec::new() }
    }
}

impl Default for AgentsSection {
    fn default() -> AgentsSection {
        AgentsSection {
            listen: SocketAddr::from(([0, 0, 0, 0], 7443)),
            public_address: None,
            connections_max: 4_096,
            batch_memory_mb: 256,
            future_tolerance_s: 300,
        }
    }
}

impl Default for WebSection {
    fn default() -> WebSection {
        WebSection {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            trusted_proxies: Vec::new(),
            tls_certificate_file: None,
            tls_key_file: None,
            connections_max: 2_048,
        }
    }
}

impl AgentsSection {
    /// What enrolment codes carry. `host` is this computer's name.
    #[must_use]
    pub fn address_for_agents(&self, host: &str) -> String {
        self.public_address.clone().unwrap_or_else(|| format!("{host}:{}", self.listen.port()))
    }

    #[must_use]
    pub fn sync_settings(&self, key_file: PathBuf) -> sync::Settings {
        sync::Settings {
            connections_max: self.connections_max,
            batch_bytes_max: self.batch_memory_mb * 1024 * 1024,
            future_tolerance: Duration::from_secs(self.future_tolerance_s),
            ..sync::Settings::new(self.listen, key_file)
        }
    }
}

impl Configuration {
    /// Reads `file`, or the default one if it exists, or nothing; then lets the environment win.
    pub fn load(
        file: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Configuration, ConfigurationFailure> {
        let mut configuration = match file {
            Some(file) => process::configuration::read(file)?,
            None if Path::new(DEFAULT_FILE).exists() => process::configuration::read(Path::new(DEFAULT_FILE))?,
            None => Configuration::default(),
        };
        configuration.override_by(|name| variable(name).filter(|value| !value.is_empty()))?;
        let mut problems = Problems::default();
        configuration.check(&mut problems);
        if problems.is_empty() {
            return Ok(configuration);
        }
        let lines: Vec<String> = problems.lines().collect();
        Err(ConfigurationFailure::Environment(lines.join("\n")))
    }

    fn override_by(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<(), ConfigurationFailure> {
        fn parsed<T: std::str::FromStr>(name: &str, value: &str, expected: &str) -> Result<T, ConfigurationFailure> {
            value
                .parse()
                .map_err(|_| ConfigurationFailure::Environment(format!("{name} is {value:?}, which is not {expected}")))
        }
        for (name, _) in VARIABLES {
            let Some(value) = variable(name) else { continue };
            match name {
                "CENTRAL_DATA_DIR" => self.data.dir = PathBuf::from(value),
                "CENTRAL_DATABASE_URL" => self.database.url = Some(DatabaseUrl(value)),
                "CENTRAL_DATABASE_PASSWORD_FILE" => self.database.password_file = Some(PathBuf::from(value)),
                "CENTRAL_DATABASE_CONNECTIONS" => {
                    self.database.connections = parsed(name, &value, "a number of connections")?;
                }
                "CENTRAL_DATABASE_BIN_DIR" => self.database.bin_dir = Some(PathBuf::from(value)),
                "CENTRAL_AGENTS_LISTEN" => {
                    self.agents.listen = parsed(name, &value, "an address and a port such as 0.0.0.0:7443")?;
                }
                "CENTRAL_AGENTS_PUBLIC_ADDRESS" => self.agents.public_address = Some(value),
                "CENTRAL_WEB_LISTEN" => {
                    self.web.listen = parsed(name, &value, "an address and a port such as 127.0.0.1:8080")?;
                }
                "CENTRAL_WEB_PUBLIC_URL" => self.web.public_url = Some(value),
                "CENTRAL_WEB_TRUSTED_PROXIES" => {
                    let addresses =
                        value.split(',').map(|it| parsed(name, it.trim(), "addresses such as 10.0.0.1,10.0.0.2"));
                    self.web.trusted_proxies = addresses.collect::<Result<_, _>>()?;
                }
                "CENTRAL_WEB_TLS_CERTIFICATE_FILE" => self.web.tls_certificate_file = Some(PathBuf::from(value)),
                "CENTRAL_WEB_TLS_KEY_FILE" => self.web.tls_key_file = Some(PathBuf::from(value)),
                "CENTRAL_WORKER_ENABLED" => self.worker.enabled = parsed(name, &value, "true or false")?,
                _ => unreachable!("VARIABLES and this match name the same"),
            }
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigurationFailure {
    #[error(transparent)]
    File(#[from] ConfigurationError),
    #[error("{0}")]
    Environment(String),
}

impl Checked for Configuration {
    fn check(&self, problems: &mut Problems) {
        let root = KeyPath::root();
        if !self.data.dir.is_absolute() && self.data.dir.as_os_str().is_empty() {
            problems.add(root.key("data").key("dir"), "is empty: expected a folder");
        }
        self.database.check(&root.key("database"), problems);
        self.agents.check(&root.key("agents"), problems);
        self.web.check(&root.key("web"), problems);
        self.worker.check(&root.key("worker"), problems);
        self.mail.check(&root.key("mail"), problems);
        if self.web.listen == self.agents.listen && self.web.listen.port() != 0 {
            let text = format!("{} is also agents.listen: each needs a port of its own", self.web.listen);
            problems.add(root.key("web").key("listen"), text);
        }
    }
}

impl DatabaseSection {
    fn check(&self, at: &KeyPath, problems: &mut Problems) {
        if let Some(url) = &self.url {
            let scheme_fits = url.0.starts_with("postgres://") || url.0.starts_with("postgresql://");
            let problem = if scheme_fits { url.options().err().map(|e| e.to_string()) } else { Some(String::new()) };
            if let Some(problem) = problem {
                let text =
                    format!("{url} is not a database URL: expected postgresql://user@host:5432/database {problem}");
                problems.add(at.key("url"), text.trim_end());
            }
            if self.bin_dir.is_some() || !self.preload.is_empty() {
                let text = "a database is configured, so there is no private PostgreSQL that bin_dir or preload could \
                            be for: remove either";
                problems.add(at.key("url"), text);
            }
        } else if self.password_file.is_some() {
            let text = "there is no database.url that the password could be for; the private PostgreSQL needs none";
            problems.add(at.key("password_file"), text);
        }
        if !(4..=200).contains(&self.connections) {
            problems.add(at.key("connections"), format!("{} is out of range: expected 4 to 200", self.connections));
        }
    }
}

impl AgentsSection {
    fn check(&self, at: &KeyPath, problems: &mut Problems) {
        for (key, value, range) in [
            ("connections_max", self.connections_max, 1..=65_536),
            // Four of the largest batches, content included.
            ("batch_memory_mb", self.batch_memory_mb, 64..=16_384),
            ("future_tolerance_s", usize::try_from(self.future_tolerance_s).unwrap_or(usize::MAX), 1..=86_400),
        ] {
            if !range.contains(&value) {
                let text = format!("{value} is out of range: expected {} to {}", range.start(), range.end());
                problems.add(at.key(key), text);
            }
        }
        let Some(address) = &self.public_address else { return };
        let fits = address.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && !host.contains([' ', '/', '@']) && port.parse::<u16>().is_ok_and(|port| port != 0)
        });
        if !fits || address.len() > 200 {
            let text = format!("{address:?} is not an address: expected host:port such as central.example:7443");
            problems.add(at.key("public_address"), text);
        }
    }
}

impl WebSection {
    /// Whether browsers come over TLS, that of this program or of a proxy in front of it.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.tls_certificate_file.is_some() || self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }

    fn check(&self, at: &KeyPath, problems: &mut Problems) {
        if let Some(url) = &self.public_url {
            let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let fits = authority.is_some_and(|it| {
                !it.is_empty()
                    && it.len() <= 200
                    && it.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c))
            });
            if !fits {
                let text = format!("{url:?} is no origin: expected scheme and host such as https://central.example");
                problems.add(at.key("public_url"), text);
            }
        }
        match (&self.tls_certificate_file, &self.tls_key_file) {
            (Some(_), None) => problems.add(at.key("tls_certificate_file"), "has no tls_key_file beside it"),
            (None, Some(_)) => problems.add(at.key("tls_key_file"), "has no tls_certificate_file beside it"),
            _ => {}
        }
        if self.trusted_proxies.len() > TRUSTED_PROXIES_MAX {
            let text = format!(
                "{} addresses are too many: expected {TRUSTED_PROXIES_MAX} at most",
                self.trusted_proxies.len()
            );
            problems.add(at.key("trusted_proxies"), text);
        }
        if !(16..=65_536).contains(&self.connections_max) {
            let text = format!("{} is out of range: expected 16 to 65536", self.connections_max);
            problems.add(at.key("connections_max"), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, variables: &[(&str, &str)]) -> Result<Configuration, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("central.toml");
        std::fs::write(&file, text).unwrap();
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Configuration::load(Some(&file), variable)
            .map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn nothing_configured_is_a_private_database_and_a_page_for_this_computer_only() {
        let configuration = load("", &[]).unwrap();
        assert!(configuration.database.url.is_none());
        assert!(configuration.web.listen.ip().is_loopback());
        assert_eq!(configuration.agents.address_for_agents("central"), "central:7443");
    }

    #[test]
    fn the_commented_example_is_a_valid_file_and_says_the_defaults() {
        let text = include_str!("../../config/central.toml");
        let defaults = format!("{:?}", Configuration::default());
        assert_eq!(format!("{:?}", load(text, &[]).unwrap()), defaults);
        let uncommented: String = text
            .lines()
            .filter_map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.starts_with('[') || rest.split_once(" = ").is_some_and(|(key, _)| is_key(key)) => {
                    Some(format!("{rest}\n"))
                }
                Some(_) => None,
                None => Some(format!("{line}\n")),
            })
            .collect();
        let error = load(&uncommented, &[]).unwrap_err();
        assert!(error.contains("a database is configured, so there is no private PostgreSQL"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        for (name, _) in VARIABLES {
            assert!(text.contains(name), "{name} is not explained in config/central.toml");
        }
    }

    #[test]
    fn the_file_of_the_container_is_valid_with_its_mail_and_without() {
        let text = include_str!("../../deploy/container/etc/central.toml");
        assert!(load(text, &[]).unwrap().mail.host.is_none());
        let (_, section) = text.split_once("# [mail]").unwrap();
        let with_mail = format!("[mail]{}", section.replace("\n# ", "\n"));
        assert_eq!(load(&with_mail, &[]).unwrap().mail.host.as_deref(), Some("mail.example"));
    }

    fn is_key(text: &str) -> bool {
        text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    }

    #[test]
    fn the_environment_wins_and_an_empty_variable_is_none() {
        let variables = [
            ("CENTRAL_DATABASE_URL", "postgresql://central:secret@db/central"),
            ("CENTRAL_WEB_LISTEN", "0.0.0.0:80"),
            ("CENTRAL_WEB_TRUSTED_PROXIES", "10.0.0.1, fd00::1"),
            ("CENTRAL_DATA_DIR", ""),
        ];
        let configuration = load("[web]\nlisten = \"127.0.0.1:1\"\n", &variables).unwrap();
        assert_eq!(configuration.web.listen.to_string(), "0.0.0.0:80");
        assert_eq!(configuration.web.trusted_proxies, ["10.0.0.1", "fd00::1"].map(|it| it.parse::<IpAddr>().unwrap()));
        assert_eq!(configuration.data.dir, DataSection::default().dir);
        assert!(!format!("{configuration:?}").contains("secret"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        assert_eq!(
            load("[database]\nurl = \"mysql://db\"\n", &[]).unwrap_err(),
            "central.toml:2:1: database.url: mysql://db is not a database URL: expected \
             postgresql://user@host:5432/database"
        );
        assert_eq!(
            load("[agents]\npublic_address = \"central\"\n", &[]).unwrap_err(),
            "central.toml:2:1: agents.public_address: \"central\" is not an address: expected host:port such as \
             central.example:7443"
        );
        assert_eq!(
            load("[database]\nconections = 3\n", &[]).unwrap_err(),
            "central.toml:2:1: unknown field `conections`, expected one of `url`, `password_file`, `connections`, \
             `bin_dir`, `preload`; did you mean `connections`?"
        );
        assert_eq!(
            load("", &[("CENTRAL_WEB_LISTEN", "8080")]).unwrap_err(),
            "CENTRAL_WEB_LISTEN is \"8080\", which is not an address and a port such as 127.0.0.1:8080"
        );
    }
}
