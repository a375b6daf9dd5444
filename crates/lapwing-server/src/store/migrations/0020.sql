-- The policy that a device would not take, by its own word, until it takes one.

CREATE TABLE device_policy_refusal (
    device  BLOB NOT NULL PRIMARY KEY REFERENCES device (id),
    policy  BLOB NOT NULL,
    number  INTEGER NOT NULL,
    -- The status that it answered.
    status  INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    FOREIGN KEY (policy, number) REFERENCES policy_version (policy, number)
) STRICT, WITHOUT ROWID;

-- Why many devices were asked to rotate, in the words of who asked.
ALTER TABLE bulk_rotation ADD COLUMN reason TEXT NOT NULL DEFAULT '';
