-- Devices by name, as a filter of Graph asks for them.
CREATE INDEX device_name ON device (display_name COLLATE NOCASE) WHERE deleted IS NULL;

-- Rotations of many devices at once. Which devices, and which first, is fixed when one is made.

CREATE TABLE bulk_rotation (
    id              BLOB NOT NULL PRIMARY KEY,
    requested       INTEGER NOT NULL,
    requested_by    TEXT NOT NULL,
    devices         TEXT NOT NULL,
    per_minute      INTEGER NOT NULL,
    stop_at         INTEGER NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('running', 'paused', 'stopped', 'cancelled', 'finished')),
    since           INTEGER NOT NULL,
    -- Whether an operator has sent the others after the canaries.
    past_canaries   INTEGER NOT NULL DEFAULT 0 CHECK (past_canaries IN (0, 1)),
    -- What had ended and failed when an operator resumed it.
    ended_before    INTEGER NOT NULL DEFAULT 0,
    failures_before INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX bulk_rotation_requested ON bulk_rotation (requested);
CREATE INDEX bulk_rotation_open ON bulk_rotation (id) WHERE state IN ('running', 'paused', 'stopped');

CREATE TABLE bulk_rotation_device (
    rotation  BLOB NOT NULL REFERENCES bulk_rotation (id),
    -- Whoever has a lower place is asked earlier.
    place     INTEGER NOT NULL,
    device    BLOB NOT NULL REFERENCES device (id),
    is_canary INTEGER NOT NULL CHECK (is_canary IN (0, 1)),
    standing  TEXT NOT NULL DEFAULT 'waiting' CHECK (standing IN ('waiting', 'asked', 'skipped', 'cancelled')),
    -- Since when it stands so.
    since     INTEGER NOT NULL,
    -- What it was asked, and then how that stands says the action.
    action    BLOB REFERENCES action (id),
    -- Why it was skipped.
    detail    TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (rotation, place),
    UNIQUE (rotation, device),
    CHECK ((standing = 'asked') = (action IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX bulk_rotation_waiting ON bulk_rotation_device (rotation, place) WHERE standing = 'waiting';
CREATE INDEX bulk_rotation_asked ON bulk_rotation_device (rotation, since) WHERE standing = 'asked';
