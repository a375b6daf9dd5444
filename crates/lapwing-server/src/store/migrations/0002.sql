-- Device management: who called when, and what each device is asked to do.

-- What the device announced of itself: 0 nothing, 1 actions named by their Correlator.
ALTER TABLE device ADD COLUMN management INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN last_contact INTEGER;

CREATE TABLE action (
    -- Names the action in a session, where a device sends it back.
    number       INTEGER NOT NULL PRIMARY KEY,
    id           BLOB NOT NULL UNIQUE,
    device       BLOB NOT NULL REFERENCES device (id),
    requested    INTEGER NOT NULL,
    requested_by TEXT NOT NULL,
    expires      INTEGER NOT NULL,
    state        TEXT NOT NULL
        CHECK (state IN ('pending', 'accepted', 'failing', 'done', 'refused', 'cancelled', 'expired')),
    since        INTEGER NOT NULL,
    -- What the state says more, as far as it does.
    hresult      INTEGER,
    event        INTEGER,
    version      BLOB,
    status       INTEGER
) STRICT;

CREATE INDEX action_device ON action (device, number);
CREATE INDEX action_open ON action (device) WHERE state IN ('pending', 'accepted', 'failing');
