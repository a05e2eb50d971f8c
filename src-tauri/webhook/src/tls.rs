//! TLS by rustls, with the roots this machine trusts and those a person adds.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// Bytes of a file with roots: all that a machine trusts are a quarter of it.
const MAX: u64 = 1 << 20;

/// What a connection is made with. Reads files.
pub(crate) fn config(home: &Path, ca: Option<&str>) -> Result<Arc<ClientConfig>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if let Some(named) = ca {
        let failed = |why: String| format!("failed to read the roots in {named}: {why}");
        let path = home.join(named);
        let size = std::fs::metadata(&path).map_err(|error| failed(error.to_string()))?;
        if !size.is_file() || size.len() > MAX {
            return Err(failed("it is no file, or larger than 1 MiB".to_owned()));
        }
        let certificates = CertificateDer::pem_file_iter(&path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| failed(error.to_string()))?;
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(failed("it has no certificate in PEM".to_owned()));
        }
    }
    if roots.is_empty() {
        let why = found.errors.first().map(ToString::to_string);
        let why = why.unwrap_or_else(|| "none were found".to_owned());
        return Err(format!("this machine trusts no root certificate: {why}"));
    }
    // Said, and not left to what some other crate may have installed.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be had: {error}"))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
