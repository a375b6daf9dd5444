-- What went wrong with a device's policy: the version that it last refused, and when it last held something else than it
-- had said that it holds.
CREATE TABLE device_policy_trouble (
    device         BLOB NOT NULL PRIMARY KEY REFERENCES device (id),
    refused_policy BLOB,
    refused_number INTEGER,
    -- The status of its answer, and when that was.
    refused_status INTEGER,
    refused        INTEGER,
    drifted        INTEGER,
    FOREIGN KEY (refused_policy, refused_number) REFERENCES policy_version (policy, number)
) STRICT, WITHOUT ROWID;
