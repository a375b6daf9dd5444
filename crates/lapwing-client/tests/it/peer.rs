//! A TLS server on 127.0.0.1 that does exactly what a test tells it.

use std::{future::Future, sync::Arc};

use lapwing_client::transport::{CertificateDer, HttpsUrl, Trust};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer,
        server::WebPkiClientVerifier,
    },
    server::TlsStream,
};

/// An authority and a server certificate that it issued.
pub(crate) struct Certified {
    pub(crate) authority: CertificateDer<'static>,
    config: Arc<ServerConfig>,
}

impl Certified {
    /// For `127.0.0.1`.
    pub(crate) fn new() -> Self {
        Self::issue(|_| {})
    }

    /// For `127.0.0.1`, with a change to the server's certificate.
    pub(crate) fn issue(change: impl FnOnce(&mut CertificateParams)) -> Self {
        Self::build(change, RootCertStore::empty())
    }

    /// For `127.0.0.1`, to clients with this certificate alone.
    pub(crate) fn for_client(certificate: CertificateDer<'static>) -> Self {
        let mut clients = RootCertStore::empty();
        clients.add(certificate).unwrap();
        Self::build(|_| {}, clients)
    }

    fn build(change: impl FnOnce(&mut CertificateParams), clients: RootCertStore) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_der = authority.self_signed(&authority_key).unwrap().der().clone();
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        change(&mut leaf);
        let leaf = leaf.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if clients.is_empty() {
            builder.with_no_client_auth()
        } else {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(clients), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        };
        let config = builder
            .with_single_cert(
                vec![leaf.der().clone(), authority_der.clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        Self { authority: authority_der, config: Arc::new(config) }
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::Authority(self.authority.clone())
    }

    /// Accepts one connection, agrees on TLS and runs `script` on it; a client that turns away ends it with `None`.
    pub(crate) async fn serve<F>(
        &self,
        script: impl FnOnce(Tls) -> F + Send + 'static,
    ) -> (HttpsUrl, JoinHandle<Option<F::Output>>)
    where
        F: Future<Output: Send + 'static> + Send,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        serve_plain(async move |stream| match acceptor.accept(stream).await {
            Ok(stream) => Some(script(stream).await),
            Err(_) => None,
        })
        .await
    }
}

impl Certified {
    /// As [`Self::serve`], for `count` connections one after another; the script is told which one it is.
    pub(crate) async fn serve_several<F>(
        &self,
        count: usize,
        script: impl Fn(usize, Tls) -> F + Send + Sync + 'static,
    ) -> (HttpsUrl, JoinHandle<()>)
    where
        F: Future<Output = ()> + Send,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let served = tokio::spawn(async move {
            for at in 0..count {
                let (stream, _) = listener.accept().await.unwrap();
                script(at, acceptor.accept(stream).await.unwrap()).await;
            }
        });
        (url, served)
    }
}

pub(crate) type Tls = TlsStream<TcpStream>;

/// Accepts one TCP connection and runs `script` on it.
pub(crate) async fn serve_plain<F>(
    script: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> (HttpsUrl, JoinHandle<F::Output>)
where
    F: Future<Output: Send + 'static> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap()).parse().unwrap();
    (url, tokio::spawn(async move { script(listener.accept().await.unwrap().0).await }))
}

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Reads one request; `None` if the client has ended the connection before it.
pub(crate) async fn read_request(stream: &mut Tls) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut body = bytes[end..].to_vec();
    let len = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |len| len.parse().unwrap());
    while body.len() < len {
        assert_ne!(stream.read_buf(&mut body).await.unwrap(), 0, "the client broke off");
    }
    Some(Received { head, body })
}

/// Sends an answer whole.
pub(crate) async fn answer(stream: &mut Tls, status: &str, headers: &str, body: &str) {
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// Ends the connection properly, and waits until the client has ended it too.
pub(crate) async fn close(mut stream: Tls) {
    // Both may fail because the client has gone already, which is what is waited for.
    drop(stream.shutdown().await);
    drop(stream.read_to_end(&mut Vec::new()).await);
}
