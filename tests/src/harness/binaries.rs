//! The programs under test: those built beside this one, in the same profile.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};

/// Path of `edge-agent` or `central`.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    let me = std::env::current_exe().context("cannot tell where this program is")?;
    let folder = me.parent().context("a program lies in a folder")?;
    // Tests lie in `deps`, the programs one above.
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    let path = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    ensure!(path.exists(), "{} is not built: run `cargo build --workspace` first, as `make test` does", path.display());
    Ok(path)
}
