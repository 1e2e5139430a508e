//! A PostgreSQL of the tests' own: one cluster of a kind for each test process, a database for each test, made from a
//! migrated template. It stops when the test process ends, however it ends: a watching shell holds the other end of a pipe.
//!
//! A cluster that holds the template is made once for each build of `central`, behind a lock, and copied by every test
//! process: most of them run one test, which would otherwise spend its time on `initdb` and on migrations.
//!
//! `TEST_SERVER=timescaledb` runs on TimescaleDB what runs on stock PostgreSQL otherwise.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use central::database::embedded::binaries::{self, Binaries};
use central::database::{Database, migrate};

use super::{id, is_root, open, shared_folder};

const START: &str = r#"
set -e
if [ -n "$FROM" ]; then
    cp -a "$FROM/data" "$DIR/data" 2>"$DIR/log"
else
    "$BIN/initdb" --pgdata "$DIR/data" --username central --auth trust --encoding UTF8 --locale C --no-sync >"$DIR/log" 2>&1
fi
"$BIN/postgres" -D "$DIR/data" -k "$DIR" -c listen_addresses= -c fsync=off -c max_connections=300 "$@" >>"$DIR/log" 2>&1 &
postgres=$!
until grep -q "^ready" "$DIR/data/postmaster.pid" 2>/dev/null; do kill -0 $postgres; sleep 0.05; done
echo ready
cat >/dev/null || true
kill -INT $postgres
wait $postgres || true
[ -n "$FROM" ] || exit 0
cd /
rm -rf "$DIR"
"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Server {
    Stock,
    TimescaleDb,
}

impl Server {
    pub fn asked_for() -> Server {
        match std::env::var("TEST_SERVER").as_deref() {
            Err(_) | Ok("stock") => Server::Stock,
            Ok("timescaledb") => Server::TimescaleDb,
            Ok(other) => panic!("TEST_SERVER is {other:?}: expected stock or timescaledb"),
        }
    }

    /// Whether this computer has it.
    pub fn is_installed(self) -> bool {
        let control =
            || format!("/usr/share/postgresql/{}/extension/timescaledb.control", installed(Path::new("")).major);
        self == Server::Stock || Path::new(&control()).exists()
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Server::Stock => &[],
            // Its scheduler would hold on to the template, and no test waits for it.
            Server::TimescaleDb => &[
                "-c",
                "shared_preload_libraries=timescaledb",
                "-c",
                "timescaledb.telemetry_level=off",
                "-c",
                "timescaledb.max_background_workers=0",
            ],
        }
    }
}

struct Cluster {
    folder: PathBuf,
    /// Its standard input keeps the cluster running.
    watch: Child,
}

fn cluster(server: Server) -> &'static Cluster {
    static STOCK: OnceLock<Cluster> = OnceLock::new();
    static TIMESCALEDB: OnceLock<Cluster> = OnceLock::new();
    let cluster = match server {
        Server::Stock => &STOCK,
        Server::TimescaleDb => &TIMESCALEDB,
    };
    cluster.get_or_init(|| start(server, Some(&template(server))))
}

/// The folder of a stopped cluster whose database `template` is migrated.
fn template(server: Server) -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_central"));
    let metadata = binary.metadata().unwrap();
    let mut hasher = DefaultHasher::new();
    (binary, metadata.len(), metadata.modified().unwrap(), server).hash(&mut hasher);
    let all = PathBuf::from(format!("/tmp/central-test-templates-{}", id("", "-u")));
    std::fs::create_dir_all(&all).unwrap();
    let place = all.join(format!("{:016x}", hasher.finish()));
    let lock = std::fs::File::options().create(true).append(true).open(place.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if !place.exists() {
        forget_old_templates(&all);
        let mut made = start(server, None);
        // A runtime of its own: the test's is waiting for this.
        std::thread::scope(|scope| {
            let migrating = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    execute(&made.url("postgres"), "CREATE DATABASE template").await.unwrap();
                    let template = open(&made.url("template")).await;
                    migrate::migrate(&template).await.unwrap();
                    template.close().await;
                });
            });
            migrating.join().expect("the template is migrated");
        });
        drop(made.watch.stdin.take());
        made.watch.wait().unwrap();
        std::fs::rename(&made.folder, &place).unwrap();
    }
    place
}

/// Those of builds from the day before and earlier.
fn forget_old_templates(all: &Path) {
    for entry in std::fs::read_dir(all).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|it| it.modified()).ok().and_then(|made| made.elapsed().ok());
        if age.is_some_and(|age| age > Duration::from_secs(24 * 3_600)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn installed(data_dir: &Path) -> Binaries {
    binaries::find(None, None, data_dir).expect("PostgreSQL 15 to 18 on this computer")
}

/// A cluster: a copy, or one that holds nothing and whose files stay when it stops.
fn start(server: Server, from: Option<&Path>) -> Cluster {
    let folder = shared_folder().keep();
    let mut command = if is_root() {
        std::os::unix::fs::chown(&folder, Some(id("postgres", "-u")), Some(id("postgres", "-g"))).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh", "-c", START, "sh"]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", START, "sh"]);
        command
    };
    command.args(server.options()).current_dir("/");
    command.env("BIN", installed(&folder).dir).env("DIR", &folder).env("FROM", from.unwrap_or(Path::new("")));
    let mut watch =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a shell");
    let mut line = String::new();
    BufReader::new(watch.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    assert_eq!(line, "ready\n", "PostgreSQL for the tests did not start: {}", log());
    Cluster { folder, watch }
}

impl Cluster {
    fn url(&self, database: &str) -> String {
        format!("postgresql://central@localhost/{database}?host={}", self.folder.display())
    }

    /// A database of its own, as `after` says, and where it is.
    async fn database(&self, after: &str) -> String {
        static DATABASES: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::SeqCst));
        let create = format!("CREATE DATABASE {name} {after}");
        // TimescaleDB's launcher connects to every database, and a template must be nobody's: ask until it is gone.
        for _ in 0..300 {
            match execute(&self.url("postgres"), &create).await {
                Ok(()) => return self.url(&name),
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55006") => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => panic!("{create}: {error}"),
            }
        }
        panic!("{create}: the template is in use");
    }
}

/// Where a database of the tests' cluster is.
pub fn url(database: &str) -> String {
    cluster(Server::asked_for()).url(database)
}

/// An empty database of its own.
pub async fn empty_database() -> String {
    cluster(Server::asked_for()).database("").await
}

/// A migrated database of its own on this server.
pub async fn database_on(server: Server) -> Database {
    open(&cluster(server).database("TEMPLATE template").await).await
}

async fn execute(url: &str, statement: &str) -> sqlx::Result<()> {
    use sqlx::Connection as _;
    let mut connection = sqlx::PgConnection::connect(url).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await?;
    connection.close().await
}
