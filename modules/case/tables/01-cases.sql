-- Cases: the state table, applications, their materials, what happened
-- (GB/T 39047, 5.2.1.6 and 5.2.2.3; elements of GB/T 39046, tables 5 to 8).

-- clock: does time count for the body?  due: which limit runs; open: somebody
-- has still something to do.

CREATE TABLE zwfw.case_states (
    code    text PRIMARY KEY,
    number  smallint NOT NULL UNIQUE,
    clock   text NOT NULL
            CHECK (clock IN ('none', 'running', 'paused', 'stopped')),
    due     text CHECK (due IN ('receive', 'notice', 'correct', 'promise',
                                'close')),
    open    boolean NOT NULL
);

INSERT INTO zwfw.case_states VALUES
    ('draft', 0, 'none', NULL, false),              -- 暂存
    ('submitted', 10, 'running', 'receive', true),  -- 已提交
    ('pre_returned', 12, 'paused', NULL, true),     -- 预审退回
    ('received', 20, 'running', 'notice', true),    -- 已收件
    ('correction', 22, 'paused', 'correct', true),  -- 补正告知
    ('accepted', 30, 'running', 'promise', true),   -- 已受理
    ('rejected', 32, 'stopped', NULL, false),       -- 不予受理
    ('processing', 40, 'running', 'promise', true), -- 办理中
    ('special', 42, 'paused', NULL, true),          -- 特别程序
    ('granted', 50, 'running', 'close', true),      -- 准予
    ('refused', 52, 'running', 'close', true),      -- 不予
    ('closed', 60, 'stopped', NULL, false),         -- 办结
    ('delivered', 70, 'stopped', NULL, false),      -- 已送达
    ('archived', 80, 'stopped', NULL, false),       -- 已归档
    ('withdrawn', 90, 'stopped', NULL, false),      -- 撤回
    ('terminated', 91, 'stopped', NULL, false),     -- 终止
    ('voided', 92, 'stopped', NULL, false),         -- 作废
    ('returned', 93, 'stopped', NULL, false),       -- 退件
    ('forwarded', 94, 'stopped', NULL, false);      -- 转报

-- Who may do what, and what it does.  to_state NULL: the case is no more.
--   clock: keep; a limit that starts (receive, notice, correct, promise,
--          close); pause, resume, extend; stop
--   reason: mandatory; document: the paper that comes of it

CREATE TABLE zwfw.case_moves (
    from_state  text NOT NULL REFERENCES zwfw.case_states,
    act         text NOT NULL CHECK (act ~ '^[a-z_]+$'),
    to_state    text REFERENCES zwfw.case_states,
    who         text NOT NULL
                CHECK (who IN ('applicant', 'clerk', 'approver', 'system')),
    clock       text NOT NULL
                CHECK (clock IN ('keep', 'receive', 'notice', 'correct',
                       'promise', 'close', 'pause', 'resume', 'extend',
                       'stop')),
    reason      boolean NOT NULL DEFAULT false,
    document    text,
    PRIMARY KEY (from_state, act)
);

INSERT INTO zwfw.case_moves VALUES
    ('draft', 'save', 'draft', 'applicant', 'keep', false, NULL),
    ('draft', 'drop', NULL, 'applicant', 'keep', false, NULL),
    ('draft', 'submit', 'submitted', 'applicant', 'receive', false, NULL),
    ('pre_returned', 'submit', 'submitted', 'applicant', 'receive', false,
        NULL),
    ('pre_returned', 'abandon', 'returned', 'applicant', 'stop', false, NULL),
    ('submitted', 'receive', 'received', 'clerk', 'notice', false, 'receipt'),
    ('submitted', 'pre_return', 'pre_returned', 'clerk', 'pause', true,
        'pre_return_notice'),
    ('received', 'accept', 'accepted', 'clerk', 'promise', false,
        'acceptance_notice'),
    ('received', 'deem', 'accepted', 'system', 'promise', false,
        'acceptance_notice'),
    ('received', 'correct', 'correction', 'clerk', 'correct', false,
        'correction_notice'),
    ('received', 'reject', 'rejected', 'clerk', 'stop', true,
        'rejection_notice'),
    ('correction', 'resubmit', 'received', 'applicant', 'notice', false,
        'receipt'),
    ('correction', 'expire', 'returned', 'system', 'stop', false,
        'return_notice'),
    ('accepted', 'process', 'processing', 'approver', 'keep', false, NULL),
    ('processing', 'suspend', 'special', 'approver', 'pause', true,
        'special_notice'),
    ('special', 'resume', 'processing', 'approver', 'resume', false, NULL),
    ('processing', 'extend', 'processing', 'approver', 'extend', true,
        'extension_notice'),
    ('processing', 'grant', 'granted', 'approver', 'close', false,
        'grant_decision'),
    ('processing', 'refuse', 'refused', 'approver', 'close', true,
        'refusal_decision'),
    ('granted', 'close', 'closed', 'system', 'stop', false, NULL),
    ('refused', 'close', 'closed', 'system', 'stop', false, NULL),
    ('closed', 'deliver', 'delivered', 'clerk', 'keep', false,
        'delivery_receipt'),
    ('delivered', 'archive', 'archived', 'clerk', 'keep', false, NULL);

INSERT INTO zwfw.case_moves
SELECT code, 'withdraw', 'withdrawn', 'applicant', 'stop', true
  FROM zwfw.case_states
 WHERE code IN ('submitted', 'pre_returned', 'received', 'correction',
                'accepted', 'processing', 'special');

INSERT INTO zwfw.case_moves
SELECT code, 'terminate', 'terminated', 'approver', 'stop', true,
       'termination_notice'
  FROM zwfw.case_states WHERE open AND code NOT IN ('granted', 'refused');

INSERT INTO zwfw.case_moves
SELECT code, 'void', 'voided', 'approver', 'stop', true, 'voiding_notice'
  FROM zwfw.case_states WHERE open OR code IN ('closed', 'delivered');

INSERT INTO zwfw.case_moves
SELECT code, 'forward', 'forwarded', 'clerk', 'stop', true,
       'forwarding_notice'
  FROM zwfw.case_states
 WHERE code IN ('submitted', 'received', 'accepted', 'processing');


-- For whom an applicant acts: himself, or who has charged him.

CREATE FUNCTION zwfw.case_owner() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(zwfw.acting_for(), zwfw.me())
$$;

-- Bodies whose cases a member of staff sees: the own one; a supervisor also
-- those below.

CREATE FUNCTION zwfw.my_bodies() RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT zwfw.has_role('supervisor') THEN
        RETURN ARRAY[zwfw.my_body()];
    END IF;

    RETURN (WITH RECURSIVE down AS (
                SELECT b.id, 1 AS n FROM zwfw.bodies b
                 WHERE b.id = zwfw.my_body()
                 UNION ALL
                SELECT b.id, down.n + 1
                  FROM down JOIN zwfw.bodies b ON b.parent = down.id
                 WHERE down.n < 10
            )
            SELECT array_agg(down.id ORDER BY down.n, down.id) FROM down);
END $$;


CREATE TABLE zwfw.cases (
    id            uuid PRIMARY KEY,
    number        text UNIQUE CHECK (number ~ '^[0-9A-Z]{35}$'),
    owner         uuid NOT NULL REFERENCES zwfw.users,
    body          uuid NOT NULL REFERENCES zwfw.bodies,
    item          text NOT NULL,
    item_version  integer NOT NULL,
    item_hash     text NOT NULL,            -- of the guide
    item_name     text NOT NULL,
    state         text NOT NULL
                  CHECK (state IN ('draft', 'submitted', 'pre_returned',
                         'received', 'correction', 'accepted', 'rejected',
                         'processing', 'special', 'granted', 'refused',
                         'closed', 'delivered', 'archived', 'withdrawn',
                         'terminated', 'voided', 'returned', 'forwarded')),
    version       integer NOT NULL,         -- counts changes
    channel       text,
    name          text,                     -- of the applicant
    id_number     text,                     -- sealed
    phone         text,                     -- sealed
    form          jsonb NOT NULL,
    note          text,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    submitted_at  timestamptz,
    received_at   timestamptz,              -- the last time
    accepted_at   timestamptz,
    decided_at    timestamptz,
    ended_at      timestamptz,
    due           date NOT NULL,            -- infinity: no limit runs
    correct_due   date,                     -- the applicant's limit
    promise_due   date,
    legal_due     date,
    deemed        boolean NOT NULL,         -- accepted by silence
    outcome       text CHECK (outcome IN ('granted', 'refused', 'rejected')),
    result        jsonb,
    open          boolean NOT NULL GENERATED ALWAYS AS (state IN (
                      'submitted', 'pre_returned', 'received', 'correction',
                      'accepted', 'processing', 'special', 'granted',
                      'refused')) STORED,
    FOREIGN KEY (item, item_version) REFERENCES zwfw.item_versions,
    CHECK (state = 'draft' OR (number, submitted_at, name, id_number, phone)
           IS NOT NULL)
);

CREATE INDEX cases_own ON zwfw.cases (owner, updated_at, id);
CREATE INDEX cases_open ON zwfw.cases (body, due, id) WHERE open;
CREATE INDEX cases_state ON zwfw.cases (body, state, due, id);
CREATE INDEX cases_silent ON zwfw.cases (due) WHERE state = 'received';
CREATE INDEX cases_uncorrected ON zwfw.cases (correct_due)
    WHERE state = 'correction';


-- Files handed in for a material of the guide.  What was handed in stays,
-- also when it was replaced.

CREATE TABLE zwfw.case_materials (
    id          uuid PRIMARY KEY,
    case_id     uuid NOT NULL REFERENCES zwfw.cases,
    owner       uuid NOT NULL,
    body        uuid,                       -- NULL: not handed in
    code        text NOT NULL,
    address     text NOT NULL REFERENCES zwfw.files,
    name        text NOT NULL,
    size        bigint NOT NULL,
    type        text NOT NULL,              -- media type
    sm3         text NOT NULL,
    at          timestamptz NOT NULL,
    dropped_at  timestamptz                 -- replaced or taken back
);

CREATE INDEX case_materials_case ON zwfw.case_materials (case_id, code, at);


-- What happened, one row for each move; each row holds the hash of the row
-- before it.  Nobody may change what was written.

CREATE TABLE zwfw.case_events (
    case_id     uuid NOT NULL REFERENCES zwfw.cases,
    seq         integer NOT NULL CHECK (seq > 0),
    owner       uuid NOT NULL,
    body        uuid NOT NULL,
    act         text NOT NULL,
    from_state  text NOT NULL,
    to_state    text NOT NULL,
    at          timestamptz NOT NULL,
    actor       text NOT NULL
                CHECK (actor IN ('applicant', 'clerk', 'approver', 'system')),
    uid         uuid,
    reason      text,
    document    text,
    data        jsonb NOT NULL,
    prev_hash   bytea NOT NULL,
    hash        bytea NOT NULL,
    PRIMARY KEY (case_id, seq)
);

CREATE FUNCTION zwfw.case_events_keep() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING errcode = '42501',
                          message = 'events of cases are append-only';
END $$;

CREATE TRIGGER keep BEFORE UPDATE OR DELETE OR TRUNCATE ON zwfw.case_events
    FOR EACH STATEMENT EXECUTE FUNCTION zwfw.case_events_keep();


-- Serial numbers of cases, per body and day.  A row is locked until its
-- writer has committed: there are 16, by connection.

CREATE TABLE zwfw.case_counters (
    body   uuid NOT NULL REFERENCES zwfw.bodies,
    day    date NOT NULL,
    shard  smallint NOT NULL CHECK (shard BETWEEN 0 AND 15),
    n      integer NOT NULL,
    PRIMARY KEY (body, day, shard)
);

CREATE INDEX case_counters_day ON zwfw.case_counters (day);


ALTER TABLE zwfw.cases ENABLE ROW LEVEL SECURITY;
ALTER TABLE zwfw.case_materials ENABLE ROW LEVEL SECURITY;
ALTER TABLE zwfw.case_events ENABLE ROW LEVEL SECURITY;

CREATE POLICY citizen ON zwfw.cases TO zwfw_citizen
    USING (owner = (SELECT zwfw.case_owner()));
CREATE POLICY staff ON zwfw.cases TO zwfw_staff
    USING (body = ANY ((SELECT zwfw.my_bodies())::uuid[])
           AND state <> 'draft');
CREATE POLICY system ON zwfw.cases TO zwfw_system USING (true);

CREATE POLICY citizen ON zwfw.case_materials TO zwfw_citizen
    USING (owner = (SELECT zwfw.case_owner()));
CREATE POLICY staff ON zwfw.case_materials TO zwfw_staff
    USING (body = (SELECT zwfw.my_body()));
CREATE POLICY system ON zwfw.case_materials TO zwfw_system USING (true);

CREATE POLICY citizen ON zwfw.case_events TO zwfw_citizen
    USING (owner = (SELECT zwfw.case_owner()));
CREATE POLICY staff ON zwfw.case_events TO zwfw_staff
    USING (body = (SELECT zwfw.my_body()));
CREATE POLICY system ON zwfw.case_events TO zwfw_system USING (true);

GRANT SELECT ON zwfw.case_states, zwfw.case_moves
    TO zwfw_citizen, zwfw_staff, zwfw_system;
GRANT SELECT, INSERT, UPDATE, DELETE ON zwfw.cases, zwfw.case_materials
    TO zwfw_citizen;
GRANT SELECT, UPDATE ON zwfw.cases TO zwfw_staff, zwfw_system;
GRANT SELECT ON zwfw.case_materials TO zwfw_staff, zwfw_system;
GRANT SELECT, INSERT ON zwfw.case_events
    TO zwfw_citizen, zwfw_staff, zwfw_system;
GRANT SELECT, INSERT, UPDATE ON zwfw.case_counters TO zwfw_citizen;
GRANT SELECT, DELETE ON zwfw.case_counters TO zwfw_system;
