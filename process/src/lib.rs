//! How a program of this product starts, reads its configuration, tells the time, shows its key, logs and stops: the
//! same for the agent and for central, and nothing of what either of them is for.

pub mod backoff;
pub mod clock;
pub mod configuration;
pub mod key;
pub mod lifecycle;
pub mod logging;
