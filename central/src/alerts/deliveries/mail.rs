//! Mail over SMTP.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use uuid::Uuid;

use super::letter::Letter;
use super::{Answer, Refused, Way};
use crate::alerts::configuration::{MailSection, MailTls};
use crate::queue::attempt::Failure;

/// For each step of the conversation, and for all of it.
const STEP_WITHIN: Duration = Duration::from_secs(20);
const SEND_WITHIN: Duration = Duration::from_secs(60);

/// Sends mails through the configured server.
#[derive(Debug)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    server: String,
}

impl Mailer {
    /// None where no server is configured.
    pub fn of(section: &MailSection) -> anyhow::Result<Option<Mailer>> {
        let (Some(host), Some(from)) = (&section.host, &section.from) else { return Ok(None) };
        let port = section.port.unwrap_or(section.tls.port());
        let tls = match section.tls {
            MailTls::None => Tls::None,
            MailTls::Starttls => Tls::Required(TlsParameters::new(host.clone()).context("mail.tls")?),
            MailTls::Tls => Tls::Wrapper(TlsParameters::new(host.clone()).context("mail.tls")?),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .timeout(Some(STEP_WITHIN));
        if let (Some(user), Some(file)) = (&section.user, &section.password_file) {
            let password = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read mail.password_file {}", file.display()))?;
            transport = transport
                .credentials(Credentials::new(user.clone(), password.trim_end_matches(['\r', '\n']).to_owned()));
        }
        let from = from.parse().with_context(|| format!("mail.from: {from:?}"))?;
        Ok(Some(Mailer { transport: transport.build(), from, server: format!("{host}:{port}") }))
    }

    /// The same for the same delivery, however often it is sent.
    fn message_id(&self, delivery: Uuid) -> String {
        format!("<{delivery}@{}>", self.from.email.domain())
    }

    fn message(&self, letter: &Letter, at: SystemTime) -> anyhow::Result<Message> {
        let to: Mailbox = letter.address.parse().with_context(|| format!("{:?} is no mail address", letter.address))?;
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(letter.subject())
            .date(at)
            .message_id(Some(self.message_id(letter.delivery)))
            // No answers from holiday programs.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        if let Some(opening) = letter.opening.filter(|opening| *opening != letter.delivery) {
            let id = self.message_id(opening);
            message = message.in_reply_to(id.clone()).references(id);
        }
        Ok(message.multipart(MultiPart::alternative_plain_html(letter.plain(), letter.html()))?)
    }
}

/// Mails, as of now.
#[derive(Debug)]
pub struct ByMail<'m> {
    pub mailer: Option<&'m Mailer>,
    pub at: SystemTime,
}

impl Way for ByMail<'_> {
    async fn send(&self, letter: &Letter) -> Result<Answer, Refused> {
        let refused = |failure| Refused { answer: Answer::default(), failure };
        let Some(mailer) = self.mailer else {
            let error =
                anyhow!("no mail server is configured: central.toml needs a section [mail], also for `central worker`");
            return Err(refused(Failure::Fail(error)));
        };
        let message = mailer.message(letter, self.at).map_err(|error| refused(Failure::Fail(error)))?;
        let sent = tokio::time::timeout(SEND_WITHIN, mailer.transport.send(message)).await;
        let server = &mailer.server;
        match sent {
            Ok(Ok(response)) => {
                let text: Vec<&str> = response.message().collect();
                Ok(Answer {
                    status: response.code().to_string().parse().ok(),
                    text: Some(crate::queue::dead_letters::shortened(&text.join(" "))),
                })
            }
            Ok(Err(error)) => {
                let status = error.status().and_then(|code| code.to_string().parse().ok());
                let permanent = error.is_permanent();
                let error =
                    anyhow::Error::new(error).context(format!("the mail server {server} did not take the mail"));
                let failure = if permanent { Failure::Fail(error) } else { Failure::retry(error) };
                Err(Refused { answer: Answer { status, text: None }, failure })
            }
            Err(_) => Err(refused(Failure::retry(anyhow!(
                "the mail server {server} took longer than {} s",
                SEND_WITHIN.as_secs()
            )))),
        }
    }
}
