//! `[mail]`.

use std::path::PathBuf;

use lettre::message::Mailbox;
use process::configuration::{KeyPath, Problems};
use serde::Deserialize;

/// Without a host no mail is sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailSection {
    pub host: Option<String>,
    /// Absent: the usual one of `tls`.
    pub port: Option<u16>,
    pub tls: MailTls,
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
    /// `Central <central@plant.example>`
    pub from: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// Begins in the clear and must become TLS before anything is said. Port 587.
    Starttls,
    /// TLS from the first byte. Port 465.
    Tls,
    /// In the clear. Port 25.
    None,
}

impl MailTls {
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            MailTls::Starttls => 587,
            MailTls::Tls => 465,
            MailTls::None => 25,
        }
    }
}

impl Default for MailSection {
    fn default() -> MailSection {
        MailSection { host: None, port: None, tls: MailTls::Starttls, user: None, password_file: None, from: None }
    }
}

impl MailSection {
    pub fn check(&self, at: &KeyPath, problems: &mut Problems) {
        match (&self.host, &self.from) {
            (Some(host), _) if host.is_empty() || host.contains(['/', ' ', ':', '@']) => {
                let text =
                    format!("{host:?} is not a host: expected a name such as mail.example; the port is its own key");
                problems.add(at.key("host"), text);
            }
            (Some(_), None) => problems.add(at.key("from"), "is missing: mails need a sender"),
            (None, Some(_)) => problems.add(at.key("host"), "is missing: without it no mail is sent"),
            _ => {}
        }
        if let Some(from) = &self.from
            && let Err(error) = from.parse::<Mailbox>()
        {
            let text = format!("{from:?} is not a sender ({error}): expected Central <central@plant.example>");
            problems.add(at.key("from"), text);
        }
        match (&self.user, &self.password_file) {
            (Some(_), None) => problems.add(at.key("password_file"), "is missing: a user has a password"),
            (None, Some(_)) => problems.add(at.key("user"), "is missing: a password is somebody's"),
            (Some(_), Some(_)) if self.tls == MailTls::None => {
                problems.add(at.key("tls"), "is none: a password is not sent in the clear");
            }
            _ => {}
        }
    }
}
