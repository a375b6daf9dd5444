//! Style, script and icon: parts of the program, named after their content, so that browsers may keep them for ever.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use lapwing_proto::hex;

use super::visit::Visit;
use crate::http::fault::Fault;

/// A file of the console.
pub(super) struct Asset {
    content: &'static str,
    media_type: &'static str,
    path: LazyLock<String>,
}

const FOLDER: &str = "/console/assets/";

macro_rules! asset {
    ($stem:literal, $extension:literal, $media_type:literal) => {
        Asset {
            content: include_str!(concat!("../../assets/", $stem, ".", $extension)),
            media_type: $media_type,
            path: LazyLock::new(|| {
                let content = include_str!(concat!("../../assets/", $stem, ".", $extension));
                let hash = digest(&SHA256, content.as_bytes());
                let start = hash.as_ref().get(..8).unwrap_or_default();
                format!("{FOLDER}{}-{}.{}", $stem, hex::encode(start), $extension)
            }),
        }
    };
}

pub(super) static STYLE: Asset = asset!("console", "css", "text/css; charset=utf-8");
pub(super) static SCRIPT: Asset = asset!("console", "js", "text/javascript; charset=utf-8");
pub(super) static ICON: Asset = asset!("lapwing", "svg", "image/svg+xml");

impl Asset {
    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

pub(super) async fn get(visit: Visit) -> Result<Response, Fault> {
    let asset = [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.path() == visit.path);
    let asset = asset.ok_or_else(|| Fault::not_found("There is no such file."))?;
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.content).into_response())
}
