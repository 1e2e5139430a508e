//! A PostgreSQL of the tests' own: one cluster for each test process, a database for each test, made from a migrated
//! template. It stops when the test process ends, however it ends: a watching shell holds the other end of a pipe.
//!
//! A cluster that holds the template is made once for each build of `central`, behind a lock, and copied by every test
//! process: most of them run one test, which would otherwise spend its time on `initdb` and on migrations.

#![expect(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test program uses what it needs")]

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use central::agents::administration::Administration;
use central::api::Api;
use central::auth::access::Outside;
use central::auth::tokens::{self, NewToken};
use central::auth::{Access, Permission, Plants, Principal};
use central::configuration::{Configuration, DatabaseUrl};
use central::database::embedded::{Purpose, binaries};
use central::database::{Database, migrate};
use central::live::Hub;
use central::web::Reads;
use process::clock::Clock;
use tokio_util::sync::CancellationToken;

/// How long anything may take before a test gives up.
pub const DEADLINE: Duration = Duration::from_secs(30);

const START: &str = r#"
set -e
if [ -n "$FROM" ]; then
    cp -a "$FROM/data" "$DIR/data" 2>"$DIR/log"
else
    "$BIN/initdb" --pgdata "$DIR/data" --username central --auth trust --encoding UTF8 --locale C --no-sync >"$DIR/log" 2>&1
fi
"$BIN/postgres" -D "$DIR/data" -k "$DIR" -c listen_addresses= -c fsync=off -c max_connections=200 >>"$DIR/log" 2>&1 &
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

struct Cluster {
    folder: PathBuf,
    /// Its standard input keeps the cluster running.
    watch: Child,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

fn cluster() -> &'static Cluster {
    CLUSTER.get_or_init(|| start(Some(&template())))
}

/// The folder of a stopped cluster whose database `template` is migrated.
fn template() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_central"));
    let metadata = binary.metadata().unwrap();
    let mut hasher = DefaultHasher::new();
    (binary, metadata.len(), metadata.modified().unwrap()).hash(&mut hasher);
    let all = PathBuf::from(format!("/tmp/central-test-templates-{}", id("", "-u")));
    std::fs::create_dir_all(&all).unwrap();
    let place = all.join(format!("{:016x}", hasher.finish()));
    let lock = std::fs::File::options().create(true).append(true).open(place.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if !place.exists() {
        forget_old_templates(&all);
        let mut made = start(None);
        let url = |database: &str| url_in(&made.folder, database);
        // A runtime of its own: the test's is waiting for this.
        std::thread::scope(|scope| {
            let migrating = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    execute(&url("postgres"), "CREATE DATABASE template").await;
                    let template = open(&url("template")).await;
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

/// A cluster: a copy, or one that holds nothing and whose files stay when it stops.
fn start(from: Option<&Path>) -> Cluster {
    let folder = shared_folder().keep();
    let found = binaries::find(None, None, &folder).expect("PostgreSQL 15 to 18 on this computer");
    let mut command = if is_root() {
        std::os::unix::fs::chown(&folder, Some(id("postgres", "-u")), Some(id("postgres", "-g"))).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh", "-c", START]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", START]);
        command
    };
    command.env("BIN", &found.dir).env("DIR", &folder).env("FROM", from.unwrap_or(Path::new(""))).current_dir("/");
    let mut watch =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a shell");
    let mut line = String::new();
    BufReader::new(watch.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    assert_eq!(line, "ready\n", "PostgreSQL for the tests did not start: {}", log());
    Cluster { folder, watch }
}

/// Where a database of the tests' cluster is.
pub fn url(database: &str) -> String {
    url_in(&cluster().folder, database)
}

fn url_in(folder: &Path, database: &str) -> String {
    format!("postgresql://central@localhost/{database}?host={}", folder.display())
}

/// An empty database of its own.
pub async fn empty_database() -> String {
    let name = format!("empty_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::SeqCst));
    admin(&format!("CREATE DATABASE {name}")).await;
    url(&name)
}

/// A migrated database of its own.
pub async fn database() -> Database {
    let name = format!("test_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::SeqCst));
    admin(&format!("CREATE DATABASE {name} TEMPLATE template")).await;
    open(&url(&name)).await
}

pub async fn open(url: &str) -> Database {
    Database::open(&configuration(url), Purpose::Command, &CancellationToken::new()).await.unwrap()
}

pub fn configuration(url: &str) -> Configuration {
    let mut configuration = Configuration::default();
    configuration.database.url = Some(DatabaseUrl::new(url));
    configuration
}

/// What routes of agents' administration need.
pub fn administration(reads: Reads, database: &Database) -> Arc<Administration> {
    Arc::new(Administration {
        reads,
        pool: database.pool.clone(),
        central: protocol::enrolment::KeyFingerprint([7; 32]),
        address: "central.example:7443".to_owned(),
        future_tolerance: Duration::from_secs(300),
    })
}

/// What a test's routes stand on.
pub fn api(database: &Database, clock: Arc<dyn Clock>) -> Api {
    let reads = Reads { pool: database.reader.clone(), clock: clock.clone() };
    Api {
        access: access(database, clock.clone()),
        hub: Hub::new(clock, 1),
        administration: administration(reads.clone(), database),
        reads,
    }
}

/// The routes alone, as the web port has them.
pub fn router(api: Api) -> axum::Router {
    central::serve::router(api, Arc::new(AtomicBool::new(true)), Vec::new())
}

/// Who a test's router lets in.
pub fn access(database: &Database, clock: Arc<dyn Clock>) -> Access {
    Access::new(database.pool.clone(), database.reader.clone(), clock, Outside::default())
}

/// A new token for everything.
pub async fn token(access: &Access) -> String {
    let token =
        NewToken { name: "test".to_owned(), scopes: Permission::ALL.to_vec(), plants: Plants::All, expires_at: None };
    let actor = Principal::command("test");
    tokens::store::create(access.pool(), access.now(), &actor.actor(), &token).await.unwrap().1.text()
}

async fn admin(statement: &str) {
    execute(&url("postgres"), statement).await;
}

async fn execute(url: &str, statement: &str) {
    use sqlx::Connection as _;
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A folder that other accounts may pass through, with a short path.
pub fn shared_folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("central-test-").tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

pub fn is_root() -> bool {
    id("", "-u") == 0
}

fn id(user: &str, what: &str) -> u32 {
    let mut command = Command::new("id");
    command.arg(what);
    if !user.is_empty() {
        command.arg(user);
    }
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().parse().unwrap()
}

/// The built program on a data directory of its own, as this user or as an ordinary one. Whatever it left running is
/// killed in the end.
pub struct Program {
    pub folder: tempfile::TempDir,
    pub data_dir: PathBuf,
    ordinary: bool,
    binary: PathBuf,
}

impl Program {
    pub fn new(ordinary: bool) -> Program {
        let folder = shared_folder();
        let binary = folder.path().join("central");
        // By another process: a child that a test beside this one starts meanwhile would hold a file that we write open, and a
        // program that is open for writing cannot be run.
        assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_central")).arg(&binary).status().unwrap().success());
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        let ordinary = ordinary && is_root();
        if ordinary {
            std::os::unix::fs::chown(&data_dir, Some(id("nobody", "-u")), Some(id("nobody", "-g"))).unwrap();
        }
        Program { folder, data_dir, ordinary, binary }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = if self.ordinary {
            let mut command = Command::new("setpriv");
            command.arg(format!("--reuid={}", id("nobody", "-u"))).arg(format!("--regid={}", id("nobody", "-g")));
            command.arg("--clear-groups").arg(&self.binary);
            command
        } else {
            Command::new(&self.binary)
        };
        command.args(arguments).current_dir("/").env_remove("RUST_LOG").env_remove("CENTRAL_DATABASE_URL");
        command.env("CENTRAL_DATA_DIR", &self.data_dir).env("CENTRAL_WEB_LISTEN", "127.0.0.1:0");
        command.env("CENTRAL_AGENTS_LISTEN", "127.0.0.1:0").stdin(Stdio::null());
        command
    }

    /// Standard output, standard error, exit code.
    pub fn run(&self, arguments: &[&str]) -> (String, String, i32) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), output.status.code().unwrap_or(-1))
    }

    /// `central serve`, once it serves.
    pub fn serve(&self) -> Serving {
        let mut command = self.command(&["serve", "--log-format", "json"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let web = loop {
            let Some(line) = lines.next() else { panic!("central did not start: {said}") };
            let line = line.unwrap();
            let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if value["message"] == "central serves" {
                break value["web"].as_str().unwrap().to_owned();
            }
            said.push_str(&line);
            said.push('\n');
        };
        // Somebody has to read on, or a full pipe would stop the program.
        std::thread::spawn(move || lines.for_each(drop));
        Serving { child, web, token: None }
    }

    pub fn postmaster(&self) -> Option<i32> {
        let file = central::database::embedded::postmaster::PidFile::read(&self.cluster())?;
        central::database::embedded::postmaster::is_postmaster(file.pid, &self.cluster()).then_some(file.pid)
    }

    pub fn cluster(&self) -> PathBuf {
        self.data_dir.join("postgresql/data")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(pid) = self.postmaster() {
            signal(pid, "QUIT");
            let deadline = Instant::now() + DEADLINE;
            while self.postmaster().is_some() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        // With a long path they lie in a folder of /tmp.
        let _ = std::fs::remove_dir_all(central::database::embedded::cluster::Layout::under(&self.data_dir).sockets);
    }
}

pub struct Serving {
    pub child: Child,
    /// Address of the web port.
    pub web: String,
    /// What it is asked with.
    pub token: Option<String>,
}

impl Serving {
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and its exit code.
    pub fn stop(mut self) -> i32 {
        signal(i32::try_from(self.child.id()).unwrap(), "TERM");
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Status and body of an answer.
    pub fn get(&self, path: &str) -> (u16, String) {
        get(&self.web, path, self.token.as_deref()).unwrap()
    }

    /// Asks until the answer has this status.
    pub fn wait_for(&self, path: &str, status: u16) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match get(&self.web, path, self.token.as_deref()) {
                Ok((found, body)) if found == status => return body,
                other if Instant::now() > deadline => panic!("{path} never answered {status}: {other:?}"),
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: &str, path: &str, token: Option<&str>) -> std::io::Result<(u16, String)> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: central\r\n{token}Connection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok((status, body.to_owned()))
}

pub fn signal(pid: i32, name: &str) {
    let _ = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
}

pub fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
