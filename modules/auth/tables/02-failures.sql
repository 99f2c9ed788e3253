-- Failed logins by blind index, of accounts that are there and of those that
-- are not: nobody learns from a lock which address is known.

CREATE TABLE zwfw.login_failures (
    email_index   text PRIMARY KEY,
    failures      integer NOT NULL,
    failed_at     timestamptz NOT NULL,
    locked_until  timestamptz
);

CREATE INDEX login_failures_at ON zwfw.login_failures (failed_at);

ALTER TABLE zwfw.login_failures ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON zwfw.login_failures TO zwfw_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON zwfw.login_failures TO zwfw_system;

ALTER TABLE zwfw.users
    DROP COLUMN failures, DROP COLUMN failed_at, DROP COLUMN locked_until;
