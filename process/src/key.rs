//! A process's key, and how its peer knows it: by the SHA-256 of its public key, not by names, dates or authorities.
//!
//! The key is made once and kept in a file that only its owner may read. The certificate around it is self-signed and
//! only carries it; it may be made anew at every start.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use protocol::enrolment::KeyFingerprint;
use rustls::server::ParsedCertificate;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A key and the self-signed certificate that carries it.
#[derive(Debug)]
pub struct KeyAndCertificate {
    pub certificate: CertificateDer<'static>,
    pub key: PrivateKeyDer<'static>,
    pub fingerprint: KeyFingerprint,
}

impl Clone for KeyAndCertificate {
    fn clone(&self) -> KeyAndCertificate {
        KeyAndCertificate {
            certificate: self.certificate.clone(),
            key: self.key.clone_key(),
            fingerprint: self.fingerprint,
        }
    }
}

impl KeyAndCertificate {
    /// Reads the key in `file`, or makes one and writes it there, readable by its owner alone.
    pub fn read_or_make(file: &Path, common_name: &str) -> anyhow::Result<KeyAndCertificate> {
        let pem = match std::fs::read_to_string(file) {
            Ok(pem) => pem,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let pem = rcgen::KeyPair::generate().context("cannot make a key")?.serialize_pem();
                write_private(file, pem.as_bytes())
                    .with_context(|| format!("cannot write the new key to {}", file.display()))?;
                pem
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read the key in {}", file.display())),
        };
        KeyAndCertificate::from_pem(&pem, common_name)
            .with_context(|| format!("the key in {} cannot be used", file.display()))
    }

    pub fn from_pem(pem: &str, common_name: &str) -> anyhow::Result<KeyAndCertificate> {
        let pair = rcgen::KeyPair::from_pem(pem)?;
        let mut parameters = rcgen::CertificateParams::new(vec!["central".to_owned()])?;
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, common_name);
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(9999, 12, 31);
        let certificate = parameters.self_signed(&pair)?.der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
        let fingerprint = fingerprint(&certificate)?;
        Ok(KeyAndCertificate { certificate, key, fingerprint })
    }
}

/// Writes a file that only its owner may read: all of it or nothing of it, durably, replacing what was there.
///
/// It belongs to whom its folder belongs to, and a new folder to whom the one above does: what root sets up for a service
/// can be read by that service.
pub fn write_private(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.exists() {
        std::fs::create_dir_all(folder)?;
        belong_with(folder, folder.parent())?;
    }
    let mut new: PathBuf = file.to_path_buf();
    new.set_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut writer = options.open(&new)?;
    writer.write_all(content)?;
    writer.sync_all()?;
    belong_with(&new, Some(folder))?;
    std::fs::rename(&new, file)?;
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// Gives `path` the owner of `model`. Who is not root owns both already, or may not.
#[cfg(unix)]
fn belong_with(path: &Path, model: Option<&Path>) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let Some(model) = model.filter(|model| !model.as_os_str().is_empty()) else { return Ok(()) };
    let (own, wanted) = (std::fs::metadata(path)?, std::fs::metadata(model)?);
    if own.uid() == 0 && wanted.uid() != 0 {
        std::os::unix::fs::chown(path, Some(wanted.uid()), Some(wanted.gid()))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn belong_with(_path: &Path, _model: Option<&Path>) -> std::io::Result<()> {
    Ok(())
}

/// How a peer is known.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> anyhow::Result<KeyFingerprint> {
    let parsed = ParsedCertificate::try_from(certificate).context("the certificate cannot be read")?;
    let digest = provider_sha256(&parsed.subject_public_key_info());
    Ok(KeyFingerprint(digest))
}

fn provider_sha256(bytes: &[u8]) -> [u8; 32] {
    use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let suite = TLS13_AES_128_GCM_SHA256.tls13();
    let mut digest = [0; 32];
    if let Some(suite) = suite {
        digest.copy_from_slice(suite.common.hash_provider.hash(bytes).as_ref());
    }
    digest
}

/// The cryptography both programs use.
#[must_use]
pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_known_by_its_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("identity/key.pem");
        let made = KeyAndCertificate::read_or_make(&file, "a").unwrap();
        let read = KeyAndCertificate::read_or_make(&file, "b").unwrap();
        assert_eq!(made.fingerprint, read.fingerprint);
        assert_ne!(made.certificate, read.certificate, "the certificate only carries the key");
    }

    #[cfg(unix)]
    #[test]
    fn what_root_writes_for_a_service_belongs_to_the_service() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
        let folder = tempfile::tempdir().unwrap();
        if std::fs::metadata(folder.path()).unwrap().uid() != 0 {
            eprintln!("skipped: only root writes for others");
            return;
        }
        chown(folder.path(), Some(4_711), Some(4_712)).unwrap();
        let file = folder.path().join("identity/key.pem");
        write_private(&file, b"secret").unwrap();
        for path in [file.as_path(), file.parent().unwrap()] {
            let metadata = std::fs::metadata(path).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (4_711, 4_712), "{}", path.display());
        }
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
