//! The smallest HTTPS client that keeps its connection: it shares the machine with the server that it measures, so
//! requests are bytes made beforehand, and of an answer only status, length and body are read.

use std::{io, net::SocketAddr, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName},
    },
};

/// A kept connection.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

/// Believes the one authority.
pub(crate) fn trust(authority: &[u8]) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.to_vec()))?;
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config).into())
}

/// The bytes of a request.
pub(crate) fn request(method: &str, path: &str, token: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

impl Connection {
    /// Connects and shakes hands.
    pub(crate) async fn open(address: SocketAddr, trust: &TlsConnector) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let stream = trust.connect(ServerName::from(address.ip()), stream).await?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request and returns the body of its answer, which must be a success.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.buffer.clear();
        loop {
            ensure!(
                self.stream.read_buf(&mut self.buffer).await? > 0,
                io::Error::from(io::ErrorKind::UnexpectedEof)
            );
            if let Some((status, start, end)) = extent(&self.buffer)?
                && self.buffer.len() >= end
            {
                let body = self.buffer.get(start..end).unwrap_or_default();
                ensure!(
                    matches!(status, "200" | "201"),
                    "the server answered {status}: {}",
                    String::from_utf8_lossy(body)
                );
                return Ok(body);
            }
        }
    }
}

/// Status, and where the body begins and ends, once the whole head is there.
fn extent(answer: &[u8]) -> Result<Option<(&str, usize, usize)>> {
    let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(answer.get(..head).unwrap_or_default())?;
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .context("the answer has no length")?
        .parse::<usize>()?;
    let status = text.split(' ').nth(1).context("the answer has no status")?;
    let start = head.saturating_add(4);
    Ok(Some((status, start, start.saturating_add(length))))
}
