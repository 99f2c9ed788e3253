-- Accounts, what proves their level, consents, staff.
-- GB/T 39047, 5.2.1.2, 5.2.1.3, table 1.

CREATE TABLE zwfw.users (
    id           uuid PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('natural', 'staff')),
    name         text NOT NULL CHECK (length(name) BETWEEN 2 AND 50),
    email        text NOT NULL,             -- sealed
    email_index  text NOT NULL UNIQUE,      -- blind, "<key>:<64 hex>"
    password     text NOT NULL,             -- scrypt
    region       text REFERENCES zwfw.regions,
    state        text NOT NULL DEFAULT 'active'
                 CHECK (state IN ('active', 'closed')),
    failures     integer NOT NULL DEFAULT 0,    -- since the last success
    failed_at    timestamptz,
    locked_until timestamptz,
    created_at   timestamptz NOT NULL
);

-- The level is derived from these, never stored by itself.

CREATE TABLE zwfw.level_proofs (
    user_id  uuid NOT NULL REFERENCES zwfw.users,
    level    integer NOT NULL CHECK (level BETWEEN 1 AND 5),
    method   text NOT NULL CHECK (method IN ('email_password', 'seeded')),
    at       timestamptz NOT NULL,
    PRIMARY KEY (user_id, level, method)
);

-- Privacy notices by version, and who agreed to which.

CREATE TABLE zwfw.notices (
    version       text PRIMARY KEY CHECK (version ~ '^[0-9]{4}-[0-9]{2}$'),
    effective_on  date NOT NULL
);

INSERT INTO zwfw.notices VALUES ('2026-11', '2026-11-01');

CREATE TABLE zwfw.consents (
    user_id     uuid NOT NULL REFERENCES zwfw.users,
    version     text NOT NULL REFERENCES zwfw.notices,
    at          timestamptz NOT NULL,
    channel     text NOT NULL,
    request_id  text NOT NULL,
    PRIMARY KEY (user_id, version)
);

CREATE TABLE zwfw.staff_roles (
    user_id  uuid NOT NULL REFERENCES zwfw.users,
    body     uuid NOT NULL REFERENCES zwfw.bodies,
    role     text NOT NULL CHECK (role IN ('clerk', 'approver', 'supervisor',
             'item_manager', 'item_editor', 'operator')),
    PRIMARY KEY (user_id, role)
);

CREATE INDEX staff_roles_body ON zwfw.staff_roles (body, role);

ALTER TABLE zwfw.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE zwfw.level_proofs ENABLE ROW LEVEL SECURITY;
ALTER TABLE zwfw.consents ENABLE ROW LEVEL SECURITY;
ALTER TABLE zwfw.staff_roles ENABLE ROW LEVEL SECURITY;

CREATE POLICY system ON zwfw.users TO zwfw_system USING (true);
CREATE POLICY citizen ON zwfw.users TO zwfw_citizen
    USING (id = (SELECT zwfw.me()));
CREATE POLICY system ON zwfw.level_proofs TO zwfw_system USING (true);
CREATE POLICY system ON zwfw.consents TO zwfw_system USING (true);
CREATE POLICY system ON zwfw.staff_roles TO zwfw_system USING (true);

GRANT SELECT, INSERT, UPDATE ON zwfw.users TO zwfw_system;
GRANT SELECT ON zwfw.users TO zwfw_citizen;
GRANT SELECT, INSERT ON zwfw.level_proofs, zwfw.consents TO zwfw_system;
GRANT SELECT ON zwfw.staff_roles, zwfw.notices TO zwfw_system;
