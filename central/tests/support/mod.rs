//! What central's tests stand on: databases of their own, routes, tokens, the built program.

#![expect(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test program uses what it needs")]

pub mod cluster;
pub mod outage;

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use central::agents::administration::Administration;
use central::api::Api;
use central::auth::access::Outside;
use central::auth::tokens::{self, NewToken};
use central::auth::{Access, Permission, Plants, Principal};
use central::configuration::{Configuration, DatabaseUrl};
use central::database::Database;
use central::database::embedded::Purpose;
use central::live::Hub;
use central::web::Reads;
use process::clock::Clock;
use tokio_util::sync::CancellationToken;

/// How long anything may take before a test gives up.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A migrated database of its own, on the server that is asked for.
pub async fn database() -> Database {
    cluster::database_on(cluster::Server::asked_for()).await
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
        // By another process: a child that a test beside this one starts meanwhile would hold a file that we write
        // open, and a program that is open for writing cannot be run.
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
