//! Logs go to standard error: text for a person, JSON lines for a collector. `RUST_LOG` sets what is said.
//!
//! A failure is logged once, with its whole chain, at the place that handles it. `error`: somebody must act.
//! `warn`: somebody should look. `info`: a state changed. Per-reading and per-event lines are `trace`. Never logged:
//! keys, secrets, passwords; what operators typed only at `debug`.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// Call once, first thing. `default_filter` holds where `RUST_LOG` is not set.
pub fn start(format: Format, default_filter: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_filter));
    let registry = tracing_subscriber::registry().with(filter);
    let to_stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    // A second call, as in tests that share a process, keeps the first subscriber.
    let _ = match format {
        Format::Text => {
            registry.with(to_stderr.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))).try_init()
        }
        Format::Json => registry.with(to_stderr.json().flatten_event(true)).try_init(),
    };
}
