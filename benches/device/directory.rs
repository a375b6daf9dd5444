//! The part of a rotation that happens at the directory, as a device of the benchmark's own.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use lapwing_client::{
    cloud::{self, Material, NewDevice, Session, Store, StoreOutcome},
    identity::Identity,
    mdm::{Cause, Done, Work},
    transport::Limits,
};
use lapwing_core::{
    csp::{Reply, Status},
    types::{AccountName, Guid, PasswordVersion},
};
use lapwing_proto::register::{EnrolmentToken, ManagementService};

use crate::{management::session, os, seal::seal};

/// A device that exists for the benchmark alone.
pub(crate) struct Device {
    identity: Arc<Identity>,
    seal_key: [u8; 32],
    account: AccountName,
    held: Option<PasswordVersion>,
    management: ManagementService,
    sessions: u16,
}

impl Device {
    /// Joins with an enrolment token.
    pub(crate) async fn enrol(token: &str) -> Result<Self> {
        let token: EnrolmentToken = token.trim().parse()?;
        let new = NewDevice { display_name: "bench", os_version: "bench" };
        let enrolment = cloud::enrol(&token, new, None, Limits::default()).await?;
        let management = enrolment.announcement.management.context("the server manages no devices")?;
        Ok(Self {
            identity: Arc::new(enrolment.identity),
            seal_key: enrolment.announcement.seal_key.public_key,
            management,
            sessions: 0,
            account: "lapadmin".parse()?,
            held: None,
        })
    }

    /// A device token and one store over a fresh connection, sealed beforehand.
    pub(crate) async fn upload(&mut self) -> Result<Duration> {
        let members = seal(&self.identity.settings, &self.account, &self.seal_key, self.held)?;
        let version = members.version;
        let store = Store { account: &self.account, material: Material::Sealed(&members) };
        let begun = os::now();
        let mut stores = Session::open(Arc::clone(&self.identity), Limits::default()).await?;
        let outcome = stores.store(&store, Guid::random(&mut os::rng())).await;
        let time = begun.elapsed();
        ensure!(matches!(outcome, StoreOutcome::Stored(Some(_))), "the server did not store: {outcome:?}");
        self.held = Some(version);
        Ok(time)
    }

    /// A session with the management server that brings nothing to do, over a fresh connection.
    pub(crate) async fn empty_session(&mut self) -> Result<Duration> {
        self.sessions = self.sessions.wrapping_add(1);
        let mut asked = None;
        let perform = |work: &Work| {
            asked = Some(work.clone());
            Done::Single(Reply::status(Status::FAILED))
        };
        let (endpoint, cause) = (&self.management.endpoint, Cause::ClientInitiated);
        let begun = os::now();
        session(&self.identity, endpoint, self.sessions, cause, Vec::new(), perform).await?;
        let time = begun.elapsed();
        ensure!(asked.is_none(), "the server asks for {asked:?}");
        Ok(time)
    }
}
