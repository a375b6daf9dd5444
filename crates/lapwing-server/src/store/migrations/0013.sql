-- Which runs of the agent have stored passwords for a device: two hosts with one identity are told apart by them.

-- When one last stored again after another one had; null if none has.
ALTER TABLE device ADD COLUMN shared INTEGER;

CREATE TABLE device_turn (
    device   BLOB NOT NULL REFERENCES device (id),
    place    INTEGER NOT NULL,
    instance BLOB NOT NULL,
    address  TEXT NOT NULL,
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    PRIMARY KEY (device, place)
) STRICT, WITHOUT ROWID;
