//! What Entra ID writes into a device certificate: arcs under 1.2.840.113556.1.5.284.

use lapwing_core::types::Guid;

/// The device id, as a GUID.
pub const OID_DEVICE_ID: &[u64] = &[1, 2, 840, 113_556, 1, 5, 284, 2];
/// In the request, not in the certificate: the value of the nonce service.
pub const OID_JOIN_NONCE: &[u64] = &[1, 2, 840, 113_556, 1, 5, 284, 2, 1];
/// The object id of whoever joined the device, as a GUID.
pub const OID_OBJECT_ID: &[u64] = &[1, 2, 840, 113_556, 1, 5, 284, 3];
/// The tenant, as a GUID.
pub const OID_TENANT_ID: &[u64] = &[1, 2, 840, 113_556, 1, 5, 284, 5];
/// The kind of join, as text.
pub const OID_JOIN_TYPE: &[u64] = &[1, 2, 840, 113_556, 1, 5, 284, 7];
/// The tenant's region, as text.
pub const OID_REGION: &[u64] = &[1, 2, 840, 113_556, 1, 5, 284, 8];

/// The value of [`OID_JOIN_TYPE`] for a joined device; a registered one has `0`.
pub const JOIN_TYPE_JOINED: &str = "1";

/// Why an extension's value is not a GUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the extension does not hold a GUID: expected a DER OCTET STRING of 16 bytes")]
pub struct ExtensionError;

/// The value of a GUID extension: an OCTET STRING of the GUID's packet form.
#[must_use]
pub fn guid_extension(guid: Guid) -> Vec<u8> {
    [&[0x04, 0x10], &guid.to_bytes_le()[..]].concat()
}

/// Reads the value of a GUID extension; also with the length in its long form (`04 81 10`), as Entra ID sometimes
/// writes it.
///
/// # Errors
/// [`ExtensionError`] if it is anything else.
pub fn parse_guid_extension(value: &[u8]) -> Result<Guid, ExtensionError> {
    let bytes = match value {
        [0x04, 0x10, bytes @ ..] | [0x04, 0x81, 0x10, bytes @ ..] => bytes,
        _ => return Err(ExtensionError),
    };
    bytes.try_into().map(Guid::from_bytes_le).map_err(|_| ExtensionError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_length_are_read() {
        let guid: Guid = "f3531ec6-6330-4f8e-8d39-7a671fbac605".parse().unwrap();
        let short = guid_extension(guid);
        assert_eq!(parse_guid_extension(&short), Ok(guid));
        assert_eq!(parse_guid_extension(&[&[0x04, 0x81, 0x10], &short[2..]].concat()), Ok(guid));
        assert_eq!(parse_guid_extension(&short[..17]), Err(ExtensionError));
        assert_eq!(parse_guid_extension(b""), Err(ExtensionError));
    }
}
