-- The people of the console. Passwords, links and recovery codes are only ever hashes, authenticators' secrets ciphertext.

CREATE TABLE operator (
    name      TEXT NOT NULL PRIMARY KEY,
    roles     TEXT NOT NULL,
    created   INTEGER NOT NULL,
    enabled   INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    password  TEXT,
    totp      BLOB,
    -- The step of the last code that was taken: each is good once.
    totp_step INTEGER NOT NULL DEFAULT 0,
    CHECK ((password IS NULL) = (totp IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_code (
    operator TEXT NOT NULL REFERENCES operator (name) ON DELETE CASCADE,
    sha256   BLOB NOT NULL,
    PRIMARY KEY (operator, sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE passkey (
    id         BLOB NOT NULL PRIMARY KEY,
    operator   TEXT NOT NULL REFERENCES operator (name) ON DELETE CASCADE,
    label      TEXT NOT NULL,
    -- An uncompressed point of P-256, or an RSAPublicKey of 2048 bits.
    public_key BLOB NOT NULL,
    counter    INTEGER NOT NULL,
    created    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX passkey_operator ON passkey (operator);

CREATE TABLE sign_in_link (
    code_sha256 BLOB NOT NULL PRIMARY KEY,
    operator    TEXT NOT NULL UNIQUE REFERENCES operator (name) ON DELETE CASCADE,
    expires     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE operator_session (
    token_sha256  BLOB NOT NULL PRIMARY KEY,
    operator      TEXT NOT NULL REFERENCES operator (name) ON DELETE CASCADE,
    created       INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL,
    second_factor INTEGER,
    -- What a passkey was asked and has not answered.
    challenge     BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX operator_session_operator ON operator_session (operator);

-- Forms whose answer is shown once: what stands here was sent already.
CREATE TABLE spent_form (
    session BLOB NOT NULL REFERENCES operator_session (token_sha256) ON DELETE CASCADE,
    form    BLOB NOT NULL,
    PRIMARY KEY (session, form)
) STRICT, WITHOUT ROWID;

-- What lists of devices ask for, one narrow row for each that is not deleted, so that a page of many thousands costs a page.
-- Kept by triggers, so that nobody who writes a device or a password can forget it.

CREATE TABLE fleet (
    device  BLOB NOT NULL PRIMARY KEY REFERENCES device (id),
    name    TEXT NOT NULL COLLATE NOCASE,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    -- Both 0 while there is no password: a time before all others.
    stored  INTEGER NOT NULL DEFAULT 0,
    expiry  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

INSERT INTO fleet (device, name, enabled, stored, expiry)
SELECT d.id, d.display_name, d.enabled, coalesce(p.stored, 0), coalesce(p.expiry, 0)
FROM device d LEFT JOIN password p
    ON p.device = d.id AND p.sequence = (SELECT max(sequence) FROM password WHERE device = d.id)
WHERE d.deleted IS NULL;

CREATE INDEX fleet_name ON fleet (name, device, enabled, stored, expiry);
CREATE INDEX fleet_expiry ON fleet (expiry, device, enabled, name, stored);

CREATE TRIGGER fleet_of_new_device AFTER INSERT ON device WHEN new.deleted IS NULL
BEGIN
    INSERT INTO fleet (device, name, enabled) VALUES (new.id, new.display_name, new.enabled);
END;

CREATE TRIGGER fleet_of_changed_device AFTER UPDATE OF display_name, enabled ON device
BEGIN
    UPDATE fleet SET name = new.display_name, enabled = new.enabled WHERE device = new.id;
END;

CREATE TRIGGER fleet_of_deleted_device AFTER UPDATE OF deleted ON device WHEN new.deleted IS NOT NULL
BEGIN
    DELETE FROM fleet WHERE device = new.id;
END;

CREATE TRIGGER fleet_of_new_password AFTER INSERT ON password
BEGIN
    UPDATE fleet SET stored = new.stored, expiry = new.expiry WHERE device = new.device;
END;

CREATE TRIGGER fleet_of_moved_expiry AFTER UPDATE OF expiry ON password
WHEN new.sequence = (SELECT max(sequence) FROM password WHERE device = new.device)
BEGIN
    UPDATE fleet SET expiry = new.expiry WHERE device = new.device;
END;

-- What was done to one device, newest first.
CREATE INDEX audit_target ON audit (target, sequence);
