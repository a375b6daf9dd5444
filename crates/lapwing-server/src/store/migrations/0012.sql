-- The policy in effect on a device, as the device told it last.

CREATE TABLE device_policy_report (
    device BLOB NOT NULL PRIMARY KEY REFERENCES device (id),
    told   INTEGER NOT NULL,
    -- lapwing_proto::policy_report::PolicyReport.
    body   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
