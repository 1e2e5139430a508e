//! MQTT, 3.1.1 and 5: messages of brokers become readings, each exactly once.
//!
//! - **Who acknowledges**: the one task of a source that also reads ([`source`]), after the capture of the message is
//!   durable, in the order of receipt. Until then the broker keeps the message: the session is persistent.
//! - **Why a repetition is safe**: what was captured is recognised by the receipt that was committed with it; see
//!   [`deliveries`], which also says what that assumes of the broker.
//! - **What stops nothing**: a message that cannot be understood, or is too large, is written to [`poison`], counted and
//!   acknowledged. A broker that is away is tried again for ever.
//! - **What is lost, and said**: what the broker dropped with a session it forgot, as a
//!   [`Gap`](protocol::event::GapCause::BrokerSessionLost); what a publisher sent at quality of service 0 while the
//!   connection was down, which nobody knows of.
//!
//! Subscriptions are made at quality of service 1. 2 would change nothing: it, too, leaves it to the receiver to know what
//! it has stored.

use std::path::PathBuf;

use anyhow::Context as _;

use self::configuration::MqttSection;
use self::source::Source;
use super::SourceContext;
use crate::buffer::Buffer;

pub mod configuration;
pub mod deliveries;
pub mod mapping;
pub mod poison;
mod source;
pub mod sparkplug;
mod subscriptions;
pub mod topic;
mod wire;

/// Runs a source until `context.stopping`. Fails only when the buffer does.
pub async fn run(
    section: MqttSection,
    context: SourceContext,
    buffer: Buffer,
    data_dir: PathBuf,
) -> anyhow::Result<()> {
    let receipts = buffer.receipts(section.name.clone()).await;
    let receipts = receipts.with_context(|| format!("cannot read the receipts of {}", section.name))?;
    Source::new(section, context, receipts, data_dir).run().await;
    Ok(())
}

#[cfg(test)]
mod tests;
