-- Visits of the platform, the ledger of their way here, and counters.
-- GB/T 39047, 5.2.2.4.


-- A batch of a node's ring, stored once: [first, last) of its records.

CREATE TABLE zwfw.visit_batches (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node       text NOT NULL,
    epoch      bigint NOT NULL,         -- when the node's rings were made
    ring       smallint NOT NULL,
    first      bigint NOT NULL,
    last       bigint NOT NULL,
    stored_at  timestamptz NOT NULL,
    UNIQUE (node, epoch, ring, first),
    CHECK (first >= 0 AND last > first)
);

GRANT SELECT, INSERT, DELETE ON zwfw.visit_batches TO zwfw_system;


-- What a ring has seen, as the node says, and what is here of it.

CREATE TABLE zwfw.visit_rings (
    node         text NOT NULL,
    epoch        bigint NOT NULL,
    ring         smallint NOT NULL,
    expected     bigint NOT NULL,       -- events, the lost ones among them
    lost         bigint NOT NULL,       -- the ring was full, or a worker died
    stored       bigint NOT NULL,
    reported_at  timestamptz NOT NULL,
    PRIMARY KEY (epoch, node, ring)
);

GRANT SELECT ON zwfw.visit_rings TO zwfw_staff;
GRANT SELECT, INSERT, UPDATE ON zwfw.visit_rings TO zwfw_system;


-- One row a request.  Nothing names a person: visitor, session and uid are
-- pseudonyms, the first one of a day.  Who asks not to be tracked leaves time,
-- route, channel, status, latency and bytes.  A column that nobody fills yet
-- is NULL.

CREATE TABLE zwfw.visits (
    at          timestamptz NOT NULL,   -- when the request began
    batch       bigint NOT NULL,
    number      integer NOT NULL,       -- in the batch
    route       text NOT NULL,          -- "GET /item/{code}"
    channel     text,
    status      smallint NOT NULL,
    latency     integer NOT NULL,       -- ms
    bytes       bigint NOT NULL,        -- sent
    item        text,                   -- code
    case_type   text,
    region      text,
    referrer    text,                   -- direct, search, internal, external
    browser     text,
    system      text,
    device      text,                   -- pc, mobile, tablet, bot
    visitor     uuid,
    session     uuid,
    uid         uuid,                   -- pairwise, of this purpose only
    user_type   text,
    level       smallint,
    age_band    text,
    words       text CHECK (length(words) <= 60),
    hits        integer,                -- of a search
    rank        smallint,               -- of the hit that was chosen
    funnel      smallint,               -- step of an application
    dwell       integer                 -- ms on the page
) PARTITION BY RANGE (at);

CREATE INDEX visits_at ON zwfw.visits USING brin (at);

ALTER TABLE zwfw.visits ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON zwfw.visits TO zwfw_system USING (true);
GRANT SELECT, INSERT ON zwfw.visits TO zwfw_system;

-- what comes when its month has no partition

CREATE TABLE zwfw.visits_default PARTITION OF zwfw.visits DEFAULT;
ALTER TABLE zwfw.visits_default ENABLE ROW LEVEL SECURITY;

-- The partition of a month, unless it is there or the default one has taken
-- its place.

CREATE FUNCTION zwfw.monitor_partition(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    name   text := 'visits_' || to_char(month, 'YYYY_MM');
    since  timestamptz := month::timestamp AT TIME ZONE 'Asia/Shanghai';
    until  timestamptz := (month + interval '1 month')
                          AT TIME ZONE 'Asia/Shanghai';
BEGIN
    IF to_regclass('zwfw.' || name) IS NOT NULL
       OR EXISTS (SELECT FROM visits_default d
                   WHERE d.at >= since AND d.at < until)
    THEN
        RETURN;
    END IF;

    EXECUTE format('CREATE TABLE zwfw.%I PARTITION OF zwfw.visits'
                   ' FOR VALUES FROM (%L) TO (%L)', name, since, until);
    EXECUTE format('ALTER TABLE zwfw.%I ENABLE ROW LEVEL SECURITY', name);
END $$;

REVOKE EXECUTE ON FUNCTION zwfw.monitor_partition(date)
    FROM zwfw_citizen, zwfw_staff;

SELECT zwfw.monitor_partition((date_trunc('month', zwfw.today())
                               + i * interval '1 month')::date)
  FROM generate_series(0, 2) i;


-- Counters of an hour, kept when the visits themselves are gone.

CREATE TABLE zwfw.visit_hours (
    hour     timestamptz NOT NULL,
    route    text NOT NULL,
    channel  text NOT NULL,             -- '' when none is known
    class    smallint NOT NULL,         -- of the status, 1 to 5
    visits   bigint NOT NULL,
    latency  bigint NOT NULL,           -- ms, sum
    bytes    bigint NOT NULL,
    PRIMARY KEY (hour, route, channel, class)
);

GRANT SELECT ON zwfw.visit_hours TO zwfw_staff;
GRANT SELECT, INSERT, UPDATE ON zwfw.visit_hours TO zwfw_system;
