//! What scenarios stand on. Everything here runs for real, on free ports and in temporary folders, and is stopped when its
//! handle is dropped, also when a test fails; then the tail of its log is shown.
//!
//! ```no_run
//! # async fn scenario() -> anyhow::Result<()> {
//! use black_box::harness::Site;
//! let site = Site::start().await?;
//! let agent = site.enrol("line-1", "[[machine]]\nname = \"filler-1\"\n").await?;
//! # let _ = agent; Ok(())
//! # }
//! ```

pub mod agent;
pub mod api;
pub mod binaries;
pub mod central;
pub mod fault_proxy;
pub mod faults;
pub mod mosquitto;
pub mod postgres;
pub mod program;
pub mod receivers;
pub mod recording;
pub mod seeds;
pub mod site;
pub mod truth;
pub mod wait;
pub mod worker;

pub use site::Site;
