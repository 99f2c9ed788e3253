-- Functions of monitoring: visits are stored once, counted, and shown.


-- A node ships a batch: args {node, epoch, ring, first, last, expected, lost,
-- refused, spilled}, body an array a column, where a missing one is NULL in all
-- rows.  With first = last it only tells the ledger.  Sent again, it changes
-- nothing.  args.file: it was in a file, which is "replayed", or "aside": of no
-- use, so that its visits are lost.
-- Errors: batch_changed, the same batch with another end.

CREATE OR REPLACE FUNCTION api.monitor_store(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
#variable_conflict use_column
DECLARE
    sent    bigint := (args->>'last')::bigint - (args->>'first')::bigint;
    batch   bigint;
    fresh   bigint := 0;
    gone    bigint := 0;
BEGIN
    IF sent > 0 THEN
        INSERT INTO visit_batches (node, epoch, ring, first, last, stored_at)
        SELECT a.node, a.epoch, a.ring, a.first, a.last, now()
          FROM jsonb_populate_record(NULL::visit_batches, args) a
            ON CONFLICT (node, epoch, ring, first) DO NOTHING
        RETURNING id INTO batch;

        IF batch IS NULL THEN
            PERFORM monitor_same(args);

        ELSIF args->>'file' = 'aside' THEN
            gone := sent;

        ELSE
            PERFORM monitor_rows(batch, sent, body);
            PERFORM monitor_days(body);
            fresh := sent;
        END IF;
    END IF;

    PERFORM monitor_told(args, fresh, gone, monitor_replayed(args));

    RETURN json_build_object('stored', fresh);
END $$;

ALTER FUNCTION api.monitor_store OWNER TO zwfw_system;
SELECT zwfw.describe('monitor_store', '{"type":"object",
    "required":["stored"], "additionalProperties":false,
    "properties":{"stored":{"type":"integer"}}}');

-- The batch that is here already must be this one.

CREATE OR REPLACE FUNCTION zwfw.monitor_same(args jsonb) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM zwfw.visit_batches b
      WHERE b.node = args->>'node' AND b.epoch = (args->>'epoch')::bigint
        AND b.ring = (args->>'ring')::smallint
        AND b.first = (args->>'first')::bigint
        AND b.last = (args->>'last')::bigint;

    IF NOT FOUND THEN
        PERFORM zwfw.fail('batch_changed', 409);
    END IF;
END $$;

-- How many visits came out of a file, which may come more than once.

CREATE OR REPLACE FUNCTION zwfw.monitor_replayed(args jsonb) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    n  bigint;
BEGIN
    IF args ? 'file' THEN
        UPDATE zwfw.visit_batches b SET replayed = true
         WHERE b.node = args->>'node' AND b.epoch = (args->>'epoch')::bigint
           AND b.ring = (args->>'ring')::smallint
           AND b.first = (args->>'first')::bigint AND NOT b.replayed
        RETURNING b.last - b.first INTO n;
    END IF;

    RETURN coalesce(n, 0);
END $$;

-- The ledger of a ring.  Numbers that a node tells only grow, so that those out
-- of a file change nothing when newer ones are here; a node of the release
-- before does not tell all.

CREATE OR REPLACE FUNCTION zwfw.monitor_told(args jsonb, fresh bigint,
    gone bigint, back bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO zwfw.visit_rings AS r (node, epoch, ring, expected, lost,
        refused, spilled, stored, aside, replayed, reported_at)
    SELECT a.node, a.epoch, a.ring, a.expected, a.lost,
           coalesce(a.refused, 0), coalesce(a.spilled, 0), fresh, gone, back,
           now()
      FROM jsonb_populate_record(NULL::zwfw.visit_rings, args) a
        ON CONFLICT (node, epoch, ring) DO UPDATE
       SET expected = greatest(r.expected, excluded.expected),
           lost = greatest(r.lost, excluded.lost),
           refused = greatest(r.refused, excluded.refused),
           spilled = greatest(r.spilled, excluded.spilled),
           stored = r.stored + excluded.stored,
           aside = r.aside + excluded.aside,
           replayed = r.replayed + excluded.replayed,
           reported_at = excluded.reported_at;
END $$;

-- The columns of a batch as rows; at is in ms since 1970.

CREATE OR REPLACE FUNCTION zwfw.monitor_columns(body jsonb)
RETURNS TABLE (at text, route text, channel text, status text, latency text,
    bytes text, item text, case_type text, region text, referrer text,
    browser text, system text, device text, visitor text, session text,
    uid text, user_type text, level text, age_band text, words text,
    hits text, rank text, funnel text, dwell text, number bigint)
LANGUAGE sql STABLE ROWS 500 AS $$
    SELECT * FROM ROWS FROM (
        jsonb_array_elements_text(body->'at'),
        jsonb_array_elements_text(body->'route'),
        jsonb_array_elements_text(body->'channel'),
        jsonb_array_elements_text(body->'status'),
        jsonb_array_elements_text(body->'latency'),
        jsonb_array_elements_text(body->'bytes'),
        jsonb_array_elements_text(body->'item'),
        jsonb_array_elements_text(body->'case_type'),
        jsonb_array_elements_text(body->'region'),
        jsonb_array_elements_text(body->'referrer'),
        jsonb_array_elements_text(body->'browser'),
        jsonb_array_elements_text(body->'system'),
        jsonb_array_elements_text(body->'device'),
        jsonb_array_elements_text(body->'visitor'),
        jsonb_array_elements_text(body->'session'),
        jsonb_array_elements_text(body->'uid'),
        jsonb_array_elements_text(body->'user_type'),
        jsonb_array_elements_text(body->'level'),
        jsonb_array_elements_text(body->'age_band'),
        jsonb_array_elements_text(body->'words'),
        jsonb_array_elements_text(body->'hits'),
        jsonb_array_elements_text(body->'rank'),
        jsonb_array_elements_text(body->'funnel'),
        jsonb_array_elements_text(body->'dwell')) WITH ORDINALITY
$$;

-- Stores and counts them, in one statement.  Hours are locked in their order,
-- so that two nodes do not wait for each other.

CREATE OR REPLACE FUNCTION zwfw.monitor_rows(batch bigint, sent bigint,
    body jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    n  bigint;
BEGIN
    WITH v AS (
        INSERT INTO zwfw.visits (at, batch, number, route, channel, status,
            latency, bytes, item, case_type, region, referrer, browser, system,
            device, visitor, session, uid, user_type, level, age_band, words,
            hits, rank, funnel, dwell)
        SELECT to_timestamp(c.at::bigint / 1000.0), monitor_rows.batch,
            c.number, c.route, c.channel, c.status::smallint,
            c.latency::integer, c.bytes::bigint, c.item, c.case_type, c.region,
            c.referrer, c.browser, c.system, c.device, c.visitor::uuid,
            c.session::uuid, c.uid::uuid, c.user_type, c.level::smallint,
            c.age_band, c.words, c.hits::integer, c.rank::smallint,
            c.funnel::smallint, c.dwell::integer
          FROM zwfw.monitor_columns(body) c
        RETURNING at, route, channel, status, latency, bytes
    ), h AS (
        INSERT INTO zwfw.visit_hours AS o
        SELECT date_trunc('hour', v.at), v.route, coalesce(v.channel, ''),
               v.status / 100, count(*), sum(v.latency), sum(v.bytes)
          FROM v GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
            ON CONFLICT (hour, route, channel, class) DO UPDATE
           SET visits = o.visits + excluded.visits,
               latency = o.latency + excluded.latency,
               bytes = o.bytes + excluded.bytes
    )
    SELECT count(*) INTO n FROM v;

    IF n <> sent THEN
        RAISE data_exception USING message = 'a batch of another length';
    END IF;
END $$;


-- Counts the visits of a batch by day, and those of its visitors who are seen
-- for the first time on that day.  Locked in their order, too.

CREATE OR REPLACE FUNCTION zwfw.monitor_days(body jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH v AS (
        SELECT (to_timestamp(c.at::bigint / 1000.0)
                AT TIME ZONE 'Asia/Shanghai')::date AS day,
               c.visitor::uuid AS visitor
          FROM zwfw.monitor_columns(body) c
    ), n AS (
        INSERT INTO zwfw.visit_visitors AS o (day, visitor)
        SELECT DISTINCT v.day, v.visitor FROM v
         WHERE v.visitor IS NOT NULL ORDER BY 1, 2
            ON CONFLICT DO NOTHING
        RETURNING o.day
    )
    INSERT INTO zwfw.visit_days AS o (day, visits, visitors)
    SELECT v.day, count(*), (SELECT count(*) FROM n WHERE n.day = v.day)
      FROM v GROUP BY v.day ORDER BY v.day
        ON CONFLICT (day) DO UPDATE
       SET visits = o.visits + excluded.visits,
           visitors = o.visitors + excluded.visitors;
END $$;


-- A job: partitions of this and the next two months; of the batches only the
-- last one of a ring can be sent again, and those that are in files, others are
-- forgotten after a month; visitors, after a week.

CREATE OR REPLACE FUNCTION api.monitor_sweep(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    gone  bigint;
BEGIN
    FOR i IN 0 .. 2 LOOP
        PERFORM monitor_partition((date_trunc('month', today())
                                   + i * interval '1 month')::date);
    END LOOP;

    DELETE FROM visit_batches b
     WHERE b.stored_at < now() - interval '1 month'
       AND EXISTS (SELECT FROM visit_batches n
                    WHERE n.node = b.node AND n.epoch = b.epoch
                      AND n.ring = b.ring AND n.first > b.first)
       AND NOT EXISTS (SELECT FROM visit_rings r
                        WHERE r.node = b.node AND r.epoch = b.epoch
                          AND r.ring = b.ring AND r.spilled > r.replayed);
    GET DIAGNOSTICS gone = ROW_COUNT;

    DELETE FROM visit_visitors v WHERE v.day < today() - 7;

    RETURN json_build_object('batches', gone);
END $$;

ALTER FUNCTION api.monitor_sweep OWNER TO zwfw_system;
SELECT zwfw.describe('monitor_sweep', '{"type":"object",
    "required":["batches"], "additionalProperties":false,
    "properties":{"batches":{"type":"integer"}}}');


-- Who may look at visits.

CREATE OR REPLACE FUNCTION zwfw.monitor_reader() RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT (zwfw.has_role('operator') OR zwfw.has_role('supervisor')) THEN
        PERFORM zwfw.fail('not_allowed', 403);
    END IF;
END $$;

-- Sums of the ledger; pending is what the nodes have not shipped yet.

CREATE OR REPLACE FUNCTION zwfw.monitor_totals() RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_build_object('expected', t.expected, 'stored', t.stored,
               'spilled', t.in_files,
               'pending', t.expected - t.lost - t.aside - t.refused - t.stored
                   - t.in_files,
               'refused', t.refused, 'lost', t.lost + t.aside,
               'missing', t.refused + t.lost + t.aside,
               'gap', t.refused + t.lost + t.aside > 0,
               'reported_at', t.reported_at)
      FROM zwfw.visit_totals t
$$;

-- Visits of a day (args.day, else today) by hour and by route, and whether
-- all of them are here.

CREATE OR REPLACE FUNCTION api.monitor_overview(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    shown   date := coalesce((args->>'day')::date, today());
    since   timestamptz := midnight(shown, NULL);
    answer  json;
BEGIN
    PERFORM monitor_reader();

    SELECT json_build_object('day', shown, 'before', shown - 1,
        'after', CASE WHEN shown < today() THEN shown + 1 END,
        'visits', coalesce(sum(h.visits), 0),
        'visitors', coalesce((SELECT d.visitors FROM visit_days d
                               WHERE d.day = shown), 0),
        'days', monitor_days_before(shown),
        'failed', coalesce(sum(h.visits) FILTER (WHERE h.class = 5), 0),
        'latency', coalesce(round(sum(h.latency) / sum(h.visits)), 0),
        'bytes', coalesce(sum(h.bytes), 0),
        'hours', monitor_hours(since), 'routes', monitor_routes(since),
        'channels', monitor_channels(since), 'ledger', monitor_totals())
      INTO answer
      FROM visit_hours h
     WHERE h.hour >= since AND h.hour < since + interval '1 day';

    RETURN json_strip_nulls(answer);
END $$;

ALTER FUNCTION api.monitor_overview OWNER TO zwfw_staff;

-- visits and visitors of a fortnight, the last day first

CREATE OR REPLACE FUNCTION zwfw.monitor_days_before(last date) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('day', n.day,
               'visits', n.visits, 'visitors', n.visitors, 'most', n.most)
               ORDER BY n.day DESC), '[]')
      FROM (SELECT d.*, max(d.visits) OVER () AS most
              FROM zwfw.visit_days d
             WHERE d.day > last - 14 AND d.day <= last) n
$$;

CREATE OR REPLACE FUNCTION zwfw.monitor_hours(since timestamptz) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('hour', n.hour,
               'visits', n.visits, 'failed', n.failed, 'latency', n.latency,
               'most', n.most) ORDER BY n.hour), '[]')
      FROM (SELECT to_char(h.hour AT TIME ZONE 'Asia/Shanghai', 'HH24:00')
                       AS hour,
                   sum(h.visits) AS visits,
                   coalesce(sum(h.visits) FILTER (WHERE h.class = 5), 0)
                       AS failed,
                   round(sum(h.latency) / sum(h.visits)) AS latency,
                   max(sum(h.visits)) OVER () AS most
              FROM zwfw.visit_hours h
             WHERE h.hour >= since AND h.hour < since + interval '1 day'
             GROUP BY h.hour) n
$$;

-- the hundred that were asked for most

CREATE OR REPLACE FUNCTION zwfw.monitor_routes(since timestamptz) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('route', n.route,
               'act', replace(regexp_replace(n.route, '^HEAD', 'GET'),
                              ' /api/', ' /'),
               'api', n.route LIKE '% /api/%',
               'visits', n.visits, 'refused', n.refused, 'failed', n.failed,
               'latency', n.latency, 'bytes', n.bytes, 'most', n.most)
               ORDER BY n.visits DESC, n.route), '[]')
      FROM (SELECT h.route, sum(h.visits) AS visits,
                   coalesce(sum(h.visits) FILTER (WHERE h.class = 4), 0)
                       AS refused,
                   coalesce(sum(h.visits) FILTER (WHERE h.class = 5), 0)
                       AS failed,
                   round(sum(h.latency) / sum(h.visits)) AS latency,
                   sum(h.bytes) AS bytes, max(sum(h.visits)) OVER () AS most
              FROM zwfw.visit_hours h
             WHERE h.hour >= since AND h.hour < since + interval '1 day'
             GROUP BY h.route ORDER BY 2 DESC, 1 LIMIT 100) n
$$;

CREATE OR REPLACE FUNCTION zwfw.monitor_channels(since timestamptz)
RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('channel', n.channel,
               'visits', n.visits) ORDER BY n.visits DESC), '[]')
      FROM (SELECT coalesce(nullif(h.channel, ''), 'unknown') AS channel,
                   sum(h.visits) AS visits
              FROM zwfw.visit_hours h
             WHERE h.hour >= since AND h.hour < since + interval '1 day'
             GROUP BY 1) n
$$;

-- The schema of numbers by name, for comments.

CREATE OR REPLACE FUNCTION zwfw.monitor_schema(numbers text, more jsonb)
RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('type', 'object', 'additionalProperties', false,
               'required', jsonb_agg(n),
               'properties', more
                   || jsonb_object_agg(n, '{"type":"integer"}'::jsonb))
      FROM unnest(string_to_array(numbers, ' ')) n
$$;

SELECT zwfw.describe('monitor_overview', zwfw.monitor_schema(
    'visits visitors failed latency bytes', jsonb_build_object(
        'day', '{"type":"string","format":"date"}'::jsonb,
        'before', '{"type":"string","format":"date"}'::jsonb,
        'after', '{"type":"string","format":"date"}'::jsonb,
        'days', jsonb_build_object('type', 'array', 'items',
            zwfw.monitor_schema('visits visitors most',
                '{"day":{"type":"string","format":"date"}}')),
        'hours', jsonb_build_object('type', 'array', 'items',
            zwfw.monitor_schema('visits failed latency most',
                '{"hour":{"type":"string"}}')),
        'routes', jsonb_build_object('type', 'array', 'items',
            zwfw.monitor_schema('visits refused failed latency bytes most',
                '{"route":{"type":"string"},
                  "act":{"type":"string"}, "api":{"type":"boolean"}}')),
        'channels', jsonb_build_object('type', 'array', 'items',
            zwfw.monitor_schema('visits', '{"channel":{"type":"string"}}')),
        'ledger', zwfw.monitor_schema(
            'expected stored spilled pending refused lost missing',
            '{"gap":{"type":"boolean"},
              "reported_at":{"type":"string","format":"date-time"}}')))
    ::text);


-- The ledger by node and ring, the newest rings first, and its sums.

CREATE OR REPLACE FUNCTION api.monitor_ledger(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp SET enable_seqscan = off AS $$
DECLARE
    c      text[] := after(args, 'int8', 'text', 'int4');
    lim    integer := lim(args);
    items  json[];
    keys   jsonb[];
    total  bigint;
BEGIN
    PERFORM monitor_reader();

    SELECT array_agg(json_build_object('node', p.node, 'epoch', p.epoch,
               'ring', p.ring, 'expected', p.expected, 'stored', p.stored,
               'spilled', p.in_files, 'pending', p.expected - p.lost - p.aside
                   - p.refused - p.stored - p.in_files,
               'refused', p.refused, 'lost', p.lost + p.aside,
               'since', to_timestamp(p.epoch / 1000.0),
               'reported_at', p.reported_at)),
           array_agg(jsonb_build_array(p.epoch, p.node, p.ring))
      INTO items, keys
      FROM (SELECT * FROM visit_rings r
             WHERE (r.epoch, r.node, r.ring)
                   < (coalesce(c[1]::bigint, 9223372036854775807),
                      coalesce(c[2], ''), coalesce(c[3]::smallint, 0))
             ORDER BY r.epoch DESC, r.node DESC, r.ring DESC
             LIMIT lim + 1) p;

    SELECT count(*) INTO total
      FROM (SELECT FROM visit_rings LIMIT 1001) r;

    RETURN (left(list(items, keys, lim, total, 1000)::text, -1)
            || ',"totals":' || json_strip_nulls(monitor_totals()) || '}')::json;
END $$;

ALTER FUNCTION api.monitor_ledger OWNER TO zwfw_staff;
SELECT zwfw.describe('monitor_ledger', jsonb_set(
    zwfw.list_schema(zwfw.monitor_schema(
        'epoch ring expected stored spilled pending refused lost',
        '{"node":{"type":"string"},
          "since":{"type":"string","format":"date-time"},
          "reported_at":{"type":"string","format":"date-time"}}')
        ::text)::jsonb,
    '{properties,totals}',
    zwfw.monitor_schema(
        'expected stored spilled pending refused lost missing',
        '{"gap":{"type":"boolean"},
          "reported_at":{"type":"string","format":"date-time"}}'))::text);
