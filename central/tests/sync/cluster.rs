//! PostgreSQL for tests: one cluster for each kind of server, started once and gone when the tests are; a database of
//! its own for every test, copied from a template that was migrated once.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use central::database::embedded::binaries::{self, Binaries};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::sync::{Mutex, OnceCell};

/// The newest PostgreSQL on this computer that central supports.
fn newest() -> Binaries {
    binaries::find(None, None, Path::new("")).unwrap()
}

#[derive(Debug)]
pub(crate) struct Cluster {
    sockets: String,
    // Its standard input ends with this process; then it stops the server and removes its folder.
    _supervisor: Child,
}

const SUPERVISE: &str = r#"
folder=$1; shift
# Nothing of the tests' outputs stays open after them.
exec >"$folder/log" 2>&1
cd /
if [ "$(id -u)" = 0 ]; then
    chown -R postgres "$folder"; as="setpriv --reuid=postgres --regid=postgres --init-groups"
fi
$as "$BIN/initdb" -D "$folder/data" -A trust -U postgres -E UTF8 --locale=C.UTF-8 --no-sync
$as "$BIN/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off -c max_connections=300 "$@" &
server=$!
read _
kill -QUIT $server
wait $server
rm -rf "$folder"
"#;

impl Cluster {
    async fn start(options: &[&str]) -> Cluster {
        let folder = tempfile::Builder::new().prefix("central-sync-").tempdir().unwrap().keep();
        let supervisor = Command::new("sh")
            .args(["-c", SUPERVISE, "sh"])
            .arg(&folder)
            .args(options)
            .env("BIN", newest().dir)
            .stdin(Stdio::piped())
            .process_group_of_its_own()
            .spawn()
            .unwrap();
        let cluster = Cluster { sockets: folder.display().to_string(), _supervisor: supervisor };
        for _ in 0..1200 {
            if Path::new(&cluster.sockets).join(".s.PGSQL.5432").exists()
                && let Ok(pool) = cluster.connect("postgres", 1).await
            {
                pool.close().await;
                return cluster;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("PostgreSQL did not start: see {}/log", cluster.sockets);
    }

    async fn connect(&self, database: &str, connections: u32) -> sqlx::Result<PgPool> {
        let options = PgConnectOptions::new().socket(&self.sockets).username("postgres").database(database);
        PgPoolOptions::new().max_connections(connections).connect_with(options).await
    }

    /// A migrated database of its own.
    async fn database(&self, scripts: &str, template: &Mutex<bool>) -> PgPool {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let admin = self.connect("postgres", 1).await.unwrap();
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut made = template.lock().await;
        if !*made {
            sqlx::query("CREATE DATABASE template_central").execute(&admin).await.unwrap();
            let pool = self.connect("template_central", 2).await.unwrap();
            migrate(&pool, scripts).await;
            pool.close().await;
            *made = true;
        }
        // TimescaleDB's launcher connects to every database: ask until it is gone.
        for attempt in 0.. {
            let create = format!("CREATE DATABASE {name} TEMPLATE template_central");
            match sqlx::query(sqlx::AssertSqlSafe(create)).execute(&admin).await {
                Ok(_) => break,
                Err(error) if attempt > 100 => panic!("{error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        admin.close().await;
        self.connect(&name, 10).await.unwrap()
    }
}

trait ProcessGroup {
    fn process_group_of_its_own(&mut self) -> &mut Command;
}

impl ProcessGroup for Command {
    /// An interrupt at the terminal is for the tests; the supervisor sees them end.
    fn process_group_of_its_own(&mut self) -> &mut Command {
        std::os::unix::process::CommandExt::process_group(self, 0)
    }
}

async fn migrate(pool: &PgPool, scripts: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    sqlx::migrate::Migrator::new(root.join("migrations")).await.unwrap().run(pool).await.unwrap();
    pgmq::install::install_sql_from_embedded(pool).await.unwrap();
    sqlx::query("SELECT pgmq.create('background_jobs')").execute(pool).await.unwrap();
    let mut files: Vec<_> =
        std::fs::read_dir(root.join("sql").join(scripts)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let script = std::fs::read_to_string(&file).unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(pool).await.unwrap_or_else(|e| panic!("{file:?}: {e}"));
    }
}

/// A database on stock PostgreSQL.
pub(crate) async fn stock() -> PgPool {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    static TEMPLATE: Mutex<bool> = Mutex::const_new(false);
    let cluster = CLUSTER.get_or_init(|| Cluster::start(&[])).await;
    cluster.database("native", &TEMPLATE).await
}

#[expect(clippy::print_stdout, reason = "a test that is skipped says why")]
/// A database with TimescaleDB; none, with the reason printed, where it is not installed.
pub(crate) async fn timescaledb() -> Option<PgPool> {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    static TEMPLATE: Mutex<bool> = Mutex::const_new(false);
    let major = newest().major;
    if !Path::new(&format!("/usr/share/postgresql/{major}/extension/timescaledb.control")).exists() {
        println!("skipped: TimescaleDB is not installed for PostgreSQL {major}");
        return None;
    }
    let options = [
        "-c",
        "shared_preload_libraries=timescaledb",
        "-c",
        "timescaledb.telemetry_level=off",
        "-c",
        // Its scheduler would hold on to the template; what it schedules is not tested here.
        "timescaledb.max_background_workers=0",
    ];
    let cluster = CLUSTER.get_or_init(|| Cluster::start(&options)).await;
    Some(cluster.database("timescaledb", &TEMPLATE).await)
}
