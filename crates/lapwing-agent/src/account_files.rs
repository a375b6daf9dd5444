//! Notices that the host's account files have changed, whoever did it and by whatever tool.
//!
//! What has changed is not looked at, for this program may not read it: the root half compares.

use lapwing_client::identity::Root;
use tokio::sync::mpsc;

use crate::{run::News, watched_file::follow};

/// passwd(5), shadow(5), group(5), gshadow(5).
const FILES: [&str; 4] = ["etc/shadow", "etc/passwd", "etc/group", "etc/gshadow"];

/// Tells of changes for ever; of none on a host that cannot watch folders.
pub(crate) async fn watch(root: Root, news: mpsc::Sender<News>) {
    let tell = || News::AccountChanged;
    let [shadow, passwd, group, gshadow] = FILES.map(|file| root.path(file));
    let Err(error) = tokio::try_join!(
        follow(&shadow, &news, tell),
        follow(&passwd, &news, tell),
        follow(&group, &news, tell),
        follow(&gshadow, &news, tell)
    );
    tracing::warn!(%error, "Changes of the account files are not noticed; only the schedule is left");
    core::future::pending().await
}
