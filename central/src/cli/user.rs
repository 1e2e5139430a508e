use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Subcommand;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use process::configuration::nearest;
use protocol::id::Name;

use super::agent::now;
use super::table;
use crate::auth::{Plants, Principal, Role, password, secret, setup};
use crate::configuration::Configuration;
use crate::database::{Database, migrate};
use crate::plants;
use crate::users::{self, Change, NewUser, User, check_display_name, check_name};

/// As many as one command looks through.
const USERS_MAX: i64 = 10_000;

#[derive(Debug, clap::Args)]
pub(super) struct UserCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Let somebody log in
    Add(Add),
    /// Show every user
    List {
        #[arg(long)]
        json: bool,
    },
    /// Refuse a user, and end their sessions
    Disable { name: String },
    /// Accept a user again
    Enable { name: String },
    /// Give a user another password, and end their sessions
    Password {
        name: String,
        #[command(flatten)]
        password: PasswordFrom,
        #[arg(long)]
        json: bool,
    },
    /// Print a code that makes the first administrator on the web page
    SetupCode {
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// What they type to log in: small letters, digits, . _ @ -
    name: String,
    #[arg(long, value_enum)]
    role: Role,
    /// What they are called on the pages
    #[arg(long, default_value = "")]
    display_name: String,
    /// A plant they see; may be repeated [default: all, also those to come]
    #[arg(long)]
    plant: Vec<Name>,
    #[command(flatten)]
    password: PasswordFrom,
    #[arg(long)]
    json: bool,
}

/// Asked for on the terminal unless one of these is given.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct PasswordFrom {
    /// Read the password from the first line of a file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// Make a password and print it
    #[arg(long)]
    generate: bool,
}

impl UserCommand {
    pub(super) async fn run(self, configuration: &Configuration) -> anyhow::Result<ExitCode> {
        super::on_database(configuration, async |database| self.run_on(database).await).await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn run_on(self, database: &Database) -> anyhow::Result<()> {
        migrate::state(&database.pool).await?.require_current()?;
        match self.command {
            Command::Add(add) => add.run(database).await,
            Command::List { json } => list(database, json).await,
            Command::Disable { name } => set_enabled(database, &name, false).await,
            Command::Enable { name } => set_enabled(database, &name, true).await,
            Command::Password { name, password, json } => set_password(database, &name, password, json).await,
            Command::SetupCode { json } => setup_code(database, json).await,
        }
    }
}

impl Add {
    async fn run(self, database: &Database) -> anyhow::Result<()> {
        check_name(&self.name)?;
        check_display_name(&self.display_name)?;
        let plants = find_plants(database, &self.plant).await?;
        let chosen = self.password.read(&self.name).await?;
        let password_hash = hash(&chosen).await?;
        let user = NewUser { name: self.name, display_name: self.display_name, password_hash, role: self.role, plants };
        let id = users::store::create(&database.pool, now(), &Principal::of_account().actor(), &user).await?;
        if self.json {
            let (role, password) = (user.role, chosen.made());
            super::say(serde_json::json!({ "id": id, "name": user.name, "role": role, "password": password }));
            return Ok(());
        }
        super::say(format_args!("{} may log in as {}.", user.name, user.role.as_str()));
        chosen.say();
        Ok(())
    }
}

struct Password {
    text: String,
    generated: bool,
}

impl Password {
    /// The text, where nobody knows it yet.
    fn made(&self) -> Option<&str> {
        self.generated.then_some(self.text.as_str())
    }

    fn say(&self) {
        if let Some(text) = self.made() {
            super::say(format_args!("Password: {text}\nIt is not shown again."));
        }
    }
}

impl PasswordFrom {
    /// A password that fits the user.
    async fn read(self, name: &str) -> anyhow::Result<Password> {
        if self.generate {
            return Ok(Password { text: secret::readable(), generated: true });
        }
        // Held here rather than where it is read: it ends with an interrupted command too.
        let _silent = self.asks().then(Silent::start).transpose()?;
        let text = tokio::task::spawn_blocking(move || self.read_blocking()).await??;
        password::check(&text, name)?;
        Ok(Password { text, generated: false })
    }

    /// Whether it is asked for on the terminal.
    fn asks(&self) -> bool {
        self.password_file.is_none() && !self.password_stdin
    }

    fn read_blocking(self) -> anyhow::Result<String> {
        if let Some(file) = self.password_file {
            let text = std::fs::read_to_string(&file);
            return Ok(first_line(&text.with_context(|| format!("cannot read {}", file.display()))?));
        }
        if self.password_stdin {
            let mut text = String::new();
            std::io::stdin().take(4_096).read_to_string(&mut text)?;
            return Ok(first_line(&text));
        }
        let password = ask("New password: ")?;
        ensure!(ask("The same again: ")? == password, "the two passwords differ");
        Ok(password)
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// A terminal that does not show what is typed.
struct Silent {
    before: Termios,
}

impl Silent {
    fn start() -> anyhow::Result<Silent> {
        let terminal = std::io::stdin();
        ensure!(
            terminal.is_terminal(),
            "there is no terminal to ask for the password on: use --password-file, --password-stdin or --generate"
        );
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(&terminal, SetArg::TCSANOW, &silent)?;
        Ok(Silent { before })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.before);
    }
}

#[expect(clippy::print_stderr, reason = "a command line prints; standard output may be a file")]
fn ask(question: &str) -> anyhow::Result<String> {
    eprint!("{question}");
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    eprintln!();
    read?;
    Ok(first_line(&line))
}

async fn hash(password: &Password) -> anyhow::Result<String> {
    let text = password.text.clone();
    tokio::task::spawn_blocking(move || password::hash(&text)).await?.context("the password could not be hashed")
}

/// The plants of these names; all where none is named.
pub(super) async fn find_plants(database: &Database, names: &[Name]) -> anyhow::Result<Plants> {
    if names.is_empty() {
        return Ok(Plants::All);
    }
    let known = plants::store::plants(&database.reader).await?;
    let mut ids = Vec::new();
    for name in names {
        let Some(plant) = known.iter().find(|plant| plant.name == **name) else {
            let near = nearest(name, known.iter().map(|plant| plant.name.as_str()));
            let near = near.map(|near| format!("; did you mean {near}?"));
            bail!("there is no plant {name}{}", near.unwrap_or_default());
        };
        ids.push(plant.id);
    }
    Ok(Plants::Only(ids.into()))
}

/// Names of the plants with these ids.
pub(super) fn plant_names(known: &[plants::store::Plant], all: bool, ids: &[i32]) -> String {
    if all {
        return "all".to_owned();
    }
    let names: Vec<&str> = known.iter().filter(|it| ids.contains(&it.id)).map(|it| it.name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

async fn all(database: &Database) -> anyhow::Result<Vec<User>> {
    Ok(users::store::users(&database.reader, users::store::Filter::default(), USERS_MAX, now()).await?)
}

async fn find(database: &Database, name: &str) -> anyhow::Result<User> {
    let known = all(database).await?;
    if let Some(user) = known.iter().find(|user| user.name == name) {
        return Ok(user.clone());
    }
    let near = nearest(name, known.iter().map(|user| user.name.as_str())).map(|near| format!("; did you mean {near}?"));
    bail!("there is no user {name}{}", near.unwrap_or_default())
}

async fn list(database: &Database, json: bool) -> anyhow::Result<()> {
    let users = all(database).await?;
    if json {
        super::say(serde_json::to_string_pretty(&users)?);
        return Ok(());
    }
    let known = plants::store::plants(&database.reader).await?;
    let head = ["NAME", "ROLE", "STATE", "PLANTS", "LAST LOG-IN", "SESSIONS", "CALLED"].map(str::to_owned);
    let row = |user: &User| {
        [
            user.name.clone(),
            user.role.as_str().to_owned(),
            if user.enabled { "enabled" } else { "disabled" }.to_owned(),
            plant_names(&known, user.all_plants, &user.plants),
            user.last_login_at.map_or_else(|| "never".to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string()),
            user.sessions.to_string(),
            user.display_name.clone(),
        ]
    };
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(users.iter().map(row)).collect();
    table::say(&rows);
    Ok(())
}

async fn set_enabled(database: &Database, name: &str, enabled: bool) -> anyhow::Result<()> {
    let user = find(database, name).await?;
    let word = if enabled { "enabled" } else { "disabled" };
    if user.enabled == enabled {
        super::say(format_args!("{name} was {word} already."));
        return Ok(());
    }
    let change = Change { enabled: Some(enabled), ..Change::default() };
    users::store::change(&database.pool, now(), &Principal::of_account().actor(), user.id, &change).await?;
    super::say(format_args!("{name} is {word}."));
    Ok(())
}

async fn set_password(database: &Database, name: &str, from: PasswordFrom, json: bool) -> anyhow::Result<()> {
    let user = find(database, name).await?;
    let chosen = from.read(name).await?;
    let change = Change { password_hash: Some(hash(&chosen).await?), ..Change::default() };
    users::store::change(&database.pool, now(), &Principal::of_account().actor(), user.id, &change).await?;
    if json {
        super::say(serde_json::json!({ "id": user.id, "name": name, "password": chosen.made() }));
        return Ok(());
    }
    super::say(format_args!("{name} has another password; their sessions have ended."));
    chosen.say();
    Ok(())
}

async fn setup_code(database: &Database, json: bool) -> anyhow::Result<()> {
    let Some(code) = setup::new_code(&database.pool, now(), &Principal::of_account().actor()).await? else {
        bail!("there are users already: central user add NAME --role administrator makes a further one");
    };
    if json {
        super::say(serde_json::json!({ "code": code }));
    } else {
        super::say(format_args!("{code}\n\nMakes the first administrator on the web page, once, within a day."));
    }
    Ok(())
}
