//! Device registration, device tokens and the password upload, as Entra ID's registration service speaks them, with
//! the extension of `lapwing-server`. Sources: [MS-DVRE], [MS-DVRJ], [MS-OAPXBC], public clients; docs/protocol.md.

mod certificate;
mod discovery;
mod enrolment_token;
mod error;
mod join;
mod nonce;
mod renewal;
mod token;
mod transport_key;
mod upload;

pub use certificate::{
    ExtensionError, JOIN_TYPE_JOINED, OID_DEVICE_ID, OID_JOIN_NONCE, OID_JOIN_TYPE, OID_OBJECT_ID,
    OID_REGION, OID_TENANT_ID, guid_extension, parse_guid_extension,
};
pub use discovery::{
    Announcement, AnnouncementError, AuthenticationService, DeviceJoinService, DeviceManagementService,
    DeviceRegistrationService, Discovery, DiscoveryService, EXTENSION_VERSION, IdentityProviderService,
    KeyAnnouncement, KeyProvisioningService, LapwingService, ManagementService, NonceService,
    OAuth2Endpoints, PinnedKey, RECEIPT_ALGORITHM, SEAL_ALGORITHM, TenantInfo,
};
pub use enrolment_token::{ENROLMENT_SECRET_LEN, EnrolmentToken, EnrolmentTokenError};
pub use error::{
    DrsError, LapwingConflict, SUBCODE_MISSING_DEVICE, SUBCODE_SEAL_INVALID, SUBCODE_VERSION_MISMATCH,
};
pub use join::{
    CSR_SUBJECT, CertificateRequest, IssuedCertificate, JOIN_TYPE_JOIN, JoinAnswer, JoinAttributes,
    JoinRequest, JoiningUser, MembershipChange,
};
pub use nonce::{Nonce, NonceStatus};
pub use renewal::{CODE_CERTIFICATE_ENDED, CODE_RENEWAL_REQUIRED, RenewalAnswer, RenewalRequest};
pub use token::{
    BROKER_CLIENT_ID, ChallengeAnswer, DEVICE_TOKEN_GRANT, DeviceTokenAnswer, DeviceTokenClaims,
    JWT_BEARER_GRANT, SRV_CHALLENGE_GRANT, TokenError,
};
pub use transport_key::{RsaPublicBlob, RsaPublicBlobError};
pub use upload::{
    AnswerError, Condition, EntraUpload, HeldState, HeldVersion, LapwingUpload, SealedUpload, StateAnswer,
    StateMembers, StoreAnswer, StoredMembers, Upload, UploadError, UploadPassword,
};
