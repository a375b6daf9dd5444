//! Every operation, in the order of the document.

use super::{
    Answers::{Bare, Nothing, Object, Of, Other},
    Auth::{Anyone, Certificate, Client, DeviceToken, EnrolmentToken},
    Body::{Empty, Form, Json, Maybe, Soap, SyncMl},
    Operation, Query,
};

macro_rules! operations {
    ($($method:ident $path:literal $auth:ident $body:expr => $answers:expr, $query:ident, [$($status:literal),*], $summary:literal;)+) => {
        &[$(Operation {
            method: stringify!($method),
            path: $path,
            auth: $auth,
            body: $body,
            answers: $answers,
            query: Query::$query,
            also: &[$($status),*],
            summary: $summary,
        }),+]
    };
}

/// Those below both of Graph's roots, `v1.0` and `beta`.
pub(super) static GRAPH: &[Operation] = operations! {
    POST "/$batch" Client Json("Batch") => Of("BatchAnswer"), None, [], "Answers up to twenty readings at once";
    GET "/groups" Client Empty => Of("List"), List, [], "Lists groups of devices";
    POST "/groups" Client Json("Group") => Other(201, "Group"), None, [], "Makes a group";
    GET "/groups/{id}" Client Empty => Of("Group"), None, [], "Shows a group";
    GET "/groups/{id}/members" Client Empty => Of("List"), List, [], "Lists the devices of a group";
    DELETE "/groups/{id}" Client Empty => Nothing, None, [409], "Deletes a group that no policy is for";
    GET "/devices" Client Empty => Of("List"), List, [], "Lists devices";
    GET "/devices/{id}" Client Empty => Of("Entity"), None, [], "Shows a device by its object id";
    GET "/deviceManagement/managedDevices" Client Empty => Of("List"), List, [], "Lists the fleet";
    GET "/deviceManagement/managedDevices/{id}" Client Empty => Of("Entity"), None, [], "Shows a device and what it was asked to do";
    GET "/auditLogs/directoryAudits" Client Empty => Of("List"), List, [], "Lists the newest entries of the audit log";
    GET "/policies/deviceRegistrationPolicy" Client Empty => Of("Entity"), None, [], "Shows the tenant's switch";
    PUT "/policies/deviceRegistrationPolicy" Client Json("DeviceRegistrationPolicy") => Of("Entity"), None, [], "Replaces the tenant's switch";
    GET "/directory/deviceLocalCredentials" Client Empty => Of("List"), List, [], "Lists what is stored";
    GET "/directory/deviceLocalCredentials/$count" Client Empty => Other(200, "Text"), List, [], "Counts what is stored";
    GET "/directory/deviceLocalCredentials/{id}" Client Empty => Of("Entity"), Select, [], "Shows what is stored for a device, its passwords if selected";
    GET "/deviceLocalCredentials" Client Empty => Of("List"), List, [], "Lists what is stored";
    GET "/deviceLocalCredentials/$count" Client Empty => Other(200, "Text"), List, [], "Counts what is stored";
    GET "/deviceLocalCredentials/{id}" Client Empty => Of("Entity"), Select, [], "Shows what is stored for a device, its passwords if selected";
};

/// Those of Graph's root `beta` alone.
pub(super) static GRAPH_BETA: &[Operation] = operations! {
    POST "/deviceManagement/managedDevices/{id}/rotateLocalAdminPassword" Client Empty => Nothing, None, [409], "Asks a device to rotate its password now";
    GET "/deviceManagement/configurationPolicies" Client Empty => Of("List"), List, [], "Lists LAPS policies";
    POST "/deviceManagement/configurationPolicies" Client Json("ConfigurationPolicy") => Other(201, "Entity"), None, [], "Makes a LAPS policy";
    GET "/deviceManagement/configurationPolicies/{id}" Client Empty => Of("Entity"), Expand, [], "Shows a LAPS policy";
    PATCH "/deviceManagement/configurationPolicies/{id}" Client Json("ConfigurationPolicyChange") => Of("Entity"), None, [409], "Changes a LAPS policy";
    PUT "/deviceManagement/configurationPolicies/{id}" Client Json("ConfigurationPolicyChange") => Of("Entity"), None, [409], "Changes a LAPS policy";
    DELETE "/deviceManagement/configurationPolicies/{id}" Client Empty => Nothing, None, [], "Deletes a LAPS policy";
    GET "/deviceManagement/configurationPolicies/{id}/settings" Client Empty => Of("List"), None, [], "Lists what a LAPS policy sets";
    GET "/deviceManagement/configurationPolicies/{id}/assignments" Client Empty => Of("List"), None, [], "Lists the groups that a LAPS policy is for";
    POST "/deviceManagement/configurationPolicies/{id}/assign" Client Json("Assign") => Of("List"), None, [], "Says for which groups a LAPS policy is";
};

/// All others.
pub(super) static OTHERS: &[Operation] = operations! {
    GET "/" Anyone Empty => Other(200, "Text"), None, [], "Says what this is";
    GET "/openapi.json" Anyone Empty => Object, None, [], "Shows this document";
    GET "/{tenant}/Discover" Anyone Empty => Object, None, [], "Tells a device where to register";
    GET "/EnrollmentServer/nonce/{tenant}" Anyone Empty => Object, None, [], "Draws a nonce for a certificate request";
    POST "/EnrollmentServer/device" EnrolmentToken Json("Join") => Object, None, [], "Joins a device";
    DELETE "/EnrollmentServer/device/{device}" Certificate Empty => Bare, None, [], "Lets a device leave";
    GET "/EnrollmentServer/Discovery.svc" Anyone Empty => Bare, None, [], "Tells a Windows device that enrolment is here";
    POST "/EnrollmentServer/Discovery.svc" Anyone Soap => Other(200, "Soap"), None, [], "Tells a Windows device where to enrol";
    POST "/EnrollmentServer/Policy.svc" Anyone Soap => Other(200, "Soap"), None, [], "Tells a Windows device which certificate to ask for";
    POST "/EnrollmentServer/Enrollment.svc" Anyone Soap => Other(200, "Soap"), None, [], "Enrols a Windows device, by the enrolment token in the message";
    POST "/manage/{tenant}/lapsdevicepasswordupdate/{device}" DeviceToken Json("Upload") => Object, None, [409], "Stores a device's password";
    GET "/manage/{tenant}/lapsdevicepasswordupdate/{device}" DeviceToken Empty => Object, None, [], "Tells a device which version is stored";
    POST "/{tenant}/oauth2/token" Anyone Form("DeviceGrant") => Object, None, [401, 403], "Gives a device a nonce or a token";
    POST "/{tenant}/oauth2/v2.0/token" Anyone Form("ClientGrant") => Object, None, [401, 403], "Gives a client a token";
    GET "/{tenant}/v2.0/.well-known/openid-configuration" Anyone Empty => Object, None, [], "Tells where tokens and keys are";
    GET "/{tenant}/.well-known/openid-configuration" Anyone Empty => Object, None, [], "Tells where tokens and keys are";
    GET "/{tenant}/discovery/v2.0/keys" Anyone Empty => Object, None, [], "Shows the keys that tokens are signed with";
    POST "/lapwing/v1/{tenant}/manage" Certificate SyncMl => Other(200, "SyncMl"), None, [415], "Answers one message of a device's management session";
    POST "/lapwing/v1/{tenant}/manage/certificate" Certificate Json("Renewal") => Object, None, [], "Renews a device's certificate";
    POST "/lapwing/v1/{tenant}/manage/traces" Certificate Json("TraceUpload") => Nothing, None, [], "Tells what became of rotations";
    POST "/lapwing/v1/{tenant}/manage/policy" Certificate Json("PolicyReport") => Nothing, None, [], "Tells which policy is in effect on a device, and where each value comes from";
    GET "/lapwing/v1/{tenant}/wake" Certificate Empty => Other(101, "Text"), None, [], "Opens the connection over which a device is woken";
    POST "/lapwing/v1/{tenant}/enrolmentTokens" Client Json("EnrolmentTokenRequest") => Other(201, "EnrolmentTokenCreated"), None, [], "Makes an enrolment token";
    GET "/lapwing/v1/{tenant}/enrolmentTokens" Client Empty => Of("Values"), None, [], "Lists enrolment tokens";
    DELETE "/lapwing/v1/{tenant}/enrolmentTokens/{id}" Client Empty => Nothing, None, [], "Revokes an enrolment token";
    POST "/lapwing/v1/{tenant}/clients" Client Json("ClientRequest") => Other(201, "ClientCreated"), None, [], "Makes a client";
    GET "/lapwing/v1/{tenant}/clients" Client Empty => Of("Values"), None, [], "Lists clients";
    PATCH "/lapwing/v1/{tenant}/clients/{id}" Client Json("ClientPatch") => Of("ClientInfo"), None, [], "Changes a client";
    DELETE "/lapwing/v1/{tenant}/clients/{id}" Client Empty => Nothing, None, [], "Deletes a client";
    GET "/lapwing/v1/{tenant}/devices" Client Empty => Of("Values"), None, [], "Lists devices";
    PATCH "/lapwing/v1/{tenant}/devices/{id}" Client Json("DevicePatch") => Of("DeviceInfo"), None, [], "Lets a device in or keeps it out";
    DELETE "/lapwing/v1/{tenant}/devices/{id}" Client Empty => Nothing, None, [], "Deletes a device";
    GET "/lapwing/v1/{tenant}/devices/{id}/actions" Client Empty => Of("Values"), None, [], "Lists what a device was asked to do";
    DELETE "/lapwing/v1/{tenant}/devices/{id}/actions/{action}" Client Empty => Of("ActionInfo"), None, [409], "Cancels what no device has accepted";
    GET "/lapwing/v1/{tenant}/devices/{id}/tags" Client Empty => Of("DeviceTags"), None, [], "Shows the tags of a device";
    PUT "/lapwing/v1/{tenant}/devices/{id}/tags" Client Json("DeviceTags") => Of("DeviceTags"), None, [], "Replaces the tags of a device";
    GET "/lapwing/v1/{tenant}/devices/{id}/policy" Client Empty => Object, None, [], "Shows how a device stands to the LAPS policies";
    GET "/lapwing/v1/{tenant}/devices/{id}/traces" Client Empty => Of("Values"), None, [], "Lists the newest rotations of a device, step by step";
    GET "/lapwing/v1/{tenant}/traces/{id}" Client Empty => Object, None, [], "Shows a rotation, step by step";
    GET "/lapwing/v1/{tenant}/policies/{id}/devices" Client Empty => Object, None, [], "Shows how devices stand to a LAPS policy";
    GET "/lapwing/v1/{tenant}/policies/{id}/versions" Client Empty => Of("Values"), None, [], "Lists the versions of a LAPS policy";
    POST "/lapwing/v1/{tenant}/policies/{id}/restore" Client Json("PolicyRestore") => Object, None, [409], "Makes a version of what an earlier one says";
    POST "/lapwing/v1/{tenant}/policies/{id}/dryRun" Client Json("PolicyDryRun") => Object, None, [], "Tells for which devices a change makes a difference";
    GET "/lapwing/v1/{tenant}/policyConflicts" Client Empty => Object, None, [], "Lists the devices that several policies are for";
    POST "/lapwing/v1/{tenant}/rotations" Client Json("RotationRequest") => Other(201, "RotationInfo"), None, [200, 409], "Begins a bulk rotation, or tells what it would be for";
    GET "/lapwing/v1/{tenant}/rotations" Client Empty => Of("Values"), None, [], "Lists bulk rotations";
    GET "/lapwing/v1/{tenant}/rotations/{id}" Client Empty => Of("RotationInfo"), None, [], "Shows a bulk rotation";
    POST "/lapwing/v1/{tenant}/rotations/{id}/pause" Client Empty => Of("RotationInfo"), None, [409], "Pauses a bulk rotation";
    POST "/lapwing/v1/{tenant}/rotations/{id}/resume" Client Maybe("RotationResume") => Of("RotationInfo"), None, [409], "Lets a bulk rotation go on";
    POST "/lapwing/v1/{tenant}/rotations/{id}/cancel" Client Empty => Of("RotationInfo"), None, [409], "Cancels a bulk rotation";
    GET "/lapwing/v1/{tenant}/rotations/{id}/report" Client Empty => Of("Values"), Report, [], "Shows how each device of a bulk rotation stands";
    GET "/lapwing/v1/{tenant}/audit" Client Empty => Of("Values"), Audit, [], "Lists the audit log";
    GET "/lapwing/v1/{tenant}/audit/verify" Client Empty => Of("AuditVerification"), None, [], "Checks the chain of the audit log";
};
