//! The web port's certificate, as an administrator has it from elsewhere; read again on SIGHUP, as after a renewal.
//!
//! (Agents know central by its key instead: see `sync::server`.)

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use process::key::provider;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// The certificate in use.
#[derive(Clone)]
pub struct Certificates {
    certificate_file: PathBuf,
    key_file: PathBuf,
    current: Arc<RwLock<Arc<ServerConfig>>>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").field("certificate_file", &self.certificate_file).finish_non_exhaustive()
    }
}

impl Certificates {
    pub fn read(certificate_file: &Path, key_file: &Path) -> anyhow::Result<Certificates> {
        let current = Arc::new(RwLock::new(Arc::new(configuration(certificate_file, key_file)?)));
        Ok(Certificates { certificate_file: certificate_file.to_owned(), key_file: key_file.to_owned(), current })
    }

    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Reads the files again whenever `asked` changes. Files that do not fit leave the certificate in use.
    pub async fn follow(self, mut asked: watch::Receiver<u64>, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                changed = asked.changed() => if changed.is_err() { break },
                () = stop.cancelled() => return Ok(()),
            }
            let (certificate_file, key_file) = (self.certificate_file.clone(), self.key_file.clone());
            match tokio::task::spawn_blocking(move || configuration(&certificate_file, &key_file)).await? {
                Ok(read) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
                    tracing::info!(file = %self.certificate_file.display(), "the web port has a new certificate");
                }
                Err(error) => tracing::error!("the web port keeps its certificate: {error:#}"),
            }
        }
        stop.cancelled().await;
        Ok(())
    }
}

fn configuration(certificate_file: &Path, key_file: &Path) -> anyhow::Result<ServerConfig> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate_file)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read web.tls_certificate_file {}", certificate_file.display()))?;
    anyhow::ensure!(!certificates.is_empty(), "{} has no certificate in PEM", certificate_file.display());
    let key = PrivateKeyDer::from_pem_file(key_file)
        .with_context(|| format!("cannot read web.tls_key_file {}", key_file.display()))?;
    let mut configuration = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .context("web.tls_certificate_file and web.tls_key_file do not fit each other")?;
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(configuration)
}
