//! When an attribute was last written, which a directory tells also of what the asker may not read.

use lapwing_core::types::FileTime;
use lapwing_proto::ad::metadata;

use super::{
    connection::{Connection, Entry, Scope, Search, SecurityParts},
    domain::RootDse,
    error::AdError,
};

/// [MS-ADTS] 3.1.1.1.9.
pub(super) const METADATA: &str = "replPropertyMetaData";

/// When this attribute of an object was last written, by the clock of the controller that took it; none if it never was, or
/// the directory does not tell this asker.
///
/// # Errors
/// As [`Connection::search`].
pub async fn last_written(
    connection: &mut Connection,
    root: &RootDse,
    object: &str,
    attribute: &str,
) -> Result<Option<FileTime>, AdError> {
    let Some(number) = number(connection, root, attribute).await? else { return Ok(None) };
    let entry = connection.read(object, &[METADATA]).await?;
    let write = entry.as_ref().and_then(|entry| metadata::last_write(entry.value(METADATA)?, number));
    Ok(write.map(|write| write.time))
}

/// The number by which a forest's metadata knows an attribute. [MS-ADTS] 3.1.1.2.6, `msDS-IntId`.
pub(super) async fn number(
    connection: &mut Connection,
    root: &RootDse,
    attribute: &str,
) -> Result<Option<u32>, AdError> {
    let search = Search {
        base: root.contexts.schema.as_str(),
        scope: Scope::OneLevel,
        filter: &format!("(lDAPDisplayName={attribute})"),
        attributes: &["msDS-IntId"],
        security: SecurityParts::None,
    };
    let found = connection.search(&search).await?;
    let number = |entry: &Entry| -> Option<i32> { entry.text("msDS-IntId")?.parse().ok() };
    // Written as a signed number, and its highest bit is set.
    Ok(found.iter().find_map(number).map(i32::cast_unsigned))
}
