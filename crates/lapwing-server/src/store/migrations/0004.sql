-- LAPS policies: every version, whom they are for, and what each device was last told.

CREATE TABLE policy (
    id      BLOB NOT NULL PRIMARY KEY,
    -- The number of the newest version.
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    deleted INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE policy_version (
    policy   BLOB NOT NULL REFERENCES policy (id),
    number   INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    name     TEXT NOT NULL,
    -- The policy as the settings catalog writes it, without ids and times, as it came in.
    document TEXT NOT NULL,
    -- What that comes to on a device: a JSON object of the CSP's leaves.
    leaves   TEXT NOT NULL,
    -- The version whose content came back.
    restores INTEGER,
    PRIMARY KEY (policy, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER policy_version_is_kept_update BEFORE UPDATE ON policy_version
BEGIN SELECT RAISE(ABORT, 'versions of policies are kept'); END;

CREATE TRIGGER policy_version_is_kept_delete BEFORE DELETE ON policy_version
BEGIN SELECT RAISE(ABORT, 'versions of policies are kept'); END;

CREATE TABLE device_group (
    id      BLOB NOT NULL PRIMARY KEY,
    name    TEXT NOT NULL,
    rule    TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE assignment (
    policy       BLOB NOT NULL REFERENCES policy (id),
    device_group BLOB NOT NULL REFERENCES device_group (id),
    PRIMARY KEY (policy, device_group)
) STRICT, WITHOUT ROWID;

CREATE INDEX assignment_group ON assignment (device_group);

CREATE TABLE device_tag (
    device BLOB NOT NULL REFERENCES device (id),
    tag    TEXT NOT NULL,
    PRIMARY KEY (device, tag)
) STRICT, WITHOUT ROWID;

-- The last policy that the device holds whole, by its own word.
CREATE TABLE device_policy (
    device BLOB NOT NULL PRIMARY KEY REFERENCES device (id),
    policy BLOB NOT NULL,
    number INTEGER NOT NULL,
    told   INTEGER NOT NULL,
    FOREIGN KEY (policy, number) REFERENCES policy_version (policy, number)
) STRICT, WITHOUT ROWID;
