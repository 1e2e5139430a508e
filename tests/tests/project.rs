//! What the project says of itself, held against what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Words between backticks in the first column of the tables.
fn named_dependencies(document: &str) -> BTreeSet<String> {
    let cells = document.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    cells.flat_map(|cell| cell.split('`').step_by(2)).filter(|word| is_crate_name(word)).map(str::to_owned).collect()
}

fn is_crate_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '@' | '/'))
}

/// Crates that a manifest names, without our own.
fn used_dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (key, value) in manifest {
        let Some(table) = value.as_table() else { continue };
        if key.ends_with("dependencies") {
            used.extend(table.keys().cloned());
        } else if key == "target" {
            used.extend(table.values().filter_map(toml::Value::as_table).flat_map(used_dependencies));
        }
    }
    used
}

#[test]
fn every_dependency_has_its_reason_and_every_reason_its_dependency() {
    let named = named_dependencies(&read("docs/dependencies.md"));
    let mut used = BTreeSet::new();
    for member in ["protocol", "protocol/fuzz", "process", "screens", "edge-agent", "central", "tests"] {
        let manifest: toml::Table = read(&format!("{member}/Cargo.toml")).parse().unwrap();
        used.extend(used_dependencies(&manifest));
    }
    for workspace in [".", "screens", "central/dashboard", "edge-agent/station-page", "tests/browser"] {
        let manifest: serde_json::Value =
            serde_json::from_str(&read(&format!("{workspace}/package.json"))).expect("package.json is JSON");
        for section in ["dependencies", "devDependencies"] {
            used.extend(manifest[section].as_object().into_iter().flat_map(|section| section.keys().cloned()));
        }
    }
    for own in ["protocol", "process", "screens", "edge-agent", "central"] {
        used.remove(own);
    }
    let renamed = BTreeSet::from(["rumqttc-v4-next".to_owned(), "rumqttc-v5-next".to_owned()]);
    let without_reason: Vec<&String> = used.difference(&named).collect();
    let without_use: Vec<&String> = named.difference(&used).filter(|name| !renamed.contains(*name)).collect();
    assert!(without_reason.is_empty(), "add a line to docs/dependencies.md for {without_reason:?}");
    assert!(without_use.is_empty(), "docs/dependencies.md speaks of what is not used: {without_use:?}");
}

#[test]
fn every_variable_of_the_compose_file_is_explained_and_every_explained_one_used() {
    let compose = read("docker-compose.yml");
    let used: BTreeSet<&str> = compose
        .split("${")
        .skip(1)
        .filter_map(|rest| rest.split(['}', ':']).next())
        .filter(|name| !name.is_empty())
        .collect();
    let example = read(".env.example");
    let mut explained: BTreeMap<&str, bool> = BTreeMap::new();
    let mut comment = false;
    for line in example.lines() {
        if let Some((name, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            explained.insert(name, comment);
        } else {
            // One comment may explain several variables that follow it.
            comment = line.starts_with('#') || (comment && !line.is_empty());
        }
    }
    let names: BTreeSet<&str> = explained.keys().copied().collect();
    assert_eq!(used, names);
    let bare: Vec<&&str> = explained.iter().filter(|(_, commented)| !**commented).map(|(name, _)| name).collect();
    assert!(bare.is_empty(), "no comment above {bare:?}");
}

#[test]
fn the_agent_of_the_simulated_plant_is_configured_right() {
    let file = root().join("deploy/plant/edge-agent.toml");
    if let Err(error) = process::configuration::read::<edge_agent::configuration::Configuration>(&file) {
        panic!("{error}");
    }
}

#[test]
fn systemd_accepts_the_units() {
    for (unit, program) in [("edge-agent", "edge-agent"), ("central", "central"), ("central-worker", "central")] {
        let text = read(&format!("deploy/systemd/{unit}.service"));
        for expected in ["Type=notify", "WatchdogSec=", "ProtectSystem=strict", "NoNewPrivileges=yes"] {
            assert!(text.contains(expected), "{unit}: {expected}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(format!("{unit}.service"));
        // The programs need not be installed where the units are checked.
        std::fs::write(&file, text.replace(&format!("/usr/bin/{program}"), "/bin/true")).unwrap();
        let Ok(checked) = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output() else {
            eprintln!("skipped: systemd-analyze is not here");
            return;
        };
        let said = String::from_utf8_lossy(&checked.stderr);
        let ours: Vec<&str> = said.lines().filter(|line| line.contains(&format!("{unit}.service"))).collect();
        assert!(ours.is_empty(), "{ours:?}");
    }
}

#[test]
fn every_relative_link_in_the_documents_leads_somewhere() {
    let documents = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut followed = 0;
    let documents = documents.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    for document in documents.chain([root().join("README.md")]) {
        let text = std::fs::read_to_string(&document).unwrap();
        let folder = document.parent().unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            assert!(folder.join(path).exists(), "{}: {target}", document.display());
            followed += 1;
        }
    }
    assert!(followed > 0);
}

#[test]
fn nothing_is_named_after_nothing_in_particular() {
    let listed = Command::new("git").args(["ls-files"]).current_dir(root()).output();
    let Some(listed) = listed.ok().filter(|listed| listed.status.success()) else {
        eprintln!("skipped: this is no git checkout");
        return;
    };
    let files = String::from_utf8(listed.stdout).unwrap();
    let vague = ["util", "utils", "common", "helper", "helpers", "manager", "misc"];
    let found: Vec<&str> = files
        .lines()
        .filter(|file| {
            Path::new(file)
                .iter()
                .any(|part| vague.contains(&part.to_string_lossy().split('.').next().unwrap_or_default()))
        })
        .collect();
    assert!(found.is_empty(), "{found:?}");
}
