-- Failed log-ins, counted where they come in: of an account from a browser
-- that has logged in before, from a network, from all strangers together; of a
-- network on all accounts.  So nobody locks out an owner who is known, and
-- nobody learns from a lock which address has an account.

CREATE TABLE zwfw.login_doors (
    door          text PRIMARY KEY,     -- "near <network> <blind index>"
    failures      integer NOT NULL,
    failed_at     timestamptz NOT NULL,
    locked_until  timestamptz
);

CREATE INDEX login_doors_at ON zwfw.login_doors (failed_at);

-- Browsers that somebody has logged in with, by the digest of their cookie.

CREATE TABLE zwfw.known_devices (
    user_id  uuid NOT NULL REFERENCES zwfw.users,
    device   text NOT NULL CHECK (device ~ '^[0-9a-f]{64}$'),
    at       timestamptz NOT NULL,      -- of the last log-in
    PRIMARY KEY (user_id, device)
);

CREATE INDEX known_devices_device ON zwfw.known_devices (device);
CREATE INDEX known_devices_at ON zwfw.known_devices (at);

ALTER TABLE zwfw.login_doors ENABLE ROW LEVEL SECURITY;
ALTER TABLE zwfw.known_devices ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON zwfw.login_doors TO zwfw_system USING (true);
CREATE POLICY system ON zwfw.known_devices TO zwfw_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON zwfw.login_doors, zwfw.known_devices
    TO zwfw_system;

DROP FUNCTION IF EXISTS zwfw.auth_locked(text[]), zwfw.auth_failed(text);
DROP TABLE zwfw.login_failures;
