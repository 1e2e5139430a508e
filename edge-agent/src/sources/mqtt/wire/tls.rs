//! TLS to a broker: its certificate must come from the configured authority.

use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::sources::mqtt::configuration::TlsSection;

pub(super) async fn connect(
    section: &TlsSection,
    host: &str,
    stream: TcpStream,
) -> anyhow::Result<TlsStream<TcpStream>> {
    let section = section.clone();
    let name = section.server_name.clone().unwrap_or_else(|| host.to_owned());
    let configuration = tokio::task::spawn_blocking(move || configuration(&section)).await??;
    let name = ServerName::try_from(name.clone()).with_context(|| format!("{name:?} is no name for a TLS server"))?;
    let connector = TlsConnector::from(Arc::new(configuration));
    connector.connect(name, stream).await.context("TLS with the broker failed")
}

fn configuration(section: &TlsSection) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&section.ca_file)? {
        roots.add(certificate).with_context(|| format!("{} holds a wrong certificate", section.ca_file.display()))?;
    }
    let builder = ClientConfig::builder_with_provider(process::key::provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let (Some(certificate_file), Some(key_file)) = (&section.certificate_file, &section.key_file) else {
        return Ok(builder.with_no_client_auth());
    };
    let key = PrivateKeyDer::from_pem_file(key_file)
        .with_context(|| format!("cannot read the key in {}", key_file.display()))?;
    builder
        .with_client_auth_cert(certificates(certificate_file)?, key)
        .with_context(|| format!("{} and {} do not fit", certificate_file.display(), key_file.display()))
}

fn certificates(file: &std::path::Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let unreadable = || format!("cannot read the certificates in {}", file.display());
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .with_context(unreadable)?
        .collect::<Result<_, _>>()
        .with_context(unreadable)?;
    anyhow::ensure!(!found.is_empty(), "{} holds no certificate in PEM form", file.display());
    Ok(found)
}
