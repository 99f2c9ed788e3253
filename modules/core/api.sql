-- Functions of core: what others use in SQL, and what nginx itself calls.


-- The nodes that the schema works for: those of its own version and older ones
-- down to the oldest, as "oldest version".  nginx compares its own with them.

CREATE OR REPLACE FUNCTION zwfw.schema_span() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN (SELECT s.oldest || ' ' || s.version FROM schema s);
END $$;

GRANT EXECUTE ON FUNCTION zwfw.schema_span TO zwfw_web;


-- Nodes that know no oldest one compare this with their own, which must be
-- equal.  As long as the schema works for them, it is theirs.

CREATE OR REPLACE FUNCTION zwfw.schema_version() RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN (SELECT s.oldest FROM schema s);
END $$;

GRANT EXECUTE ON FUNCTION zwfw.schema_version TO zwfw_web;


-- A value that nginx decrypts: the column, the row and the stored text.

CREATE OR REPLACE FUNCTION zwfw.sealed(name text, id uuid, value text)
RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value IS NOT NULL THEN
        json_build_object('sealed', json_build_array(name, id, value)) END
$$;


-- One that is left empty where it cannot be opened: the rest is shown.

CREATE OR REPLACE FUNCTION zwfw.sealed_or_empty(name text, id uuid, value text)
RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value IS NOT NULL THEN
        json_build_object('sealed', json_build_array(name, id, value, '')) END
$$;

-- The name of a person for those who need not know it whole.

CREATE OR REPLACE FUNCTION zwfw.masked(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT left(name, 1) || repeat('*', length(name) - 1)
$$;

-- Those of some texts that are ids.

CREATE OR REPLACE FUNCTION zwfw.uuids(ids text[]) RETURNS uuid[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY(SELECT i::uuid FROM unnest(ids) i
                  WHERE i ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')
$$;


-- Refuses for several reasons at once: errors is a list of [field, code], the
-- first is the one that is shown where there is room for one.  None: goes on.

CREATE OR REPLACE FUNCTION zwfw.fail_all(errors jsonb) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF jsonb_array_length(errors) > 0 THEN
        RAISE EXCEPTION USING errcode = 'ZW422', message = split_part(
                errors->0->>1, ' ', 1), column = errors->0->>0, detail = (
                SELECT json_object_agg(e->>0, e->1)
                  FROM jsonb_array_elements(errors) e);
    END IF;
END $$;


-- Where a page ends: base64url of the sort values, which are not personal.

CREATE OR REPLACE FUNCTION zwfw.cursor(keys jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(encode(convert_to(keys::text, 'UTF8'), 'base64'),
                     E'+/=\n', '-_')
$$;

-- The sort values of args.after, as text; each is sure to be of its type
-- (int4, int8, text, uuid, date, timestamptz).  NULL: the first page.
-- Errors: bad_cursor.

CREATE OR REPLACE FUNCTION zwfw.after(args jsonb, VARIADIC types text[])
RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    code  text := translate(args->>'after', '-_', '+/');
    keys  text[];
BEGIN
    IF code IS NULL THEN
        RETURN NULL;
    END IF;

    code := code || repeat('=', -length(code) & 3);
    keys := ARRAY(SELECT jsonb_array_elements_text(
                convert_from(decode(code, 'base64'), 'UTF8')::jsonb));

    IF cardinality(keys) <> cardinality(types)
       OR array_position(keys, NULL) IS NOT NULL
    THEN
        PERFORM zwfw.fail('bad_cursor', 422, 'after');
    END IF;

    FOR i IN 1..cardinality(types) LOOP
        EXECUTE format('SELECT $1::pg_catalog.%I', types[i]) USING keys[i];
    END LOOP;

    RETURN keys;

EXCEPTION
    WHEN data_exception THEN
        PERFORM zwfw.fail('bad_cursor', 422, 'after');
        RETURN NULL;
END $$;

-- How many rows a page has: args.limit, 20 by default.

CREATE OR REPLACE FUNCTION zwfw.lim(args jsonb, most integer DEFAULT 100)
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT greatest(1, least(coalesce((args->>'limit')::integer, 20), most))
$$;

-- A page of a list.  The query fetches one row more than the page has, so
-- that it is known whether there is a next one; total was counted up to one
-- more than cap.

CREATE OR REPLACE FUNCTION zwfw.list(items json[], keys jsonb[], lim integer,
    total bigint, cap integer) RETURNS json
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN json_strip_nulls(json_build_object(
        'items', coalesce(array_to_json(items[:lim]), '[]'),
        'next', CASE WHEN cardinality(items) > lim
                     THEN zwfw.cursor(keys[lim]) END,
        'count', least(total, cap),
        'count_capped', total > cap));
END $$;

-- The schema of a list's reply, for comments: '<schema of an item>'.

CREATE OR REPLACE FUNCTION zwfw.list_schema(item text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"object","required":["items","count","count_capped"],'
        || '"additionalProperties":false,"properties":{'
        || '"items":{"type":"array","items":' || item || '},'
        || '"next":{"type":"string"},"count":{"type":"integer"},'
        || '"count_capped":{"type":"boolean"}}}'
$$;

-- Sets a function's comment, the JSON Schema of its reply.

CREATE OR REPLACE FUNCTION zwfw.describe(call text, reply text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('COMMENT ON FUNCTION api.%I IS %L', call,
                   (reply::jsonb)::text);
END $$;

REVOKE EXECUTE ON FUNCTION zwfw.describe(text, text)
    FROM zwfw_citizen, zwfw_staff, zwfw_system;


-- Runs api.<call> once for a key of this person: repeated within a day, the
-- stored reply comes again; one that comes at the same time waits for the
-- first.  Errors: idempotency_conflict, the same key with another request.

CREATE OR REPLACE FUNCTION zwfw.once(key text, digest text, call text,
    args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
#variable_conflict use_column
DECLARE
    owner  text := coalesce(zwfw.me()::text, '');
    answer json;
    old    replies;
BEGIN
    IF to_regprocedure(format('api.%I(jsonb,jsonb)', call)) IS NULL THEN
        RAISE undefined_function USING message = 'no api.' || call;
    END IF;

    INSERT INTO replies AS r VALUES (owner, once.key, once.digest, once.call,
                                     NULL, pg_catalog.now())
        ON CONFLICT (uid, key) DO UPDATE
       SET digest = excluded.digest, call = excluded.call, reply = NULL,
           at = excluded.at
     WHERE r.at < pg_catalog.now() - interval '24 hours';

    IF NOT FOUND THEN
        SELECT * INTO old FROM replies r
         WHERE r.uid = owner AND r.key = once.key;

        IF (old.digest, old.call) <> (once.digest, once.call) THEN
            PERFORM fail('idempotency_conflict', 422);
        END IF;

        RETURN old.reply;
    END IF;

    EXECUTE format('SELECT api.%I($1, $2)', call) INTO answer
      USING args, body;
    UPDATE replies r SET reply = answer
     WHERE r.uid = owner AND r.key = once.key;

    RETURN answer;
END $$;

ALTER FUNCTION zwfw.once OWNER TO zwfw_system;
GRANT EXECUTE ON FUNCTION zwfw.once TO zwfw_web;


-- What a row of the audit trail is hashed over, with the hash before it.

CREATE OR REPLACE FUNCTION zwfw.audit_hash(a zwfw.audit) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT sha256(a.prev_hash || convert_to(jsonb_build_array(
               a.chain, a.seq, (extract(epoch FROM a.at) * 1000000)::bigint,
               a.uid, a.role, a.body, a.action, a.object, a.object_id,
               a.outcome, a.detail, a.request_id, a.channel, a.session)::text,
               'UTF8'))
$$;

-- Appends to the chain of the row's person.  The lock ends with the
-- transaction: a function calls this last, and once.

CREATE OR REPLACE FUNCTION zwfw.audit_append(a zwfw.audit) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    a.chain := (hashtext(coalesce(a.uid::text, '')) & 15)::smallint;
    a.at := zwfw.now();
    PERFORM pg_advisory_xact_lock(hashtext('zwfw.audit'), a.chain);

    SELECT l.seq, l.hash INTO a.seq, a.prev_hash FROM audit l
     WHERE l.chain = a.chain ORDER BY l.seq DESC LIMIT 1;
    a.seq := coalesce(a.seq, 0) + 1;
    a.prev_hash := coalesce(a.prev_hash, ''::bytea);

    INSERT INTO audit (chain, seq, at, uid, role, body, action, object,
                       object_id, outcome, detail, request_id, channel,
                       session, prev_hash, hash)
    VALUES (a.chain, a.seq, a.at, a.uid, a.role, a.body, a.action, a.object,
            a.object_id, a.outcome, a.detail, a.request_id, a.channel,
            a.session, a.prev_hash, audit_hash(a));
END $$;

ALTER FUNCTION zwfw.audit_append OWNER TO zwfw_system;

-- An act of the one who asks.  Of several bodies, the one he acts for
-- (zwfw.act_as) is told, or none.

CREATE OR REPLACE FUNCTION zwfw.write_audit(action text, object text,
    object_id text, outcome text DEFAULT 'ok', detail jsonb DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    a  zwfw.audit;
BEGIN
    a.action := write_audit.action;
    a.object := write_audit.object;
    a.object_id := write_audit.object_id;
    a.outcome := write_audit.outcome;
    a.detail := write_audit.detail;
    a.uid := zwfw.me();
    a.role := array_to_string(zwfw.my_roles(), ',');
    a.body := CASE WHEN cardinality(zwfw.bodies_of(VARIADIC zwfw.my_roles()))
              > 1 THEN NULL ELSE zwfw.my_body() END;
    a.request_id := zwfw.request_id();
    a.channel := zwfw.my_channel();
    a.session := zwfw.my_session();
    PERFORM zwfw.audit_append(a);
END $$;


-- Is this line there already?  nginx tells again when it heard no answer.
-- Locks the chain, so that one of two that come together sees the other.

CREATE OR REPLACE FUNCTION zwfw.audit_has(line zwfw.audit) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('zwfw.audit'),
                                  hashtext(line.uid::text) & 15);

    RETURN EXISTS (SELECT FROM audit a
                    WHERE a.uid = line.uid
                      AND a.at > zwfw.now() - interval '7 days'
                      AND a.request_id = line.request_id
                      AND a.action = line.action);
END $$;

ALTER FUNCTION zwfw.audit_has(zwfw.audit) OWNER TO zwfw_system;


-- Lines that nginx tells after its answers: refusals of staff, which have
-- undone their own rows, and what staff has read of persons.  body.lines:
-- columns of zwfw.audit of one person; count: so many equal ones; late: so
-- many seconds ago; again: it may be here.  Of several bodies none is told.

CREATE OR REPLACE FUNCTION api.audit_tell(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    line  jsonb;
    a     audit;
BEGIN
    FOR line IN SELECT jsonb_array_elements(body->'lines') LOOP
        a := jsonb_populate_record(NULL::audit, CASE
                 WHEN strpos(line->>'body', ',') > 0 THEN line - 'body'
                 ELSE line END);
        a.detail := nullif(jsonb_strip_nulls(coalesce(a.detail, '{}')
            || jsonb_build_object('count', line->'count',
                                  'late', line->'late')), '{}');

        IF NOT (line ? 'again' AND audit_has(a)) THEN
            PERFORM audit_append(a);
        END IF;
    END LOOP;

    RETURN '{}'::json;
END $$;

ALTER FUNCTION api.audit_tell OWNER TO zwfw_system;
SELECT zwfw.describe('audit_tell', '{"type":"object",
    "additionalProperties":false}');


-- Midnight in China at the begin of a day; NULL, the other value.

CREATE OR REPLACE FUNCTION zwfw.midnight(day date, other timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(day::timestamp AT TIME ZONE 'Asia/Shanghai', other)
$$;

-- A period that ends before it begins.  Errors: bad_period.

CREATE OR REPLACE FUNCTION zwfw.need_period(args jsonb) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF (args->>'to')::date < (args->>'from')::date THEN
        PERFORM zwfw.fail('bad_period', 422, 'to');
    END IF;
END $$;

-- Is the trail whole?  Compares each row with its own hash and with the row
-- before it, of the days from and to; names the first that does not fit.
-- The heads are to be kept elsewhere: only they show that an end was cut off.

CREATE OR REPLACE FUNCTION api.audit_check(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    since    timestamptz := midnight((args->>'from')::date, '-infinity');
    until    timestamptz := midnight((args->>'to')::date + 1, 'infinity');
    checked  bigint;
    broken   bigint[];
    heads    json;
BEGIN
    PERFORM need_role('operator');
    PERFORM need_period(args);

    SELECT count(*), array_agg(a.id ORDER BY a.at, a.id) FILTER (
               WHERE a.hash <> audit_hash(a)
                  OR a.prev_hash <> coalesce(p.hash, '')
                  OR p.seq IS NULL AND a.seq > 1)
      INTO checked, broken
      FROM audit a
      LEFT JOIN audit p ON p.chain = a.chain AND p.seq = a.seq - 1
     WHERE a.at >= since AND a.at < until;

    SELECT coalesce(json_agg(json_build_object('chain', c, 'id', h.id,
                                'hash', encode(h.hash, 'hex'))), '[]')
      INTO heads
      FROM generate_series(0, 15) c, LATERAL (
               SELECT a.id, a.hash FROM audit a
                WHERE a.chain = c ORDER BY a.seq DESC LIMIT 1) h;

    RETURN json_strip_nulls(json_build_object('ok', broken IS NULL,
        'checked', checked, 'empty', nullif(checked = 0, false), 'broken', cardinality(broken),
        'first', broken[1], 'heads', heads));
END $$;

ALTER FUNCTION api.audit_check OWNER TO zwfw_staff;
SELECT zwfw.describe('audit_check', '{"type":"object",
    "required":["ok","checked","heads"], "additionalProperties":false,
    "properties":{"ok":{"type":"boolean"}, "checked":{"type":"integer"},
        "empty":{"type":"boolean"}, "broken":{"type":"integer"}, "first":{"type":"integer"},
        "heads":{"type":"array","items":{"type":"object",
            "required":["chain","id","hash"], "additionalProperties":false,
            "properties":{"chain":{"type":"integer"},
                "id":{"type":"integer"}, "hash":{"type":"string"}}}}}}');


-- A node asks to run a job; every is in milliseconds.  The lease ends by
-- itself when the node dies.  claimed: false when it is not yet time or
-- another node runs it.

CREATE OR REPLACE FUNCTION api.job_claim(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    every  interval := (args->>'every')::bigint * interval '1 ms';
    t      timestamptz := clock_timestamp();
    lease  timestamptz := t + greatest(every, '1 minute');
BEGIN
    INSERT INTO jobs AS j (name, every, node, lease_until, last_at)
    VALUES (args->>'name', every, args->>'node', lease, t)
        ON CONFLICT (name) DO UPDATE
       SET every = excluded.every, node = excluded.node,
           lease_until = excluded.lease_until, last_at = excluded.last_at
     WHERE coalesce(j.lease_until, '-infinity') <= t
       AND coalesce(j.last_at, '-infinity') + excluded.every <= t;

    RETURN json_build_object('claimed', FOUND);
END $$;

ALTER FUNCTION api.job_claim OWNER TO zwfw_system;
SELECT zwfw.describe('job_claim', '{"type":"object","required":["claimed"],
    "additionalProperties":false,
    "properties":{"claimed":{"type":"boolean"}}}');

-- The node has run it; error is absent when it went well.

CREATE OR REPLACE FUNCTION api.job_done(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    UPDATE jobs j SET lease_until = NULL, last_error = args->>'error'
     WHERE j.name = args->>'name' AND j.node = args->>'node';

    RETURN '{}'::json;
END $$;

ALTER FUNCTION api.job_done OWNER TO zwfw_system;
SELECT zwfw.describe('job_done', '{"type":"object",
    "additionalProperties":false}');

-- A job could not do its work with one row and goes on with the others: says
-- so in the log, by id and code; other texts may hold what the row holds.

CREATE OR REPLACE FUNCTION zwfw.row_failed(call text, id uuid, state text,
    said text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'api.%() failed for %: %', call, id,
          CASE WHEN state LIKE 'ZW%' THEN said ELSE state END;

    RETURN false;
END $$;

-- The jobs of all slices, as they ran last.

CREATE OR REPLACE FUNCTION api.core_jobs(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    items  json[];
BEGIN
    PERFORM need_role('operator');

    SELECT array_agg(json_build_object('job', j.name,
               'every', extract(epoch FROM j.every)::integer,
               'last_at', j.last_at, 'next_at', j.last_at + j.every,
               'running', coalesce(j.lease_until > clock_timestamp(), false),
               'outcome', CASE WHEN j.last_error IS NULL THEN 'ok'
                               ELSE 'failed' END,
               'error', j.last_error, 'node', j.node) ORDER BY j.name)
      INTO items
      FROM (SELECT * FROM jobs ORDER BY name LIMIT 101) j;

    RETURN list(items, NULL, 100, coalesce(cardinality(items), 0), 100);
END $$;

ALTER FUNCTION api.core_jobs OWNER TO zwfw_system;
SELECT zwfw.describe('core_jobs', zwfw.list_schema('{"type":"object",
    "required":["job","every","running","outcome","node"],
    "additionalProperties":false, "properties":{
        "job":{"type":"string"}, "every":{"type":"integer"},
        "last_at":{"type":"string","format":"date-time"},
        "next_at":{"type":"string","format":"date-time"},
        "running":{"type":"boolean"}, "outcome":{"enum":["ok","failed"]},
        "error":{"type":"string"}, "node":{"type":"string"}}}'));

-- A job of core: forgets replies that nobody may ask for again.

CREATE OR REPLACE FUNCTION api.core_sweep(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    gone  bigint;
BEGIN
    DELETE FROM replies r
     WHERE r.at < pg_catalog.now() - interval '24 hours';
    GET DIAGNOSTICS gone = ROW_COUNT;

    RETURN json_build_object('replies', gone);
END $$;

ALTER FUNCTION api.core_sweep OWNER TO zwfw_system;
SELECT zwfw.describe('core_sweep', '{"type":"object","required":["replies"],
    "additionalProperties":false,
    "properties":{"replies":{"type":"integer"}}}');


-- Files.  A body has {file, name, size, type, sm3} at the place of an upload:
-- a row that keeps one says so and stores the address that is returned.
-- Errors: bad_value, what stands there is no upload.

CREATE OR REPLACE FUNCTION zwfw.keep_file(file jsonb, used_by text,
    row_id uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    place  text := file->>'file';
BEGIN
    IF file IS NULL THEN
        RETURN NULL;
    END IF;

    IF place IS NULL THEN
        PERFORM fail('bad_value', 422);
    END IF;

    INSERT INTO files AS f (address, sm3, size, type, at)
    VALUES (place, file->>'sm3', (file->>'size')::bigint, file->>'type',
            zwfw.now())
        ON CONFLICT (address) DO UPDATE SET type = f.type;

    INSERT INTO file_uses (used_by, row_id, address)
    VALUES (keep_file.used_by, keep_file.row_id, place)
        ON CONFLICT DO NOTHING;

    RETURN place;
END $$;

ALTER FUNCTION zwfw.keep_file OWNER TO zwfw_system;

-- The row uses a file no more, or (no place) none.  Content that nobody uses
-- is forgotten; who is just about to use it again is waited for.

CREATE OR REPLACE FUNCTION zwfw.drop_file(used_by text, row_id uuid,
    place text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    dropped  text[];
BEGIN
    WITH gone AS (
        DELETE FROM file_uses u
         WHERE u.used_by = drop_file.used_by AND u.row_id = drop_file.row_id
           AND u.address = coalesce(place, u.address)
        RETURNING u.address)
    SELECT array_agg(g.address) INTO dropped FROM gone g;

    PERFORM FROM files f WHERE f.address = ANY (dropped)
      ORDER BY f.address FOR UPDATE;

    DELETE FROM files f
     WHERE f.address = ANY (dropped)
       AND NOT EXISTS (SELECT FROM file_uses u WHERE u.address = f.address);
END $$;

ALTER FUNCTION zwfw.drop_file OWNER TO zwfw_system;

-- The answer that nginx's step of a download reads; NULL: no such file.

CREATE OR REPLACE FUNCTION zwfw.show_file(place text, name text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN (SELECT json_build_object('file', f.address, 'name', name,
                                     'size', f.size, 'type', f.type)
              FROM files f WHERE f.address = place);
END $$;

ALTER FUNCTION zwfw.show_file OWNER TO zwfw_system;

-- nginx asks which of the addresses, of old files on the disk, no row uses.

CREATE OR REPLACE FUNCTION api.files_unused(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN json_build_object('addresses', coalesce((
        SELECT json_agg(a)
          FROM jsonb_array_elements_text(args->'addresses') a
         WHERE NOT EXISTS (SELECT FROM file_uses u WHERE u.address = a)),
        '[]'));
END $$;

ALTER FUNCTION api.files_unused OWNER TO zwfw_system;
SELECT zwfw.describe('files_unused', '{"type":"object",
    "required":["addresses"], "additionalProperties":false,
    "properties":{"addresses":{"type":"array","items":{"type":"string",
        "pattern":"^[0-9a-f]{64}$"}}}}');


-- The schemas of all replies by function, for the OpenAPI document.

CREATE OR REPLACE FUNCTION api.core_schemas(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN (SELECT json_object_agg(d.name, d.schema ORDER BY d.name)
              FROM (SELECT p.proname AS name,
                           obj_description(p.oid, 'pg_proc')::json AS schema
                      FROM pg_proc p
                     WHERE p.pronamespace = 'api'::regnamespace) d
             WHERE d.schema IS NOT NULL);
END $$;

ALTER FUNCTION api.core_schemas OWNER TO zwfw_system;
SELECT zwfw.describe('core_schemas', '{"type":"object",
    "additionalProperties":{"type":"object"}}');
