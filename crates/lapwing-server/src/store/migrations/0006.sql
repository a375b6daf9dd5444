-- What became of rotations, as devices tell it, and when an action passed which step here.

ALTER TABLE action ADD COLUMN sent INTEGER;
ALTER TABLE action ADD COLUMN accepted INTEGER;

CREATE TABLE trace (
    id       BLOB NOT NULL,
    device   BLOB NOT NULL REFERENCES device (id),
    version  BLOB,
    received INTEGER NOT NULL,
    -- How far the device's clock was ahead of this server's then, in ticks of 100 ns.
    ahead    INTEGER NOT NULL,
    -- As it was told: lapwing_proto::trace::TraceInfo.
    body     TEXT NOT NULL,
    PRIMARY KEY (device, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX trace_received ON trace (device, received);
CREATE INDEX trace_id ON trace (id);

CREATE TABLE trace_action (
    device BLOB NOT NULL,
    trace  BLOB NOT NULL,
    action BLOB NOT NULL,
    PRIMARY KEY (device, trace, action),
    FOREIGN KEY (device, trace) REFERENCES trace (device, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX trace_action_action ON trace_action (action);
