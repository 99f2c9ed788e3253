-- Lists of cases: the applicant's own, the inbox, the overview.


-- A line of a list.  whom: how much of the applicant it tells.

CREATE OR REPLACE FUNCTION zwfw.case_row(c zwfw.cases, whom text) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_build_object('id', c.id, 'number', c.number,
                'item', json_build_object('code', c.item, 'name', c.item_name),
                'body', json_build_object('id', b.id, 'name', b.short_name),
                'state', c.state, 'outcome', c.outcome, 'version', c.version,
                'is', json_build_object(c.state, true),
                'applicant', CASE whom WHEN 'name' THEN c.name
                    WHEN 'mask' THEN zwfw.masked(c.name) END,
                'updated_at', c.updated_at, 'submitted_at', c.submitted_at,
                'promise_due', c.promise_due,
                'deemed', CASE WHEN c.deemed THEN true END,
                'deadline', zwfw.case_deadline(c),
                'silence', zwfw.case_silent(c))
              FROM zwfw.bodies b WHERE b.id = c.body);
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_row_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"object",
        "additionalProperties":false,
        "required":["id","item","body","state","version","updated_at"],
        "properties":{"id":{"type":"string","format":"uuid"},
            "number":{"type":"string"}, "version":{"type":"integer"},
            "item":{"type":"object", "additionalProperties":false,
                "required":["code","name"],
                "properties":{"code":{"type":"string"},
                    "name":{"type":"string"}}},
            "body":{"type":"object", "additionalProperties":false,
                "required":["id","name"],
                "properties":{"id":{"type":"string","format":"uuid"},
                    "name":{"type":"string"}}},
            "state":{"type":"string"}, "applicant":{"type":"string"},
            "is":{"type":"object","additionalProperties":{"enum":[true]}},
            "outcome":{"enum":["granted","refused","rejected"]},
            "updated_at":{"type":"string","format":"date-time"},
            "submitted_at":{"type":"string","format":"date-time"},
            "promise_due":{"type":"string","format":"date"},
            "deemed":{"enum":[true]},
            "deadline":' || zwfw.case_deadline_schema() || ',
            "silence":' || zwfw.case_silent_schema() || '}}'
$$;

CREATE OR REPLACE FUNCTION zwfw.case_list_schema(more text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_set(l, '{properties}', (l->'properties') || more::jsonb)::text
      FROM (SELECT zwfw.list_schema(zwfw.case_row_schema())::jsonb) AS x (l)
$$;

-- Is there such a state?  Errors: bad_value.

CREATE OR REPLACE FUNCTION zwfw.case_need_state(wanted text, staff boolean)
RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF wanted IS NOT NULL AND NOT EXISTS (
           SELECT FROM zwfw.case_states s
            WHERE s.code = wanted AND NOT (staff AND s.code = 'draft'))
    THEN
        PERFORM zwfw.fail('bad_value', 422, 'state');
    END IF;
END $$;

-- GET case/: the asking applicant's cases, by the latest change; state.
-- Errors: bad_value, bad_cursor.

CREATE OR REPLACE FUNCTION api.case_own_list(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp SET enable_sort = off AS $$
DECLARE
    k       text[] := after(args, 'timestamptz', 'uuid');
    lim     integer := lim(args);
    mine    uuid := case_owner();
    wanted  text := args->>'state';
    items   json[];
    keys    jsonb[];
    total   bigint;
BEGIN
    PERFORM case_need_state(wanted, false);

    SELECT array_agg(case_row(f.c, 'none')),
           array_agg(jsonb_build_array((f.c).updated_at, (f.c).id))
      INTO items, keys
      FROM (SELECT c FROM zwfw.cases c
             WHERE c.owner = mine AND (wanted IS NULL OR c.state = wanted)
               AND (c.updated_at, c.id)
                   < (coalesce(k[1]::timestamptz, 'infinity'),
                      coalesce(k[2], repeat('f', 32))::uuid)
             ORDER BY c.updated_at DESC, c.id DESC LIMIT lim + 1) f;

    SELECT count(*) INTO total
      FROM (SELECT FROM zwfw.cases c
             WHERE c.owner = mine AND (wanted IS NULL OR c.state = wanted)
             LIMIT 1001) f;

    RETURN list(items, keys, lim, total, 1000);
END $$;

ALTER FUNCTION api.case_own_list OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_own_list', zwfw.case_list_schema('{}'));

-- A part of the own cases, the latest change first, ten at the most.

CREATE OR REPLACE FUNCTION zwfw.case_part(mine uuid, part text) RETURNS json
LANGUAGE plpgsql STABLE SET enable_sort = off AS $$
BEGIN
    RETURN (SELECT coalesce(json_agg(zwfw.case_row(f.c, 'none')), '[]')
              FROM (SELECT c FROM zwfw.cases c
                     WHERE c.owner = mine AND part = CASE
                               WHEN c.ended_at IS NOT NULL THEN 'ended'
                               WHEN c.state IN ('draft', 'correction')
                               THEN c.state ELSE 'running' END
                     ORDER BY c.updated_at DESC, c.id DESC LIMIT 10) f);
END $$;

-- GET case/mine: what waits for the asking applicant, what is under way, what
-- has ended.

CREATE OR REPLACE FUNCTION api.case_mine(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    mine  uuid := case_owner();
BEGIN
    RETURN json_strip_nulls(json_build_object(
        'corrections', case_part(mine, 'correction'),
        'drafts', case_part(mine, 'draft'),
        'running', case_part(mine, 'running'),
        'ended', case_part(mine, 'ended')));
END $$;

ALTER FUNCTION api.case_mine OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_mine', (SELECT jsonb_build_object('type', 'object',
    'additionalProperties', false, 'required', jsonb_agg(k),
    'properties', jsonb_object_agg(k, jsonb_build_object('type', 'array',
        'items', zwfw.case_row_schema()::jsonb)))::text
  FROM unnest('{corrections,drafts,running,ended}'::text[]) k));


-- Cases of bodies whose limit ends on one of the days, the most urgent first;
-- of a state, or (none) all that are open.  What is over has no limit: the
-- newest first.  An index has this order for each body, also where rows seem
-- to be so few that they could be sorted.

CREATE OR REPLACE FUNCTION zwfw.case_page(bodies uuid[], wanted text,
    since date, until date, k text[], most integer) RETURNS SETOF zwfw.cases
LANGUAGE plpgsql STABLE SET enable_sort = off AS $$
DECLARE
    back  boolean := NOT coalesce((SELECT s.open FROM zwfw.case_states s
                                    WHERE s.code = wanted), true);
    tail  text := CASE WHEN back THEN ' ORDER BY c.due DESC, c.id DESC'
                  ELSE ' ORDER BY c.due, c.id' END || ' LIMIT $7';
    one   text := 'SELECT c.* FROM zwfw.cases c WHERE c.body = '
                  || CASE WHEN cardinality(bodies) = 1 THEN '$1[1]'
                     ELSE 'b' END
                  || CASE WHEN wanted IS NULL THEN ' AND c.open'
                     ELSE ' AND c.state = $2' END
                  || ' AND c.due >= $3 AND c.due <= $4'
                  || CASE WHEN k IS NULL THEN ''
                     WHEN back THEN ' AND (c.due, c.id) < ($5, $6)'
                     ELSE ' AND (c.due, c.id) > ($5, $6)' END || tail;
BEGIN
    IF cardinality(bodies) <> 1 THEN
        one := 'SELECT c.* FROM unnest($1) b, LATERAL (' || one || ') c'
               || tail;
    END IF;

    RETURN QUERY EXECUTE one USING bodies, wanted, since, until, k[1]::date,
                                   k[2]::uuid, most;
END $$;

-- How many there are of them, up to most.

CREATE OR REPLACE FUNCTION zwfw.case_count(bodies uuid[], wanted text,
    since date, until date, most integer) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF wanted IS NULL THEN
        RETURN (SELECT count(*)
                  FROM (SELECT FROM zwfw.cases c
                         WHERE c.body = ANY (bodies) AND c.open
                           AND c.due >= since AND c.due <= until
                         LIMIT most) f);
    END IF;

    RETURN (SELECT count(*)
              FROM (SELECT FROM zwfw.cases c
                     WHERE c.body = ANY (bodies) AND c.state = wanted
                       AND c.due >= since AND c.due <= until
                     LIMIT most) f);
END $$;

-- How long the lists of all states are, and how much of each is overdue.

CREATE OR REPLACE FUNCTION zwfw.case_tabs(bodies uuid[], wanted text)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    yesterday  date := zwfw.today() - 1;
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'state', s.code, 'count', least(n.total, 1000),
                'count_capped', n.total > 1000,
                'overdue', least(l.total, 1000),
                'overdue_capped', l.total > 1000,
                'chosen', CASE WHEN s.code = wanted THEN true END,
                'shown', CASE WHEN n.total > 0 OR s.code = wanted
                         THEN true END)) ORDER BY s.number)
              FROM zwfw.case_states s,
                   LATERAL (SELECT count(*) AS total
                              FROM (SELECT FROM zwfw.cases c
                                     WHERE c.body = ANY (bodies)
                                       AND c.state = s.code
                                     LIMIT 1001) f) n,
                   LATERAL (SELECT count(*) AS total
                              FROM (SELECT FROM zwfw.cases c
                                     WHERE c.body = ANY (bodies)
                                       AND c.state = s.code
                                       AND s.open AND c.due <= yesterday
                                     LIMIT 1001) f) l
             WHERE s.code <> 'draft');
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_tabs_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"array","items":{"type":"object",
        "additionalProperties":false,
        "required":["state","count","count_capped"],
        "properties":{"state":{"type":"string"}, "count":{"type":"integer"},
            "count_capped":{"type":"boolean"}, "overdue":{"type":"integer"},
            "overdue_capped":{"type":"boolean"}, "chosen":{"enum":[true]},
            "shown":{"enum":[true]}}}}'
$$;

-- The number of a list over all open cases.

CREATE OR REPLACE FUNCTION zwfw.case_sum(bodies uuid[], until date)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    n  bigint := zwfw.case_count(bodies, NULL, '-infinity', until, 1001);
BEGIN
    RETURN jsonb_build_object('count', least(n, 1000),
                              'count_capped', n > 1000);
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_sum_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"object", "additionalProperties":false,
        "required":["count","count_capped"],
        "properties":{"count":{"type":"integer"},
            "count_capped":{"type":"boolean"}}}'
$$;

-- A list of cases with the tabs above it, all of one snapshot.

CREATE OR REPLACE FUNCTION zwfw.case_listing(args jsonb, bodies uuid[],
    whom text, since date, until date) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    k       text[] := zwfw.after(args, 'date', 'uuid');
    lim     integer := zwfw.lim(args);
    wanted  text := args->>'state';
    items   json[];
    keys    jsonb[];
    total   bigint;
BEGIN
    PERFORM zwfw.case_need_state(wanted, true);

    SELECT array_agg(zwfw.case_row(c, whom)),
           array_agg(jsonb_build_array(c.due, c.id))
      INTO items, keys
      FROM zwfw.case_page(bodies, wanted, since, until, k, lim + 1) c;

    total := zwfw.case_count(bodies, wanted, since, until, 1001);

    RETURN zwfw.list(items, keys, lim, total, 1000)::jsonb
           || jsonb_build_object('tabs', zwfw.case_tabs(bodies, wanted),
                  'open', zwfw.case_sum(bodies, 'infinity'),
                  'overdue', zwfw.case_sum(bodies, zwfw.today() - 1));
END $$;

-- GET case/inbox: cases of the bodies of the asking clerk or approver; state, q
-- (a number), due: overdue, today, soon (two working days).  Errors:
-- not_allowed, bad_value, bad_cursor.

CREATE OR REPLACE FUNCTION api.case_inbox(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    mine   uuid[] := bodies_of('clerk', 'approver');
    since  date := CASE WHEN args->>'due' IN ('today', 'soon') THEN today()
                   ELSE '-infinity' END;
    until  date := CASE args->>'due' WHEN 'overdue' THEN today() - 1
                   WHEN 'today' THEN today()
                   WHEN 'soon' THEN deadline(today(), 2)
                   ELSE 'infinity' END;
    items  json[];
BEGIN
    IF mine = '{}' THEN
        PERFORM fail('not_allowed', 403);
    ELSIF NOT coalesce(args->>'due', 'today') IN ('overdue', 'today', 'soon')
    THEN
        PERFORM fail('bad_value', 422, 'due');
    ELSIF NOT args ? 'q' THEN
        RETURN case_listing(args, mine, 'name', since, until);
    END IF;

    SELECT array_agg(case_row(c, 'name')) INTO items FROM cases c
     WHERE c.number = upper(args->>'q') AND c.body = ANY (mine);

    RETURN list(items, NULL, 1, coalesce(cardinality(items), 0), 1)::jsonb
           || jsonb_build_object('q', args->'q',
                  'tabs', case_tabs(mine, NULL),
                  'open', case_sum(mine, 'infinity'),
                  'overdue', case_sum(mine, today() - 1));
END $$;

ALTER FUNCTION api.case_inbox OWNER TO zwfw_staff;
SELECT zwfw.describe('case_inbox', zwfw.case_list_schema('{
    "q":{"type":"string"}, "tabs":' || zwfw.case_tabs_schema() || ',
    "open":' || zwfw.case_sum_schema() || ',
    "overdue":' || zwfw.case_sum_schema() || '}'));

-- GET case/overview: what the asking supervisor's body and those below do;
-- state, overdue, body.  Errors: not_allowed, bad_value, bad_cursor.

CREATE OR REPLACE FUNCTION api.case_overview(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    below  uuid[] := supervised();
    chosen uuid[] := below;
    late   boolean := coalesce((args->>'overdue')::boolean, false);
BEGIN
    PERFORM need_role('supervisor');

    IF args ? 'body' THEN
        chosen := ARRAY[(args->>'body')::uuid];
    END IF;

    IF NOT chosen <@ below THEN
        PERFORM fail('bad_value', 422, 'body');
    END IF;

    RETURN case_listing(args, chosen, 'mask', '-infinity',
                        CASE WHEN late THEN today() - 1 ELSE 'infinity' END)
           || jsonb_build_object('bodies', (
                  SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                             'id', b.id, 'name', b.short_name, 'chosen',
                             CASE WHEN args->>'body' = b.id::text THEN true
                             END)) ORDER BY b.level, b.credit_code)
                    FROM bodies b WHERE b.id = ANY (below[:200])));
END $$;

ALTER FUNCTION api.case_overview OWNER TO zwfw_staff;
SELECT zwfw.describe('case_overview', zwfw.case_list_schema('{
    "tabs":' || zwfw.case_tabs_schema() || ',
    "open":' || zwfw.case_sum_schema() || ',
    "overdue":' || zwfw.case_sum_schema() || ',
    "bodies":{"type":"array","items":{"type":"object",
        "additionalProperties":false, "required":["id","name"],
        "properties":{"id":{"type":"string","format":"uuid"},
            "name":{"type":"string"}, "chosen":{"enum":[true]}}}}}'));
