-- The key of a certificate that a device has asked for and not used yet.

ALTER TABLE device ADD COLUMN next_key_sha256 BLOB;
