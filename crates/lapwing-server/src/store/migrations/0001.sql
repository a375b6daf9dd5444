-- GUIDs are their 16 bytes in printed order, times FILETIME ticks, private keys and passwords only ever ciphertext.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE server_key (
    name    TEXT NOT NULL PRIMARY KEY,
    id      BLOB NOT NULL,
    public  BLOB NOT NULL,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
    id           BLOB NOT NULL PRIMARY KEY,
    object_id    BLOB NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    os           TEXT NOT NULL,
    os_version   TEXT NOT NULL,
    key_sha256   BLOB NOT NULL,
    enabled      INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created      INTEGER NOT NULL,
    deleted      INTEGER,
    in_force     BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX device_key ON device (key_sha256);

CREATE TABLE password (
    device        BLOB NOT NULL REFERENCES device (id),
    sequence      INTEGER NOT NULL,
    version       BLOB,
    sealed_sha256 BLOB,
    receipt       BLOB,
    account       TEXT NOT NULL,
    stored        INTEGER NOT NULL,
    expiry        INTEGER NOT NULL,
    wrapped_key   BLOB NOT NULL,
    ciphertext    BLOB NOT NULL,
    PRIMARY KEY (device, sequence)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX password_version ON password (device, version) WHERE version IS NOT NULL;

CREATE TABLE enrolment_token (
    id            BLOB NOT NULL PRIMARY KEY,
    secret_sha256 BLOB NOT NULL UNIQUE,
    description   TEXT NOT NULL,
    created       INTEGER NOT NULL,
    expires       INTEGER NOT NULL,
    uses_left     INTEGER NOT NULL CHECK (uses_left >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE client (
    id            BLOB NOT NULL PRIMARY KEY,
    secret_sha256 BLOB NOT NULL,
    display_name  TEXT NOT NULL,
    roles         TEXT NOT NULL,
    created       INTEGER NOT NULL,
    enabled       INTEGER NOT NULL CHECK (enabled IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    sequence INTEGER NOT NULL PRIMARY KEY,
    time     INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    activity TEXT NOT NULL,
    target   TEXT NOT NULL,
    success  INTEGER NOT NULL CHECK (success IN (0, 1)),
    detail   TEXT NOT NULL,
    hash     BLOB NOT NULL
) STRICT;

CREATE TRIGGER audit_is_append_only_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_is_append_only_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
