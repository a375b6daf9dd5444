//! Discovery and the nonce of a join.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use lapwing_proto::register::{
    AuthenticationService, DeviceJoinService, DeviceManagementService, DeviceRegistrationService, Discovery,
    DiscoveryService, EXTENSION_VERSION, IdentityProviderService, KeyAnnouncement, KeyProvisioningService,
    LapwingService, ManagementService, Nonce, NonceService, NonceStatus, OAuth2Endpoints, RECEIPT_ALGORITHM,
    SEAL_ALGORITHM, TenantInfo,
};

use super::check_tenant;
use crate::{
    app::App,
    http::{fault::Fault, request::Context},
    os,
};

/// Entra ID's least is 7 days; nothing here needs that.
const PASSWORD_AGE_DAYS_MIN: u32 = 1;

/// Any api-version is answered alike: a device reads what it knows.
pub(super) async fn discover(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
) -> Result<Json<Discovery>, Fault> {
    check_tenant(&app, &tenant)?;
    let (url, device_url, id) = (&app.url, &app.device_url, app.meta.tenant);
    let resource = app.origin.resource();
    let at = |path: &str| format!("{url}{path}");
    let version_1 = || "1.0".to_owned();
    Ok(Json(Discovery {
        discovery_service: Some(DiscoveryService {
            discovery_endpoint: format!("{url}/{id}/Discover"),
            service_version: version_1(),
        }),
        device_registration_service: Some(DeviceRegistrationService {
            registration_endpoint: at("/EnrollmentServer/DeviceEnrollmentWebService.svc"),
            registration_resource_id: resource.clone(),
            service_version: version_1(),
        }),
        authentication_service: AuthenticationService {
            oauth2: OAuth2Endpoints {
                auth_code_endpoint: format!("{url}/{id}/oauth2/authorize"),
                token_endpoint: format!("{url}/{id}/oauth2/token"),
            },
        },
        identity_provider_service: Some(IdentityProviderService {
            federated: false,
            passive_auth_endpoint: None,
        }),
        device_join_service: DeviceJoinService {
            // A device leaves there too, by its certificate. [MS-DVRJ] 3.2.
            join_endpoint: format!("{device_url}/EnrollmentServer/device/"),
            join_resource_id: resource.clone(),
            service_version: "2.0".to_owned(),
        },
        key_provisioning_service: Some(KeyProvisioningService {
            key_provision_endpoint: at("/EnrollmentServer/key/"),
            key_provision_resource_id: resource.clone(),
            service_version: version_1(),
        }),
        device_management_service: DeviceManagementService {
            device_management_endpoint: format!("{url}/manage/{id}/"),
            device_management_resource_id: resource.clone(),
            service_version: version_1(),
        },
        nonce_service: Some(NonceService {
            endpoint: format!("{url}/EnrollmentServer/nonce/{id}/"),
            resource_id: resource,
            service_version: version_1(),
        }),
        tenant_info: Some(TenantInfo {
            display_name: app.meta.tenant_name.clone(),
            tenant_id: id.to_string(),
            tenant_name: app.meta.tenant_name.clone(),
        }),
        lapwing_service: app.extension.then(|| LapwingService {
            version: EXTENSION_VERSION,
            minimum_password_age_days: PASSWORD_AGE_DAYS_MIN,
            seal_key: KeyAnnouncement::new(app.keys.seal.public(), SEAL_ALGORITHM),
            receipt_key: KeyAnnouncement::new(app.keys.receipt.public(), RECEIPT_ALGORITHM),
            management: Some(ManagementService {
                endpoint: app.management_url(),
                wake_up: format!("{device_url}/lapwing/v1/{id}/wake"),
            }),
        }),
    }))
}

pub(super) async fn nonce(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    Extension(context): Extension<Context>,
) -> Result<Json<Nonce>, Fault> {
    check_tenant(&app, &tenant)?;
    Ok(Json(Nonce {
        reponse_status: NonceStatus {
            message: String::new(),
            trace_id: context.request_id.to_string(),
            time: context.at.to_string(),
        },
        value: app.nonces.issue(context.at, &mut os::rng()),
    }))
}
