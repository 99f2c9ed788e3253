-- Replies kept for repeated requests, jobs, the audit trail.

CREATE TABLE zwfw.replies (
    uid     text NOT NULL,              -- '' of nobody
    key     text NOT NULL,              -- Idempotency-Key
    digest  text NOT NULL,              -- of the request
    call    text NOT NULL,
    reply   json,
    at      timestamptz NOT NULL,
    PRIMARY KEY (uid, key)
);

CREATE INDEX replies_at ON zwfw.replies (at);

ALTER TABLE zwfw.replies ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON zwfw.replies TO zwfw_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON zwfw.replies TO zwfw_system;


CREATE TABLE zwfw.jobs (
    name         text PRIMARY KEY,
    every        interval NOT NULL,
    node         text NOT NULL,         -- that runs it, or ran it last
    lease_until  timestamptz,           -- NULL: nobody runs it
    last_at      timestamptz,           -- when it began last
    last_error   text
);

GRANT SELECT, INSERT, UPDATE ON zwfw.jobs TO zwfw_system;


-- Nobody may change what was written.  Each row holds the hash of the row
-- before it in its chain.  A chain is locked until its writer has committed,
-- which makes one chain no faster than the disk: there are 16, by person.

CREATE TABLE zwfw.audit (
    chain       smallint NOT NULL,
    seq         bigint NOT NULL,
    id          bigint NOT NULL GENERATED ALWAYS AS (seq * 16 + chain) STORED,
    at          timestamptz NOT NULL,
    uid         uuid,
    role        text,
    body        uuid,
    action      text NOT NULL,          -- the function or act
    object      text,
    object_id   text,
    outcome     text NOT NULL CHECK (outcome IN ('ok', 'refused', 'failed')),
    detail      jsonb,                  -- no names, numbers, phones
    request_id  text,
    channel     text,
    session     text,                   -- digest of the token
    prev_hash   bytea NOT NULL,
    hash        bytea NOT NULL,
    PRIMARY KEY (chain, seq),
    CHECK (chain BETWEEN 0 AND 15 AND seq > 0)
);

CREATE INDEX audit_at ON zwfw.audit (at, id);
CREATE INDEX audit_uid ON zwfw.audit (uid, at, id);
CREATE INDEX audit_action ON zwfw.audit (action, at, id);

CREATE FUNCTION zwfw.audit_keep() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING errcode = '42501',
                          message = 'the audit trail is append-only';
END $$;

CREATE TRIGGER keep BEFORE UPDATE OR DELETE OR TRUNCATE ON zwfw.audit
    FOR EACH STATEMENT EXECUTE FUNCTION zwfw.audit_keep();

ALTER TABLE zwfw.audit ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff ON zwfw.audit FOR SELECT TO zwfw_staff
    USING ((SELECT zwfw.has_role('operator')));
CREATE POLICY system ON zwfw.audit TO zwfw_system USING (true);
GRANT SELECT ON zwfw.audit TO zwfw_staff;
GRANT SELECT, INSERT ON zwfw.audit TO zwfw_system;
