//! Who may look at the demo: three people with passwords that everybody may know, and the demo itself with a token.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::harness::binaries;

/// Name, role, what they are called, password. For the demo only.
pub(super) const PEOPLE: [(&str, &str, &str, &str); 3] = [
    ("manager", "manager", "Maria Manager", "demo-manager"),
    ("lead", "shift_lead", "Leo Lead", "demo-shift-lead"),
    ("admin", "administrator", "Ada Admin", "demo-administrator"),
];

/// Lets them in, unless an earlier run has; the demo's own token.
pub(super) async fn let_in_once(central: &[(&'static str, String)], data: &Path) -> anyhow::Result<String> {
    let file = data.join("api-token");
    if !file.exists() {
        let known = command(central, &["user", "list", "--json"], "").await?;
        for (name, role, display_name, password) in PEOPLE {
            if known.as_array().is_some_and(|known| known.iter().any(|user| user["name"] == name)) {
                continue;
            }
            let arguments = ["user", "add", name, "--role", role, "--display-name", display_name];
            command(central, &[&arguments[..], &["--password-stdin", "--json"]].concat(), password).await?;
        }
        // One of an earlier run that ended in between is known to nobody.
        let known = command(central, &["token", "list", "--json"], "").await?;
        let known = known.as_array().map_or(0, Vec::len);
        let name = format!("demo-{}", known + 1);
        let arguments = ["token", "add", &name, "--scope", "read", "--scope", "master_data:write", "--json"];
        let made = command(central, &arguments, "").await?;
        std::fs::write(&file, made["secret"].as_str().context("a token has a secret")?)?;
    }
    Ok(std::fs::read_to_string(&file)?)
}

/// Runs `central …` and gives what it says as JSON.
async fn command(central: &[(&'static str, String)], arguments: &[&str], input: &str) -> anyhow::Result<Value> {
    let mut child = tokio::process::Command::new(binaries::built("central")?)
        .args(arguments)
        .envs(central.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().context("a command has an input")?;
    if !input.is_empty() {
        stdin.write_all(format!("{input}\n").as_bytes()).await?;
    }
    drop(stdin);
    let ran = child.wait_with_output().await?;
    ensure!(ran.status.success(), "central {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).with_context(|| format!("central {arguments:?} said no JSON"))
}
