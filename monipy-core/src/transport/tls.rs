//! Whom to trust. The system's authorities and the Mozilla list, plus a file of one's own; TLS
//! 1.2 at least; the host name is always verified unless the configuration says `insecure_tls`.

use once_cell::sync::OnceCell;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;

/// The system's authorities are read once per process.
static SYSTEM: OnceCell<Arc<RootCertStore>> = OnceCell::new();
/// The usual configuration is built once per process and shared: it holds the session cache too.
static SHARED: OnceCell<Arc<ClientConfig>> = OnceCell::new();

fn system_roots() -> Arc<RootCertStore> {
    SYSTEM
        .get_or_init(|| {
            let mut roots = RootCertStore::empty();
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            let native = rustls_native_certs::load_native_certs();
            for error in &native.errors {
                log::debug!(target: "monipy::transport", "a system certificate was skipped: {error}");
            }
            let (_, _) = roots.add_parsable_certificates(native.certs);
            Arc::new(roots)
        })
        .clone()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Builds the TLS side of a connection.
///
/// # Errors
/// A sentence that names the file when `ca_file` holds no certificate that can be read.
pub fn client_config(ca_file: Option<&Path>, insecure: bool) -> Result<Arc<ClientConfig>, String> {
    if insecure {
        log::warn!(target: "monipy::transport", "insecure_tls is set: the server's certificate is not checked, anybody on the way can listen");
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAnything(provider())))
            .with_no_client_auth();
        return Ok(Arc::new(config));
    }
    let Some(path) = ca_file else {
        return SHARED.get_or_try_init(|| build(system_roots())).cloned();
    };
    let mut roots = RootCertStore::clone(&system_roots());
    let mut added = 0;
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|e| format!("ca_file: {} cannot be read as PEM ({e})", path.display()))?;
    for certificate in certificates {
        let certificate =
            certificate.map_err(|e| format!("ca_file: {} holds something that is no PEM certificate ({e})", path.display()))?;
        roots.add(certificate).map_err(|e| format!("ca_file: a certificate of {} cannot be used ({e})", path.display()))?;
        added += 1;
    }
    if added == 0 {
        return Err(format!("ca_file: {} holds no certificate", path.display()));
    }
    build(Arc::new(roots))
}

fn build(roots: Arc<RootCertStore>) -> Result<Arc<ClientConfig>, String> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct AcceptAnything(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
