//! Notices that a policy file may say something else.

use lapwing_client::identity::Root;
use tokio::sync::mpsc;

use super::local;
use crate::{run::News, watched_file::follow};

/// Tells of changes for ever; of none on a host that cannot watch folders.
pub(crate) async fn watch(root: Root, news: mpsc::Sender<News>) {
    let tell = || News::PolicyChanged;
    let (local, csp) = (local::path(&root), root.csp());
    let Err(error) = tokio::try_join!(follow(&local, &news, tell), follow(&csp, &news, tell));
    tracing::info!(%error, "Changes of the policy files are not noticed; the schedule and a reload are left");
    core::future::pending().await
}
