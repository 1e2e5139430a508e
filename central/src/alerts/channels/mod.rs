//! Who is told: mail addresses and webhooks, of a whole plant or of one line. A channel that is removed stays in the
//! table, because deliveries name it.

pub mod routes;
pub mod store;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    Email,
    Webhook,
}

impl ChannelKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ChannelKind::Email => "email",
            ChannelKind::Webhook => "webhook",
        }
    }

    #[must_use]
    pub fn named(word: &str) -> Option<ChannelKind> {
        [ChannelKind::Email, ChannelKind::Webhook].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A channel, without its secret.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Channel {
    pub id: i32,
    pub plant: String,
    /// Name of the line whose incidents it is told of; none: all of the plant.
    pub line: Option<String>,
    pub kind: ChannelKind,
    pub title: String,
    /// A mail address or a URL.
    pub address: String,
    pub enabled: bool,
    pub created_at: DateTime<Utc>,
    pub created_by: String,
}

/// What is wrong with an address.
pub fn check_address(kind: ChannelKind, address: &str, plain_http: bool) -> Result<(), String> {
    match kind {
        ChannelKind::Email => match address.parse::<lettre::Address>() {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{address:?} is no mail address: {error}")),
        },
        ChannelKind::Webhook => super::deliveries::webhook::check_address(address, plain_http).map(drop),
    }
}
