//! What the server offers, and which of the definitions in `sql/` follows from it.
//!
//! The choice is made once: a database whose facts are native partitions stays so, whatever is installed later, because
//! facts are not turned into hypertables under running agents.

use serde::Serialize;

/// Who keeps facts partitioned and summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Definition {
    /// Hypertables, columnstore, continuous aggregates.
    Timescaledb,
    /// Monthly partitions, and summaries that the ingest transaction keeps.
    Native,
}

impl Definition {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Definition::Timescaledb => "timescaledb",
            Definition::Native => "native",
        }
    }
}

/// What production_logs is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FactTables {
    /// Not made yet.
    Absent,
    /// Made by the migrations, not defined by `sql/` yet.
    Plain,
    Partitioned,
    Hypertables,
}

/// An extension as this server and this database have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Extension {
    /// Version that CREATE EXTENSION would install; none when its files are not on the server.
    pub available: Option<String>,
    /// Version in this database.
    pub installed: Option<String>,
    pub preloaded: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// As `server_version` says it.
    pub version: String,
    /// As `server_version_num` says it: 150020.
    pub version_number: i32,
    pub timescaledb: Extension,
    /// `timescale` has columnstore and aggregates, `apache` has not; none where the extension is not in this database:
    /// only then does the server know.
    pub timescaledb_license: Option<String>,
    pub pg_cron: Extension,
    pub pg_trgm: Extension,
    pub pg_search: Extension,
    pub pg_textsearch: Extension,
    /// PGMQ as an extension. Central installs it as SQL, where nobody else did.
    pub pgmq: Extension,
    pub facts: FactTables,
}

impl Capabilities {
    /// What `sql/` scripts apply.
    #[must_use]
    pub fn definition(&self) -> Definition {
        match self.facts {
            FactTables::Partitioned => Definition::Native,
            FactTables::Hypertables => Definition::Timescaledb,
            FactTables::Absent | FactTables::Plain if self.offers_timescaledb() => Definition::Timescaledb,
            FactTables::Absent | FactTables::Plain => Definition::Native,
        }
    }

    /// Available, preloaded, and not known to lack the community licence.
    #[must_use]
    pub fn offers_timescaledb(&self) -> bool {
        self.timescaledb.available.is_some()
            && self.timescaledb.preloaded
            && self.timescaledb_license.as_deref() != Some("apache")
    }

    #[must_use]
    pub fn major(&self) -> i32 {
        self.version_number / 10_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Capabilities {
        Capabilities {
            version: "15.20".into(),
            version_number: 150_020,
            timescaledb: Extension { available: Some("2.28.3".into()), installed: None, preloaded: true },
            timescaledb_license: Some("timescale".into()),
            pg_cron: Extension::default(),
            pg_trgm: Extension::default(),
            pg_search: Extension::default(),
            pg_textsearch: Extension::default(),
            pgmq: Extension::default(),
            facts: FactTables::Plain,
        }
    }

    #[test]
    fn timescaledb_is_used_where_all_of_it_is_there() {
        assert_eq!(server().definition(), Definition::Timescaledb);
        let mut not_preloaded = server();
        not_preloaded.timescaledb.preloaded = false;
        assert_eq!(not_preloaded.definition(), Definition::Native);
        let mut apache = server();
        apache.timescaledb_license = Some("apache".into());
        assert_eq!(apache.definition(), Definition::Native);
    }

    #[test]
    fn a_definition_once_chosen_stays() {
        assert_eq!(Capabilities { facts: FactTables::Partitioned, ..server() }.definition(), Definition::Native);
        let mut gone = Capabilities { facts: FactTables::Hypertables, ..server() };
        gone.timescaledb.preloaded = false;
        assert_eq!(gone.definition(), Definition::Timescaledb);
    }
}
