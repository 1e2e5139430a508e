//! Those who are told: a mail server and a receiver of webhooks, programs of their own in another language.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;
use tempfile::TempDir;

use super::program::{Program, Ran, free_port};
use super::wait;

/// The Python of Debian, which has aiosmtpd as a package.
const PYTHON: &str = "/usr/bin/python3";

/// How a mail server wants to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    None,
    /// STARTTLS with a certificate for `localhost`, then a login.
    StarttlsAndLogin,
}

/// A running SMTP server. What it takes is in a file before it says so.
#[derive(Debug)]
pub struct MailServer {
    pub port: u16,
    security: Security,
    delay_ms: u64,
    program: Option<Program>,
    folder: TempDir,
}

impl MailServer {
    /// `delay_ms` passes between taking a mail and saying so.
    pub async fn start(security: Security, delay_ms: u64) -> anyhow::Result<MailServer> {
        let folder = tempfile::Builder::new().prefix("black-box-mail-").tempdir()?;
        std::fs::write(folder.path().join("server.py"), include_str!("mail_server.py"))?;
        std::fs::write(folder.path().join("password"), "correct horse")?;
        let mut server = MailServer { port: free_port()?, security, delay_ms, program: None, folder };
        if security == Security::StarttlsAndLogin {
            server.make_certificate()?;
        }
        server.resume().await?;
        Ok(server)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn make_certificate(&self) -> anyhow::Result<()> {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ]);
        openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl.arg("-keyout").arg(self.path("key.pem")).arg("-out").arg(self.path("certificate.pem"));
        Ran::of(&mut openssl)?.success().context("openssl req").map(drop)
    }

    /// The certificate that a client must trust.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.path("certificate.pem")
    }

    pub async fn resume(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(PYTHON);
        command.arg(self.path("server.py")).arg(self.port.to_string()).arg(self.path("mails"));
        command.arg(self.delay_ms.to_string());
        if self.security == Security::StarttlsAndLogin {
            command.arg(self.certificate()).arg(self.path("key.pem")).args(["central", "correct horse"]);
        }
        self.program = Some(Program::start("mail server", &mut command, &self.path("log"))?);
        listens(self.port, "the mail server (python3-aiosmtpd) to listen").await
    }

    pub fn kill(&mut self) {
        self.program = None;
    }

    /// The section of central.toml for it.
    #[must_use]
    pub fn section(&self) -> String {
        let port = self.port;
        let security = match self.security {
            Security::None => "tls = \"none\"\n".to_owned(),
            Security::StarttlsAndLogin => {
                format!("user = \"central\"\npassword_file = \"{}\"\n", self.path("password").display())
            }
        };
        format!("[mail]\nhost = \"localhost\"\nport = {port}\nfrom = \"Central <central@plant.test>\"\n{security}")
    }

    /// Every mail it took.
    pub fn mails(&self) -> anyhow::Result<Vec<Mail>> {
        lines(&self.path("mails"))?.iter().map(Mail::of).collect()
    }
}

/// A mail that was taken.
#[derive(Debug, Clone)]
pub struct Mail {
    pub to: String,
    pub tls: bool,
    pub message_id: String,
    pub in_reply_to: Option<String>,
    pub subject: String,
    /// All of it, as it came.
    pub text: String,
}

impl Mail {
    fn of(line: &Value) -> anyhow::Result<Mail> {
        let text = line["text"].as_str().context("a mail has a text")?.to_owned();
        let header = |name: &str| {
            let head = text.split("\r\n\r\n").next().unwrap_or_default();
            let found = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
            found.map(str::to_owned)
        };
        Ok(Mail {
            to: line["to"][0].as_str().context("a mail has a recipient")?.to_owned(),
            tls: line["tls"] == true,
            message_id: header("Message-ID").context("a mail has an id")?,
            in_reply_to: header("In-Reply-To"),
            subject: header("Subject").context("a mail has a subject")?,
            text,
        })
    }
}

/// A running receiver of webhooks.
#[derive(Debug)]
pub struct WebhookReceiver {
    pub port: u16,
    _program: Program,
    folder: TempDir,
}

impl WebhookReceiver {
    /// Answers with these statuses in turn, then always with the last. `STATUS:RETRY_AFTER` asks for patience.
    pub async fn start(secret: &str, answers: &[&str]) -> anyhow::Result<WebhookReceiver> {
        let folder = tempfile::Builder::new().prefix("black-box-webhook-").tempdir()?;
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("receiver.py"), include_str!("webhook_receiver.py"))?;
        std::fs::write(path("secret"), secret)?;
        let port = free_port()?;
        let mut command = Command::new(PYTHON);
        command.arg(path("receiver.py")).arg(port.to_string()).arg(path("requests")).arg(path("secret")).args(answers);
        let program = Program::start("receiver of webhooks", &mut command, &path("log"))?;
        listens(port, "the receiver of webhooks to listen").await?;
        Ok(WebhookReceiver { port, _program: program, folder })
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// Every request it got.
    pub fn requests(&self) -> anyhow::Result<Vec<Value>> {
        lines(&self.folder.path().join("requests"))
    }
}

async fn listens(port: u16, what: &str) -> anyhow::Result<()> {
    wait::until(what, async || Ok(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok())).await.map(drop)
}

fn lines(file: &Path) -> anyhow::Result<Vec<Value>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(file)?;
    text.lines().map(|line| serde_json::from_str(line).context("a whole line")).collect()
}
