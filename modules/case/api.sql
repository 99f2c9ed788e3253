-- Functions of cases: apply, receive, accept, decide, query.
--
-- A case is read into a record, changed there, and written by one function,
-- zwfw.case_write(), only if state and version are still the ones read.


-- Check character of ISO 7064, MOD 37,36.

CREATE OR REPLACE FUNCTION zwfw.check_37_36(code text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    letters  text := '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';
    p        integer := 36;
BEGIN
    FOR i IN 1 .. length(code) LOOP
        p := (p + strpos(letters, substr(code, i, 1)) - 1) % 36;
        p := CASE p WHEN 0 THEN 36 ELSE p END * 2 % 37;
    END LOOP;

    RETURN substr(letters, (37 - p) % 36 + 1, 1);
END $$;

-- A new number: credit code, day, serial number of body and day, check.

CREATE OR REPLACE FUNCTION zwfw.case_number(office uuid) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    part    smallint := pg_backend_pid() & 15;
    serial  integer;
    code    text;
BEGIN
    INSERT INTO zwfw.case_counters AS k VALUES (office, zwfw.today(), part, 1)
        ON CONFLICT (body, day, shard) DO UPDATE SET n = k.n + 1
    RETURNING (k.n - 1) * 16 + part + 1 INTO serial;

    SELECT b.credit_code || to_char(zwfw.today(), 'YYYYMMDD')
           || lpad(serial::text, 8, '0')
      INTO code FROM zwfw.bodies b WHERE b.id = office;

    RETURN code || zwfw.check_37_36(code);
END $$;


-- The version of an item for which the asking person may apply now.
-- Errors: item_not_found, item_not_offered, level_too_low.

CREATE OR REPLACE FUNCTION zwfw.case_item(item text)
RETURNS zwfw.item_versions
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v      zwfw.item_versions;
    least  smallint;
BEGIN
    SELECT o.* INTO v
      FROM zwfw.items i JOIN zwfw.item_versions o ON o.item = i.id
     WHERE i.code = case_item.item AND i.state = 'in_use' AND i.online
       AND '1' = ANY (i.objects);

    IF NOT FOUND THEN
        PERFORM FROM zwfw.item_versions o WHERE o.code = case_item.item;
        PERFORM zwfw.fail(CASE WHEN FOUND THEN 'item_not_offered'
                          ELSE 'item_not_found' END,
                          CASE WHEN FOUND THEN 409 ELSE 404 END);
    END IF;

    least := (v.document->>'real_level')::smallint;

    IF coalesce(zwfw.my_level(), 0) < least THEN
        PERFORM zwfw.fail('level_too_low', 428);
    END IF;

    RETURN v;
END $$;

-- The guide with which a case began.

CREATE OR REPLACE FUNCTION zwfw.case_guide(c zwfw.cases) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT v.document::jsonb FROM zwfw.item_versions v
             WHERE v.code = c.item AND v.version = c.item_version);
END $$;

-- The case is of this version from now on.

CREATE OR REPLACE FUNCTION zwfw.case_pin(c zwfw.cases, v zwfw.item_versions)
RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
BEGIN
    c.item := v.code;
    c.item_version := v.version;
    c.item_hash := v.hash;
    c.item_name := v.document->>'name';
    c.body := (v.document->'body'->>'id')::uuid;
    RETURN c;
END $$;


-- A day of the form, as text.  Errors: bad_date.

CREATE OR REPLACE FUNCTION zwfw.case_day(value text, path text) RETURNS date
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
        PERFORM zwfw.fail('bad_date', 422, path);
    END IF;

    RETURN value::date;

EXCEPTION
    WHEN datetime_field_overflow THEN
        PERFORM zwfw.fail('bad_date', 422, path);
        RETURN NULL;
END $$;

-- An answer, as the field of the form wants it; forms send strings.
-- Errors: bad_type, too_long, too_large, bad_date, bad_value.

CREATE OR REPLACE FUNCTION zwfw.case_answer(f jsonb, value jsonb, path text)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    kind   text := f->>'type';
    given  text := value #>> '{}';
    most   integer := coalesce((f->>'size')::integer,
                          CASE kind WHEN 'integer' THEN 999999999
                          WHEN 'text' THEN 500 ELSE 100 END);
BEGIN
    IF jsonb_typeof(value) IN ('object', 'array')
       OR kind = 'integer' AND given !~ '^[0-9]{1,9}$'
       OR kind = 'boolean' AND given NOT IN ('true', 'false', 'on')
       OR kind NOT IN ('integer', 'boolean')
          AND jsonb_typeof(value) <> 'string'
    THEN
        PERFORM zwfw.fail('bad_type', 422, path);
    ELSIF kind = 'integer' AND given::integer > most THEN
        PERFORM zwfw.fail('too_large', 422, path);
    ELSIF kind IN ('line', 'text') AND length(given) > most THEN
        PERFORM zwfw.fail('too_long', 422, path);
    ELSIF kind = 'choice' AND NOT f->'options' ? given
          OR kind = 'line' AND given ~ '[\n\t]'
    THEN
        PERFORM zwfw.fail('bad_value', 422, path);
    END IF;

    RETURN CASE kind WHEN 'integer' THEN to_jsonb(given::integer)
           WHEN 'boolean' THEN to_jsonb(given <> 'false')
           WHEN 'date' THEN to_jsonb(zwfw.case_day(given, path))
           ELSE to_jsonb(trim(given)) END;
END $$;

-- The answers to a form; whole: all that are required are there.
-- Errors: those of case_answer, unknown_field, missing.

CREATE OR REPLACE FUNCTION zwfw.case_form(guide jsonb, given jsonb,
    whole boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    answers  jsonb := jsonb '{}';
    names    jsonb := jsonb '{}';
    f        jsonb;
    value    jsonb;
    key      text;
BEGIN
    FOR f IN SELECT e FROM jsonb_array_elements(guide->'form') e LOOP
        key := f->>'name';
        value := given->key;
        names := names || jsonb_build_object(key, true);

        IF coalesce(trim(value #>> '{}'), '') <> '' THEN
            answers := answers || jsonb_build_object(key,
                           zwfw.case_answer(f, value, 'form.' || key));
        ELSIF whole AND coalesce((f->>'required')::boolean, false) THEN
            PERFORM zwfw.fail('missing', 422, 'form.' || key);
        END IF;
    END LOOP;

    FOR key IN SELECT k FROM jsonb_object_keys(given) k
                WHERE NOT names ? k LIMIT 1
    LOOP
        PERFORM zwfw.fail('unknown_field', 422, 'form.' || key);
    END LOOP;

    RETURN answers;
END $$;

-- What an applicant says: applicant, form, note.  Errors: those of case_form,
-- missing.

CREATE OR REPLACE FUNCTION zwfw.case_say(c zwfw.cases, guide jsonb,
    said jsonb, whole boolean) RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
DECLARE
    person  jsonb := said->'applicant';
BEGIN
    c.name := coalesce(person->>'name', c.name);
    c.id_number := coalesce(person->'id_number'->>'sealed', c.id_number);
    c.phone := coalesce(person->'phone'->>'sealed', c.phone);
    c.note := coalesce(said->>'note', c.note);
    c.form := zwfw.case_form(guide, coalesce(said->'form', (
                  SELECT jsonb_object_agg(f->>'name', c.form->(f->>'name'))
                    FROM jsonb_array_elements(guide->'form') f
                   WHERE c.form ? (f->>'name')), '{}'), whole);

    IF whole AND c.name IS NULL THEN
        PERFORM zwfw.fail('missing', 422, 'applicant.name');
    ELSIF whole AND c.id_number IS NULL THEN
        PERFORM zwfw.fail('missing', 422, 'applicant.id_number');
    ELSIF whole AND c.phone IS NULL THEN
        PERFORM zwfw.fail('missing', 422, 'applicant.phone');
    END IF;

    RETURN c;
END $$;


-- Files for materials, a list of {code, file}.  The files of a material that
-- is named become the ones listed: file is an upload, or the id of one that
-- is there and stays; {code} alone leaves none.  Returns the codes of the
-- materials that have changed.  Errors: unknown_material, those of case_files.

CREATE OR REPLACE FUNCTION zwfw.case_put(c zwfw.cases, guide jsonb,
    list jsonb) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    changed  text[] := ARRAY[]::text[];
    material jsonb;
    key      text;
BEGIN
    FOR key IN SELECT DISTINCT e->>'code' FROM jsonb_array_elements(list) e
                ORDER BY 1
    LOOP
        SELECT m INTO material FROM jsonb_array_elements(guide->'materials') m
         WHERE m->>'code' = key;

        IF NOT FOUND THEN
            PERFORM zwfw.fail('unknown_material', 422, 'materials.' || key);
        END IF;

        IF zwfw.case_files(c, material, ARRAY(
               SELECT e->'file' FROM jsonb_array_elements(list) e
                WHERE e->>'code' = key AND e ? 'file'))
        THEN
            changed := changed || key;
        END IF;
    END LOOP;

    RETURN changed;
END $$;

-- The files of one material; have they changed?  Errors: bad_value,
-- too_many, bad_file_type.

CREATE OR REPLACE FUNCTION zwfw.case_files(c zwfw.cases, material jsonb,
    list jsonb[]) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    key      text := material->>'code';
    file     jsonb;
    kept     uuid[] := ARRAY[]::uuid[];
    added    integer := 0;
    dropped  integer;
BEGIN
    IF cardinality(list) > coalesce((material->>'files')::integer, 5) THEN
        PERFORM zwfw.fail('too_many', 422, 'materials.' || key);
    END IF;

    FOREACH file IN ARRAY list LOOP
        IF jsonb_typeof(file) = 'string' THEN
            kept := kept || (file #>> '{}')::uuid;
        END IF;
    END LOOP;

    IF (SELECT count(*) FROM zwfw.case_materials m WHERE m.id = ANY (kept)
           AND m.case_id = c.id AND m.code = key AND m.dropped_at IS NULL)
       <> cardinality(kept)
    THEN
        PERFORM zwfw.fail('bad_value', 422, 'materials.' || key);
    END IF;

    dropped := zwfw.case_unkeep(c, key, kept);

    FOREACH file IN ARRAY list LOOP
        IF jsonb_typeof(file) <> 'string' THEN
            PERFORM zwfw.case_keep(c, material, file);
            added := added + 1;
        END IF;
    END LOOP;

    RETURN added + dropped > 0;
END $$;

-- One more file.

CREATE OR REPLACE FUNCTION zwfw.case_keep(c zwfw.cases, material jsonb,
    file jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    row_id  uuid := gen_random_uuid();
    kinds   jsonb := material->'kinds';
    key     text := material->>'code';
BEGIN
    IF jsonb_typeof(file) <> 'object' OR NOT file ? 'file' THEN
        PERFORM zwfw.fail('bad_value', 422, 'materials.' || key);
    ELSIF NOT kinds ? split_part(file->>'type', '/', 2) THEN
        PERFORM zwfw.fail('bad_file_type', 422, 'materials.' || key);
    END IF;

    INSERT INTO zwfw.case_materials (id, case_id, owner, body, code, address,
                                     name, size, type, sm3, at)
    VALUES (row_id, c.id, c.owner, CASE WHEN c.state <> 'draft' THEN c.body
            END, key, zwfw.keep_file(file, 'case_materials', row_id),
            file->>'name', (file->>'size')::bigint, file->>'type',
            file->>'sm3',
            -- in the order in which they were chosen, not all at once
            zwfw.now() + (clock_timestamp() - pg_catalog.now()));
END $$;

-- All others of a material go.  What was handed in stays on record.

CREATE OR REPLACE FUNCTION zwfw.case_unkeep(c zwfw.cases, key text,
    kept uuid[]) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    gone  uuid[];
BEGIN
    IF c.state <> 'draft' THEN
        UPDATE zwfw.case_materials m SET dropped_at = zwfw.now()
         WHERE m.case_id = c.id AND m.code = key AND m.dropped_at IS NULL
           AND NOT m.id = ANY (kept);
        RETURN (SELECT count(*) FROM zwfw.case_materials m
                 WHERE m.case_id = c.id AND m.code = key
                   AND m.dropped_at = zwfw.now());
    END IF;

    WITH d AS (
        DELETE FROM zwfw.case_materials m
         WHERE m.case_id = c.id AND m.code = coalesce(key, m.code)
           AND NOT m.id = ANY (kept)
        RETURNING m.id)
    SELECT array_agg(d.id) INTO gone FROM d;

    PERFORM zwfw.drop_file('case_materials', g) FROM unnest(gone) g;

    RETURN coalesce(cardinality(gone), 0);
END $$;

-- Materials that the guide wants are there.  Errors: missing.

CREATE OR REPLACE FUNCTION zwfw.case_complete(c zwfw.cases, guide jsonb)
RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    key  text;
BEGIN
    FOR key IN
        SELECT m->>'code' FROM jsonb_array_elements(guide->'materials') m
         WHERE m->>'need' = '1' AND NOT EXISTS (
                   SELECT FROM zwfw.case_materials k
                    WHERE k.case_id = c.id AND k.code = m->>'code'
                      AND k.dropped_at IS NULL)
         LIMIT 1
    LOOP
        PERFORM zwfw.fail('missing', 422, 'materials.' || key);
    END LOOP;
END $$;

-- What is handed in now, for the event: names, digests.

CREATE OR REPLACE FUNCTION zwfw.case_listed(c zwfw.cases, guide jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('code', m->'code',
                       'name', m->'name', 'count', f.n, 'sm3', f.sm3)
                       ORDER BY i), '[]')
              FROM jsonb_array_elements(guide->'materials')
                   WITH ORDINALITY AS e (m, i),
                   LATERAL (SELECT count(*) AS n,
                                   jsonb_agg(k.sm3 ORDER BY k.at, k.id) AS sm3
                              FROM zwfw.case_materials k
                             WHERE k.case_id = c.id AND k.code = m->>'code'
                               AND k.dropped_at IS NULL) f
             WHERE f.n > 0);
END $$;


-- The last day of a period that begins on a day: working days, or days (2).

CREATE OR REPLACE FUNCTION zwfw.case_until(since timestamptz, guide jsonb,
    kind text) RETURNS date
LANGUAGE plpgsql STABLE AS $$
DECLARE
    n    integer := (guide->>(kind || '_day'))::integer;
    day  date := (since AT TIME ZONE 'Asia/Shanghai')::date;
BEGIN
    IF guide->>(kind || '_type') = '2' THEN
        RETURN zwfw.deadline(day + n, 0);
    END IF;

    RETURN zwfw.deadline(day, n);
END $$;

-- Accepted on a day: the promised and the legal time begin.

CREATE OR REPLACE FUNCTION zwfw.case_promise(c zwfw.cases, since timestamptz)
RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
DECLARE
    guide  jsonb := zwfw.case_guide(c);
BEGIN
    c.accepted_at := since;
    c.promise_due := zwfw.case_until(since, guide, 'promise');
    c.legal_due := greatest(zwfw.case_until(since, guide, 'anticipate'),
                            c.promise_due);
    c.due := c.promise_due;
    RETURN c;
END $$;

-- The limits that a move starts and ends, in working days: 2 to receive, 5 to
-- say what is missing, 30 to correct, 10 to hand over the decision.

CREATE OR REPLACE FUNCTION zwfw.case_clock(c zwfw.cases, m zwfw.case_moves)
RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
DECLARE
    t  timestamptz := zwfw.now();
BEGIN
    c.correct_due := NULL;

    CASE m.clock
    WHEN 'receive' THEN
        c.submitted_at := t;
        c.due := zwfw.deadline(t, 2);
    WHEN 'notice' THEN
        c.received_at := t;
        c.due := zwfw.deadline(t, 5);
    WHEN 'correct' THEN
        c.due := 'infinity';
        c.correct_due := zwfw.deadline(t, 30);
    WHEN 'promise' THEN
        c.deemed := m.act = 'deem';
        c := zwfw.case_promise(c, CASE WHEN c.deemed THEN c.received_at
                                  ELSE t END);
    WHEN 'close' THEN
        c.decided_at := t;
        c.due := zwfw.deadline(t, 10);
    WHEN 'pause' THEN
        c.due := 'infinity';
    WHEN 'stop' THEN
        c.due := 'infinity';
        c.ended_at := t;
    WHEN 'keep' THEN
        NULL;
    END CASE;

    RETURN c;
END $$;


-- What an event's hash is of.

CREATE OR REPLACE FUNCTION zwfw.case_event_hash(e zwfw.case_events)
RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT sha256(e.prev_hash || convert_to(jsonb_build_array(
               e.case_id, e.seq, e.owner, e.body, e.act, e.from_state,
               e.to_state, (extract(epoch FROM e.at) * 1000000)::bigint,
               e.actor, e.uid, e.reason, e.document, e.data)::text, 'UTF8'))
$$;

CREATE OR REPLACE FUNCTION zwfw.case_event(c zwfw.cases, m zwfw.case_moves,
    why text, data jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    e  zwfw.case_events;
BEGIN
    SELECT o.seq, o.hash INTO e.seq, e.prev_hash FROM zwfw.case_events o
     WHERE o.case_id = c.id ORDER BY o.seq DESC LIMIT 1;

    e.case_id := c.id;
    e.seq := coalesce(e.seq, 0) + 1;
    e.owner := c.owner;
    e.body := c.body;
    e.act := m.act;
    e.from_state := m.from_state;
    e.to_state := m.to_state;
    e.at := zwfw.now();
    e.actor := m.who;
    e.uid := CASE WHEN m.who <> 'system' THEN zwfw.me() END;
    e.reason := why;
    e.document := m.document;
    e.data := jsonb_strip_nulls(coalesce(case_event.data, '{}'));
    e.prev_hash := coalesce(e.prev_hash, '');
    e.hash := zwfw.case_event_hash(e);

    INSERT INTO zwfw.case_events SELECT e.*;
END $$;

-- Writes the record, if state and version are still the ones that were read.
-- Errors: case_changed.

CREATE OR REPLACE FUNCTION zwfw.case_write(c zwfw.cases, was text)
RETURNS zwfw.cases
LANGUAGE plpgsql AS $$
BEGIN
    c.updated_at := zwfw.now();

    UPDATE zwfw.cases o
       SET state = c.state, version = c.version + 1, number = c.number,
           item_version = c.item_version, item_hash = c.item_hash,
           item_name = c.item_name, name = c.name, id_number = c.id_number,
           phone = c.phone, form = c.form, note = c.note,
           updated_at = c.updated_at, submitted_at = c.submitted_at,
           received_at = c.received_at, accepted_at = c.accepted_at,
           decided_at = c.decided_at, ended_at = c.ended_at, due = c.due,
           correct_due = c.correct_due, promise_due = c.promise_due,
           legal_due = c.legal_due, deemed = c.deemed, outcome = c.outcome,
           result = c.result
     WHERE o.id = c.id AND o.state = was AND o.version = c.version;

    IF NOT FOUND THEN
        PERFORM zwfw.fail('case_changed', 409, 'version');
    END IF;

    c.version := c.version + 1;
    RETURN c;
END $$;

-- Moves a case as zwfw.case_moves says.  Errors: wrong_state, not_allowed,
-- missing, case_changed.

CREATE OR REPLACE FUNCTION zwfw.case_move(c zwfw.cases, act text,
    why text DEFAULT NULL, data jsonb DEFAULT NULL) RETURNS zwfw.cases
LANGUAGE plpgsql AS $$
DECLARE
    m  zwfw.case_moves;
BEGIN
    SELECT * INTO m FROM zwfw.case_moves o
     WHERE o.from_state = c.state AND o.act = case_move.act;

    IF NOT FOUND THEN
        PERFORM zwfw.fail('wrong_state', 409);
    ELSIF m.who IN ('clerk', 'approver') THEN
        PERFORM zwfw.need_role(m.who);
    END IF;

    IF m.reason AND coalesce(trim(why), '') = '' THEN
        PERFORM zwfw.fail('missing', 422, 'reason');
    END IF;

    c := zwfw.case_clock(c, m);
    c.state := m.to_state;
    c := zwfw.case_write(c, m.from_state);
    PERFORM zwfw.case_event(c, m, why, data);

    RETURN c;
END $$;


-- Has the body said nothing for five working days?  Then the law has the case
-- accepted, from the day of its receipt.

CREATE OR REPLACE FUNCTION zwfw.case_lapsed(c zwfw.cases) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT c.state = 'received' AND c.due < zwfw.today()
$$;

CREATE OR REPLACE FUNCTION zwfw.case_silence(c zwfw.cases)
RETURNS zwfw.cases
LANGUAGE plpgsql AS $$
BEGIN
    RETURN zwfw.case_move(c, 'deem', NULL, jsonb_build_object('since',
               (c.received_at AT TIME ZONE 'Asia/Shanghai')::date));
END $$;

-- A case as the law has it now, to be shown.

CREATE OR REPLACE FUNCTION zwfw.case_as_is(c zwfw.cases) RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF zwfw.case_lapsed(c) THEN
        c := zwfw.case_promise(c, c.received_at);
        c.state := 'accepted';
        c.deemed := true;
    END IF;

    RETURN c;
END $$;

-- A case of the asking applicant.  Errors: case_not_found.

CREATE OR REPLACE FUNCTION zwfw.case_own(target text) RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
DECLARE
    c  zwfw.cases;
BEGIN
    SELECT * INTO c FROM zwfw.cases o
     WHERE o.id = target::uuid AND o.owner = zwfw.case_owner();

    IF NOT FOUND THEN
        PERFORM zwfw.fail('case_not_found', 404);
    END IF;

    RETURN c;
END $$;

-- A case of the body of the asking clerk or approver.  Errors: not_allowed,
-- case_not_found.

CREATE OR REPLACE FUNCTION zwfw.case_of_body(target text) RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
DECLARE
    c  zwfw.cases;
BEGIN
    IF NOT zwfw.has_role('approver') THEN
        PERFORM zwfw.need_role('clerk');
    END IF;

    SELECT * INTO c FROM zwfw.cases o
     WHERE o.id = target::uuid AND o.body = zwfw.my_body()
       AND o.state <> 'draft';

    IF NOT FOUND THEN
        PERFORM zwfw.fail('case_not_found', 404);
    END IF;

    RETURN c;
END $$;

-- The version that the asking person has seen, to act on it.  Errors:
-- case_changed.

CREATE OR REPLACE FUNCTION zwfw.case_seen(c zwfw.cases, seen text)
RETURNS zwfw.cases
LANGUAGE plpgsql AS $$
BEGIN
    IF c.version <> coalesce(seen, '0')::integer THEN
        PERFORM zwfw.fail('case_changed', 409, 'version');
    END IF;

    IF zwfw.case_lapsed(c) THEN
        c := zwfw.case_silence(c);
    END IF;

    RETURN c;
END $$;


-- The limit that runs; late: working days beyond it.

CREATE OR REPLACE FUNCTION zwfw.case_deadline(c zwfw.cases) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    last   date := coalesce(c.correct_due, nullif(c.due, 'infinity'));
    today  date := zwfw.today();
    sure   boolean;
    rest   integer;
    s      zwfw.case_states;
BEGIN
    SELECT * INTO s FROM zwfw.case_states o WHERE o.code = c.state;

    IF last IS NULL THEN
        RETURN CASE s.clock WHEN 'paused' THEN '{"paused": true}'::jsonb END;
    END IF;

    SELECT d.n - t.n, NOT d.provisional INTO rest, sure
      FROM zwfw.days d, zwfw.days t WHERE d.day = last AND t.day = today;

    RETURN jsonb_strip_nulls(jsonb_build_object('kind', s.due, 'date', last,
               'weekday', extract(isodow FROM last),
               'remaining', greatest(rest, 0), 'overdue', last < today,
               'late', nullif(greatest(-rest, 0), 0),
               'today', CASE WHEN last = today THEN true END,
               'paused', CASE WHEN s.clock = 'paused' THEN true END,
               'provisional', CASE WHEN NOT sure THEN true END));
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_deadline_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"object", "additionalProperties":false, "properties":{
        "kind":{"enum":["receive","notice","correct","promise","close"]},
        "date":{"type":"string","format":"date"},
        "weekday":{"type":"integer"}, "today":{"enum":[true]},
        "remaining":{"type":"integer"}, "overdue":{"type":"boolean"},
        "late":{"type":"integer"}, "paused":{"enum":[true]},
        "provisional":{"enum":[true]}}}'
$$;

-- Answer of an act; an act of staff has its line in the audit trail.

CREATE OR REPLACE FUNCTION zwfw.case_done(c zwfw.cases,
    audited text DEFAULT NULL) RETURNS json
LANGUAGE plpgsql AS $$
BEGIN
    IF audited IS NOT NULL THEN
        PERFORM zwfw.write_audit(audited, 'case', c.id::text, 'ok',
                    jsonb_build_object('state', c.state,
                                       'version', c.version));
    END IF;

    RETURN json_strip_nulls(json_build_object('id', c.id, 'number', c.number,
               'state', c.state, 'outcome', c.outcome, 'version', c.version,
               'deadline', zwfw.case_deadline(c)));
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_done_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"object", "additionalProperties":false,
        "required":["id","state","version"],
        "properties":{"id":{"type":"string","format":"uuid"},
            "number":{"type":"string"}, "state":{"type":"string"},
            "outcome":{"enum":["granted","refused","rejected"]},
            "version":{"type":"integer"},
            "deadline":' || zwfw.case_deadline_schema() || '}}'
$$;


-- A new draft in a record, and in its table.

CREATE OR REPLACE FUNCTION zwfw.case_begin(new_id text, v zwfw.item_versions,
    said jsonb, whole boolean) RETURNS zwfw.cases
LANGUAGE plpgsql AS $$
DECLARE
    c  zwfw.cases;
BEGIN
    c := zwfw.case_pin(c, v);
    c.id := new_id::uuid;
    c.owner := zwfw.case_owner();
    c.state := 'draft';
    c.version := 1;
    c.form := jsonb '{}';
    c.due := 'infinity';
    c.deemed := false;
    c := zwfw.case_say(c, v.document::jsonb, said, whole);

    INSERT INTO zwfw.cases (id, owner, body, item, item_version, item_hash,
        item_name, state, version, channel, name, id_number, phone, form,
        note, created_at, updated_at, due, deemed)
    VALUES (c.id, c.owner, c.body, c.item, c.item_version, c.item_hash,
        c.item_name, c.state, c.version, zwfw.my_channel(), c.name,
        c.id_number, c.phone, c.form, c.note, zwfw.now(), zwfw.now(), c.due,
        c.deemed);

    PERFORM zwfw.case_put(c, v.document::jsonb, said->'materials');

    RETURN c;
END $$;

-- Hands a complete draft in.

CREATE OR REPLACE FUNCTION zwfw.case_hand_in(c zwfw.cases, guide jsonb)
RETURNS zwfw.cases
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM zwfw.case_complete(c, guide);

    UPDATE zwfw.case_materials m SET body = c.body WHERE m.case_id = c.id;
    c.number := zwfw.case_number(c.body);

    RETURN zwfw.case_move(c, 'submit', NULL, jsonb_build_object(
               'item_version', c.item_version, 'item_hash', c.item_hash,
               'materials', zwfw.case_listed(c, guide)));
END $$;

-- POST case/draft: begins an application.  Errors: those of case_item,
-- case_say, case_put.

CREATE OR REPLACE FUNCTION api.case_draft(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    v  item_versions := case_item(body->>'item');
BEGIN
    RETURN case_done(case_begin(args->>'new_id', v, body, false));
END $$;

ALTER FUNCTION api.case_draft OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_draft', zwfw.case_done_schema());

-- POST case/: begins an application and hands it in.  Errors: those of
-- case_draft, and missing.

CREATE OR REPLACE FUNCTION api.case_apply(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    v  item_versions := case_item(body->>'item');
    c  cases := case_begin(args->>'new_id', v, body, true);
BEGIN
    RETURN case_done(case_hand_in(c, v.document::jsonb));
END $$;

ALTER FUNCTION api.case_apply OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_apply', zwfw.case_done_schema());

-- The asking applicant's draft, with what is said now, of the version of its
-- item that is in force now.

CREATE OR REPLACE FUNCTION zwfw.case_redraft(target text, v zwfw.item_versions,
    said jsonb, whole boolean) RETURNS zwfw.cases
LANGUAGE plpgsql AS $$
DECLARE
    c  zwfw.cases := zwfw.case_seen(zwfw.case_own(target), said->>'version');
BEGIN
    IF c.state <> 'draft' THEN
        PERFORM zwfw.fail('wrong_state', 409);
    END IF;

    c := zwfw.case_say(zwfw.case_pin(c, v), v.document::jsonb, said, whole);
    PERFORM zwfw.case_put(c, v.document::jsonb, said->'materials');

    RETURN c;
END $$;

-- POST case/{id}/save with version.  Errors: case_not_found, case_changed,
-- wrong_state, those of case_draft.

CREATE OR REPLACE FUNCTION api.case_save(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c  cases := case_own(args->>'id');
BEGIN
    c := case_redraft(args->>'id', case_item(c.item), body, false);
    RETURN case_done(case_write(c, 'draft'));
END $$;

ALTER FUNCTION api.case_save OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_save', zwfw.case_done_schema());

-- POST case/{id}/submit with version, and what case_save takes.  Errors:
-- those of case_save, and missing.

CREATE OR REPLACE FUNCTION api.case_submit(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c  cases := case_own(args->>'id');
    v  item_versions := case_item(c.item);
BEGIN
    c := case_redraft(args->>'id', v, body, true);
    RETURN case_done(case_hand_in(c, v.document::jsonb));
END $$;

ALTER FUNCTION api.case_submit OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_submit', zwfw.case_done_schema());

-- POST case/{id}/drop with version: a draft is deleted.  Errors:
-- case_not_found, case_changed, wrong_state.

CREATE OR REPLACE FUNCTION api.case_drop(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c  cases := case_seen(case_own(args->>'id'), body->>'version');
BEGIN
    IF c.state <> 'draft' THEN
        PERFORM fail('wrong_state', 409);
    END IF;

    PERFORM case_unkeep(c, NULL, '{}');

    DELETE FROM cases o
     WHERE o.id = c.id AND o.state = 'draft' AND o.version = c.version;
    IF NOT FOUND THEN
        PERFORM fail('case_changed', 409, 'version');
    END IF;

    RETURN '{}'::json;
END $$;

ALTER FUNCTION api.case_drop OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_drop', '{"type":"object",
    "additionalProperties":false}');

-- POST case/{id}/withdraw with version and reason, before the decision.
-- Errors: case_not_found, case_changed, wrong_state, missing.

CREATE OR REPLACE FUNCTION api.case_withdraw(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c  cases := case_seen(case_own(args->>'id'), body->>'version');
BEGIN
    RETURN case_done(case_move(c, 'withdraw', body->>'reason'));
END $$;

ALTER FUNCTION api.case_withdraw OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_withdraw', zwfw.case_done_schema());


-- What the last notice asks for; NULL: there was none.

CREATE OR REPLACE FUNCTION zwfw.case_asked(c zwfw.cases) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT e.data->'items' FROM zwfw.case_events e
             WHERE e.case_id = c.id AND e.act = 'correct'
             ORDER BY e.seq DESC LIMIT 1);
END $$;

-- Fields whose answers differ.  Sealed ones cannot be compared, as every seal
-- has a nonce of its own: they never count as changed.

CREATE OR REPLACE FUNCTION zwfw.case_altered(old zwfw.cases, new zwfw.cases)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(x.name ORDER BY x.name), '[]')
              FROM (SELECT k FROM jsonb_object_keys(old.form || new.form) k
                     WHERE old.form->k IS DISTINCT FROM new.form->k
                     UNION ALL
                    SELECT v.name
                      FROM (VALUES ('applicant.name', old.name, new.name))
                           AS v (name, a, b)
                     WHERE v.a <> v.b) AS x (name));
END $$;

-- POST case/{id}/resubmit with version, and what case_save takes: all that
-- was asked for at once.  Errors: those of case_save, missing, not_corrected.

CREATE OR REPLACE FUNCTION api.case_resubmit(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    old      cases := case_seen(case_own(args->>'id'), body->>'version');
    guide    jsonb := case_guide(old);
    changed  text[];
    key      text;
    c        cases;
BEGIN
    IF old.state <> 'correction' THEN
        PERFORM fail('wrong_state', 409);
    END IF;

    c := case_say(old, guide, body - 'note', true);
    changed := case_put(c, guide, body->'materials');
    PERFORM case_complete(c, guide);

    FOR key IN SELECT i->>'material' FROM jsonb_array_elements(case_asked(c)) i
                WHERE i ? 'material' AND NOT i->>'material' = ANY (changed)
                LIMIT 1
    LOOP
        PERFORM fail('not_corrected', 422, 'materials.' || key);
    END LOOP;

    c := case_move(c, 'resubmit', NULL, jsonb_build_object(
             'note', body->'note', 'changed', to_jsonb(changed),
             'fields', case_altered(old, c),
             'materials', case_listed(c, guide)));
    RETURN case_done(c);
END $$;

ALTER FUNCTION api.case_resubmit OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_resubmit', zwfw.case_done_schema());


-- The fields of a form as a page shows them: as.<type> is true, input is the
-- name in a form; with the answers, if there are any.

CREATE OR REPLACE FUNCTION zwfw.case_fields(guide jsonb, answers jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_strip_nulls((f - 'options')
                || jsonb_build_object('as', jsonb_build_object(f->>'type',
                                                               true),
                       'input', 'form.' || (f->>'name'),
                       'value', answers->(f->>'name'), 'options', (
                    SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                               'value', o, 'chosen', CASE
                               WHEN o = answers->(f->>'name') THEN true END))
                               ORDER BY n)
                      FROM jsonb_array_elements(f->'options')
                           WITH ORDINALITY AS x (o, n)))) ORDER BY i), '[]')
              FROM jsonb_array_elements(guide->'form')
                   WITH ORDINALITY AS e (f, i));
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_fields_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"array","items":{"type":"object",
        "additionalProperties":false,
        "required":["name","label","type","as","input"],
        "properties":{"name":{"type":"string"}, "label":{"type":"string"},
            "type":{"type":"string"}, "required":{"type":"boolean"},
            "input":{"type":"string"},
            "size":{"type":"integer"}, "hint":{"type":"string"},
            "as":{"type":"object","additionalProperties":{"enum":[true]}},
            "value":{"type":["string","integer","boolean"]},
            "options":{"type":"array","items":{"type":"object",
                "additionalProperties":false, "required":["value"],
                "properties":{"value":{"type":"string"},
                    "chosen":{"enum":[true]}}}}}}}'
$$;

-- The materials of the guide with the files that are there.

CREATE OR REPLACE FUNCTION zwfw.case_materials(guide jsonb, target uuid)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(
                m - ARRAY['blank', 'note']
                || jsonb_build_object('files', f.list, 'hint', m->'note',
                       'most', coalesce(m->'files', '5'),
                       'required', m->>'need' = '1')) ORDER BY i), '[]')
              FROM jsonb_array_elements(guide->'materials')
                   WITH ORDINALITY AS e (m, i),
                   LATERAL (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                'id', k.id, 'name', k.name, 'size', k.size,
                                'type', k.type, 'at', k.at, 'path',
                                format('case/%s/files/%s', target, k.id))
                                ORDER BY k.at, k.id), '[]') AS list
                              FROM zwfw.case_materials k
                             WHERE k.case_id = target
                               AND k.code = m->>'code'
                               AND k.dropped_at IS NULL) f);
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_materials_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"array","items":{"type":"object",
        "additionalProperties":false,
        "required":["code","name","need","required","files","most"],
        "properties":{"code":{"type":"string"}, "name":{"type":"string"},
            "need":{"type":"string"}, "required":{"type":"boolean"},
            "format":{"type":"string"}, "source":{"type":"string"},
            "issuer":{"type":"string"}, "sample":{"type":"string"},
            "hint":{"type":"string"}, "most":{"type":"integer"},
            "input":{"type":"string"}, "label":{"type":"string"},
            "rows":{"type":"object", "additionalProperties":false,
                "required":["pick","shoot","more"],
                "properties":{"pick":{"type":"integer"},
                    "shoot":{"type":"integer"}, "more":{"type":"array",
                        "items":{"type":"integer"}}}},
            "kinds":{"type":"array","items":{"type":"string"}},
            "files":{"type":"array","items":{"type":"object",
                "additionalProperties":false,
                "required":["id","name","size","type","at","path"],
                "properties":{"id":{"type":"string","format":"uuid"},
                    "name":{"type":"string"}, "size":{"type":"integer"},
                    "type":{"type":"string"}, "path":{"type":"string"},
                    "n":{"type":"integer"},
                    "at":{"type":"string","format":"date-time"}}}}}}}'
$$;

-- Materials as a form asks for them: each input has its number in the list
-- "materials" of the body, files that are there first; then one to pick a
-- file, one to take a photo, and more.

CREATE OR REPLACE FUNCTION zwfw.case_rows(materials jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    list   jsonb := jsonb '[]';
    m      jsonb;
    files  jsonb;
    first  integer := 0;
    n      integer;
    most   integer;
BEGIN
    FOR m IN SELECT e FROM jsonb_array_elements(materials) e LOOP
        n := first + jsonb_array_length(m->'files');
        most := (m->'most')::integer;

        SELECT coalesce(jsonb_agg(f || jsonb_build_object('n', first + i - 1)
                        ORDER BY i), '[]')
          INTO files FROM jsonb_array_elements(m->'files')
                          WITH ORDINALITY AS e (f, i);

        list := list || (m || jsonb_build_object('files', files,
                    'input', 'materials.' || (m->>'code'), 'label', m->'name',
                    'rows', jsonb_build_object('pick', n, 'shoot', n + 1,
                        'more', (SELECT coalesce(jsonb_agg(i), '[]') FROM
                                 generate_series(n + 2, n + most) i))));
        first := n + most + 1;
    END LOOP;

    RETURN list;
END $$;


-- What a case is of, and who handles it.

CREATE OR REPLACE FUNCTION zwfw.case_subject(code text, version integer,
    hash text, guide jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN jsonb_build_object(
        'item', jsonb_build_object('code', code, 'version', version,
            'hash', hash, 'name', guide->'name',
            'project_type', guide->'project_type',
            'promise_day', guide->'promise_day',
            'promise_type', guide->'promise_type',
            'anticipate_day', guide->'anticipate_day',
            'anticipate_type', guide->'anticipate_type',
            'real_level', guide->'real_level', 'fee', guide->'fee',
            'result', guide->'result'->'name'),
        'body', jsonb_strip_nulls(jsonb_build_object(
            'id', guide->'body'->'id', 'name', guide->'body'->'name',
            'short_name', guide->'body'->'short_name',
            'phone', guide->'phones'->'consult')));
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_subject_schema() RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"item":{"type":"object", "additionalProperties":false,
            "required":["code","version","hash","name"],
            "properties":{"code":{"type":"string"},
                "version":{"type":"integer"}, "hash":{"type":"string"},
                "name":{"type":"string"}, "project_type":{"type":"string"},
                "promise_day":{"type":"integer"},
                "promise_type":{"type":"string"},
                "anticipate_day":{"type":"integer"},
                "anticipate_type":{"type":"string"},
                "real_level":{"type":"integer"}, "fee":{"type":"boolean"},
                "result":{"type":"string"}}},
        "body":{"type":"object", "additionalProperties":false,
            "required":["id","name","short_name"],
            "properties":{"id":{"type":"string","format":"uuid"},
                "name":{"type":"string"}, "short_name":{"type":"string"},
                "phone":{"type":"string"}}}}'::jsonb
$$;

CREATE OR REPLACE FUNCTION zwfw.case_person_schema() RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"applicant":{"type":"object", "additionalProperties":false,
        "properties":{"name":{"type":"string"},
            "id_number":{"type":"string"}, "phone":{"type":"string"}}}}'::jsonb
$$;

CREATE OR REPLACE FUNCTION zwfw.case_person(c zwfw.cases) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object('name', c.name,
        'id_number', zwfw.sealed('cases.id_number', c.id, c.id_number)::jsonb,
        'phone', zwfw.sealed('cases.phone', c.id, c.phone)::jsonb));
END $$;

-- GET case/new?item=: what one needs to apply.  Errors: those of case_item.

CREATE OR REPLACE FUNCTION api.case_new(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    v      item_versions := case_item(args->>'item');
    guide  jsonb := v.document;
BEGIN
    RETURN case_subject(v.code, v.version, v.hash, guide)
           || jsonb_build_object('form', case_fields(guide, '{}'),
                  'materials', case_rows(case_materials(guide, NULL)),
                  'applicant', jsonb_strip_nulls(jsonb_build_object('name', (
                      SELECT u.name FROM users u
                       WHERE u.id = me() AND u.id = case_owner()))));
END $$;

ALTER FUNCTION api.case_new OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_new', ('{"type":"object",
    "additionalProperties":false,
    "required":["item","body","form","materials","applicant"],
    "properties":{"form":' || zwfw.case_fields_schema() || ',
        "materials":' || zwfw.case_materials_schema() || ','
    || substr(zwfw.case_subject_schema()::text, 2,
              length(zwfw.case_subject_schema()::text) - 2) || ','
    || substr(zwfw.case_person_schema()::text, 2) || '}'));


-- Lines of a notice with the names that the guide gives them.

CREATE OR REPLACE FUNCTION zwfw.case_labelled(items jsonb, guide jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (SELECT jsonb_agg(i || jsonb_build_object('label', coalesce(
                       (SELECT m->'name'
                          FROM jsonb_array_elements(guide->'materials') m
                         WHERE m->'code' = i->'material'),
                       (SELECT f->'label'
                          FROM jsonb_array_elements(guide->'form') f
                         WHERE f->'name' = i->'field'))) ORDER BY n)
              FROM jsonb_array_elements(items) WITH ORDINALITY AS x (i, n));
END $$;

-- What the last notice said.  open: the applicant has not answered.

CREATE OR REPLACE FUNCTION zwfw.case_notice(c zwfw.cases, guide jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_strip_nulls(jsonb_build_object('at', e.at,
                       'remark', e.data->'note', 'date', c.correct_due,
                       'open', CASE WHEN c.state = 'correction' THEN true END,
                       'items', zwfw.case_labelled(e.data->'items', guide)))
              FROM zwfw.case_events e
             WHERE e.case_id = c.id AND e.act = 'correct'
             ORDER BY e.seq DESC LIMIT 1);
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_items_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"array","items":{"type":"object",
        "additionalProperties":false, "required":["text"],
        "properties":{"material":{"type":"string"},
            "field":{"type":"string"}, "label":{"type":"string"},
            "text":{"type":"string"}}}}'
$$;

CREATE OR REPLACE FUNCTION zwfw.case_notice_schema() RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT ('{"correction":{"type":"object", "additionalProperties":false,
        "required":["at","items"],
        "properties":{"at":{"type":"string","format":"date-time"},
            "remark":{"type":"string"}, "open":{"enum":[true]},
            "date":{"type":"string","format":"date"},
            "items":' || zwfw.case_items_schema() || '}}}')::jsonb
$$;

-- GET case/{id}/edit: a draft, or what is to be corrected, to fill in.
-- Errors: case_not_found, wrong_state, and for drafts those of case_item.

CREATE OR REPLACE FUNCTION api.case_edit(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    c      cases := case_own(args->>'id');
    before integer := c.item_version;
    guide  jsonb;
BEGIN
    IF NOT c.state IN ('draft', 'correction') THEN
        PERFORM fail('wrong_state', 409);
    ELSIF c.state = 'draft' THEN
        c := case_pin(c, case_item(c.item));
    END IF;

    guide := case_guide(c);

    RETURN case_subject(c.item, c.item_version, c.item_hash, guide)
           || jsonb_build_object('form', case_fields(guide, c.form),
                  'materials', case_rows(case_materials(guide, c.id)),
                  'applicant', case_person(c), 'id', c.id, 'state', c.state,
                  'is', jsonb_build_object(c.state, true),
                  'version', c.version)
           || jsonb_strip_nulls(jsonb_build_object('number', c.number,
                  'note', c.note, 'correction', case_notice(c, guide),
                  'item_changed', CASE WHEN c.item_version <> before
                                  THEN true END));
END $$;

ALTER FUNCTION api.case_edit OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_edit', jsonb_build_object('type', 'object',
    'additionalProperties', false, 'required', '["id","state","version",
        "item","body","form","materials","applicant"]'::jsonb,
    'properties', zwfw.case_subject_schema() || zwfw.case_person_schema()
        || zwfw.case_notice_schema()
        || ('{"id":{"type":"string","format":"uuid"},
              "state":{"enum":["draft","correction"]},
              "is":{"type":"object","additionalProperties":{"enum":[true]}},
              "version":{"type":"integer"}, "number":{"type":"string"},
              "note":{"type":"string"}, "item_changed":{"enum":[true]},
              "form":' || zwfw.case_fields_schema() || ',
              "materials":' || zwfw.case_materials_schema() || '}')::jsonb)
    ::text);


-- The stepper: steps that are done have their time, one is current.

CREATE OR REPLACE FUNCTION zwfw.case_steps(c zwfw.cases) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    over  boolean := c.state IN ('rejected', 'withdrawn', 'terminated',
                                 'voided', 'returned', 'forwarded');
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'step', s.step, 'at', s.at,
                'done', CASE WHEN s.at IS NOT NULL THEN true END,
                'current', CASE WHEN s.n = s.first THEN true END,
                'paused', CASE WHEN s.step = 'correct' THEN true END))
                ORDER BY s.n)
              FROM (SELECT v.*, min(v.n) FILTER (WHERE v.at IS NULL) OVER ()
                                AS first
                      FROM (VALUES ('submit', c.submitted_at, 1),
                                ('receive', c.received_at, 2),
                                ('correct', NULL, 3),
                                ('accept', c.accepted_at, 4),
                                ('decide', c.decided_at, 5),
                                ('close', CASE WHEN NOT over THEN c.ended_at
                                          END, 6),
                                (c.state, c.ended_at, 7))
                           AS v (step, at, n)
                     WHERE CASE v.n WHEN 3 THEN c.state = 'correction'
                           WHEN 7 THEN over
                           ELSE NOT over OR v.at IS NOT NULL END) s);
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_steps_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"array","items":{"type":"object",
        "additionalProperties":false, "required":["step"],
        "properties":{"step":{"type":"string"}, "done":{"enum":[true]},
            "current":{"enum":[true]}, "paused":{"enum":[true]},
            "at":{"type":"string","format":"date-time"}}}}'
$$;

-- The time line.  Of staff an applicant sees the body only, and no opinions.

CREATE OR REPLACE FUNCTION zwfw.case_line(c zwfw.cases, guide jsonb,
    staff boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'seq', e.seq, 'act', e.act, 'state', e.to_state, 'at', e.at,
                'actor', e.actor, 'reason', e.reason,
                'by', CASE WHEN e.actor IN ('clerk', 'approver')
                      THEN guide->'body'->'name' END,
                'window', e.data->'window', 'remark', e.data->'note',
                'items', zwfw.case_labelled(e.data->'items', guide),
                'remedy', e.data->'remedy',
                'since', e.data->'since',
                'opinion', CASE WHEN staff THEN e.data->'opinion' END,
                'document', CASE WHEN e.document IS NOT NULL THEN
                    jsonb_build_object('kind', e.document,
                        'number', zwfw.case_paper(c, e)) END))
                ORDER BY e.seq), '[]')
              FROM zwfw.case_events e WHERE e.case_id = c.id);
END $$;

-- Number of the paper that came of a move.

CREATE OR REPLACE FUNCTION zwfw.case_paper(c zwfw.cases, e zwfw.case_events)
RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT c.number || '-' || lpad(e.seq::text, 2, '0')
$$;

CREATE OR REPLACE FUNCTION zwfw.case_line_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"array","items":{"type":"object",
        "additionalProperties":false,
        "required":["seq","act","state","at","actor"],
        "properties":{"seq":{"type":"integer"}, "act":{"type":"string"},
            "state":{"type":"string"},
            "at":{"type":"string","format":"date-time"},
            "actor":{"enum":["applicant","clerk","approver","system"]},
            "by":{"type":"string"}, "window":{"type":"string"},
            "reason":{"type":"string"}, "remark":{"type":"string"},
            "remedy":{"type":"string"}, "opinion":{"type":"string"},
            "since":{"type":"string","format":"date"},
            "items":' || zwfw.case_items_schema() || ',
            "document":{"type":"object", "additionalProperties":false,
                "required":["kind","number"],
                "properties":{"kind":{"type":"string"},
                    "number":{"type":"string"}}}}}}'
$$;

-- What the asking person may do: acts of the state that have a function.

CREATE OR REPLACE FUNCTION zwfw.case_acts(c zwfw.cases) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    roles   text[] := coalesce(zwfw.my_roles(), '{}');
    decide  boolean := c.state = 'accepted' AND 'approver' = ANY (roles);
BEGIN
    IF zwfw.my_body() IS NULL THEN
        roles := '{applicant}';
    END IF;

    RETURN ARRAY(SELECT m.act FROM zwfw.case_moves m
                  WHERE m.from_state = CASE WHEN decide THEN 'processing'
                                       ELSE c.state END
                    AND m.who = ANY (roles)
                    AND to_regprocedure(format('api.case_%s(jsonb,jsonb)',
                                               m.act)) IS NOT NULL
                  ORDER BY m.act);
END $$;

-- A case whole, for its applicant and for staff of its body.

CREATE OR REPLACE FUNCTION zwfw.case_detail(c zwfw.cases) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    staff  boolean := zwfw.my_body() IS NOT NULL;
    guide  jsonb;
    acts   text[];
BEGIN
    c := zwfw.case_as_is(c);
    guide := zwfw.case_guide(c);
    acts := zwfw.case_acts(c);

    RETURN zwfw.case_subject(c.item, c.item_version, c.item_hash, guide)
        || jsonb_build_object('id', c.id, 'state', c.state,
               'version', c.version, 'applicant', zwfw.case_person(c),
               'form', zwfw.case_fields(guide, c.form),
               'materials', zwfw.case_materials(guide, c.id),
               'steps', zwfw.case_steps(c),
               'line', zwfw.case_line(c, guide, staff), 'acts', acts,
               'is', jsonb_build_object(c.state, true),
               'can', (SELECT coalesce(jsonb_object_agg(a, true), '{}')
                         FROM unnest(acts) a),
               'created_at', c.created_at, 'updated_at', c.updated_at)
        || jsonb_strip_nulls(jsonb_build_object('number', c.number,
               'note', c.note, 'channel', c.channel,
               'submitted_at', c.submitted_at, 'received_at', c.received_at,
               'accepted_at', c.accepted_at, 'decided_at', c.decided_at,
               'ended_at', c.ended_at, 'promise_due', c.promise_due,
               'legal_due', c.legal_due,
               'deemed', CASE WHEN c.deemed THEN true END,
               'deadline', zwfw.case_deadline(c), 'late', zwfw.case_late(c),
               'correction', zwfw.case_notice(c, guide),
               'result', zwfw.case_result(c)));
END $$;

-- Working days by which the decision was later than promised.

CREATE OR REPLACE FUNCTION zwfw.case_late(c zwfw.cases) RETURNS integer
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN nullif(greatest(zwfw.working_days_between(c.promise_due,
               (c.decided_at AT TIME ZONE 'Asia/Shanghai')::date), 0), 0);
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_result(c zwfw.cases) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN jsonb_build_object('outcome', c.outcome,
               'at', coalesce(c.decided_at, c.ended_at)) || c.result;
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_detail_schema(more jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('type', 'object', 'additionalProperties', false,
        'required', '["id","state","version","item","body","applicant",
            "form","materials","steps","line","acts","can","created_at",
            "updated_at"]'::jsonb, 'properties',
        zwfw.case_subject_schema() || zwfw.case_person_schema()
        || zwfw.case_notice_schema() || more
        || (SELECT jsonb_object_agg(k, '{"type":"string",
                       "format":"date-time"}'::jsonb)
              FROM unnest('{created_at,updated_at,submitted_at,received_at,
                            accepted_at,decided_at,ended_at}'::text[]) k)
        || ('{"id":{"type":"string","format":"uuid"},
              "state":{"type":"string"}, "version":{"type":"integer"},
              "number":{"type":"string"}, "note":{"type":"string"},
              "channel":{"type":"string"}, "deemed":{"enum":[true]},
              "promise_due":{"type":"string","format":"date"},
              "legal_due":{"type":"string","format":"date"},
              "late":{"type":"integer"},
              "acts":{"type":"array","items":{"type":"string"}},
              "is":{"type":"object","additionalProperties":{"enum":[true]}},
              "can":{"type":"object","additionalProperties":{"enum":[true]}},
              "result":{"type":"object", "additionalProperties":false,
                  "required":["outcome","at"],
                  "properties":{
                      "outcome":{"enum":["granted","refused","rejected"]},
                      "at":{"type":"string","format":"date-time"},
                      "name":{"type":"string"}, "number":{"type":"string"},
                      "valid_until":{"type":"string","format":"date"},
                      "reason":{"type":"string"},
                      "remedy":{"type":"string"}}},
              "form":' || zwfw.case_fields_schema() || ',
              "materials":' || zwfw.case_materials_schema() || ',
              "steps":' || zwfw.case_steps_schema() || ',
              "line":' || zwfw.case_line_schema() || ',
              "deadline":' || zwfw.case_deadline_schema() || '}')::jsonb)
        ::text
$$;

-- GET case/{id}: the asking applicant's case.  Errors: case_not_found.

CREATE OR REPLACE FUNCTION api.case_show(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN case_detail(case_own(args->>'id'));
END $$;

ALTER FUNCTION api.case_show OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_show', zwfw.case_detail_schema('{}'));


-- Is a chain of events whole?

CREATE OR REPLACE FUNCTION zwfw.case_whole(target uuid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(bool_and(e.hash = zwfw.case_event_hash(e)
                       AND e.prev_hash = coalesce(p.hash, '')
                       AND (e.seq = 1) = (p.seq IS NULL)), true)
              FROM zwfw.case_events e
              LEFT JOIN zwfw.case_events p
                ON p.case_id = e.case_id AND p.seq = e.seq - 1
             WHERE e.case_id = target);
END $$;

-- What a notice of correction can ask for, as inputs of a form: materials,
-- fields of the form, the applicant.

CREATE OR REPLACE FUNCTION zwfw.case_asks(c zwfw.cases) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    guide    jsonb := zwfw.case_guide(c);
    askable  jsonb := zwfw.case_askable(c);
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'n', a.n, 'kind', a.kind, a.kind, a.key, 'label', a.label,
                'input', format('items.%s.text', a.n))) ORDER BY a.n), '[]')
              FROM (SELECT x.*, row_number() OVER (ORDER BY part, i) - 1 AS n
                      FROM (SELECT 1, i, 'material', m->>'code', m->'name'
                              FROM jsonb_array_elements(guide->'materials')
                                   WITH ORDINALITY AS e (m, i)
                             UNION ALL
                            SELECT 2, i, 'field', f->>'name', f->'label'
                              FROM jsonb_array_elements(guide->'form')
                                   WITH ORDINALITY AS e (f, i)
                             UNION ALL
                            SELECT 3, i, 'field', key, NULL
                              FROM unnest('{applicant.name,
                                       applicant.id_number,
                                       applicant.phone}'::text[])
                                   WITH ORDINALITY AS e (key, i))
                           AS x (part, i, kind, key, label)
                     WHERE askable IS NULL OR askable ? x.key) a);
END $$;

-- GET case/{id}/work: a case of the asking clerk's or approver's body; with
-- the remedies that the guide names.  Errors: not_allowed, case_not_found.

CREATE OR REPLACE FUNCTION api.case_work(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    c  cases := case_of_body(args->>'id');
BEGIN
    RETURN case_detail(c) || jsonb_build_object('whole', case_whole(c.id),
               'remedies', case_guide(c)->'remedies', 'asks', case_asks(c));
END $$;

ALTER FUNCTION api.case_work OWNER TO zwfw_staff;
SELECT zwfw.describe('case_work', zwfw.case_detail_schema('{
    "whole":{"type":"boolean"},
    "asks":{"type":"array","items":{"type":"object",
        "additionalProperties":false, "required":["n","kind","input"],
        "properties":{"n":{"type":"integer"}, "label":{"type":"string"},
            "kind":{"enum":["material","field"]}, "input":{"type":"string"},
            "material":{"type":"string"}, "field":{"type":"string"}}}},
    "remedies":{"type":"object", "additionalProperties":false,
        "properties":{"review":{"type":"string"},
            "litigation":{"type":"string"}}}}'));


-- GET case/{id}/files/{file}: for its applicant and for staff of the body.
-- Errors: case_not_found.

CREATE OR REPLACE FUNCTION zwfw.case_download(target text, wanted text)
RETURNS json
LANGUAGE plpgsql STABLE AS $$
DECLARE
    m  zwfw.case_materials;
BEGIN
    SELECT * INTO m FROM zwfw.case_materials o
     WHERE o.id = wanted::uuid AND o.case_id = target::uuid;

    IF NOT FOUND THEN
        PERFORM zwfw.fail('case_not_found', 404);
    END IF;

    RETURN zwfw.show_file(m.address, m.name);
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_download_staff(target text, wanted text)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    c  cases := case_of_body(target);
BEGIN
    RETURN case_download(c.id::text, wanted);
END $$;

ALTER FUNCTION zwfw.case_download_staff OWNER TO zwfw_staff;

CREATE OR REPLACE FUNCTION api.case_file(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    c  cases;
BEGIN
    IF my_body() IS NOT NULL THEN
        RETURN case_download_staff(args->>'id', args->>'file');
    END IF;

    c := case_own(args->>'id');
    RETURN case_download(c.id::text, args->>'file');
END $$;

ALTER FUNCTION api.case_file OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_file', '{"type":"object",
    "additionalProperties":false, "required":["file","name","size","type"],
    "properties":{"file":{"type":"string"}, "name":{"type":"string"},
        "size":{"type":"integer"}, "type":{"type":"string"}}}');


-- The papers that came of a case, the newest first, but for receipts: is.<kind>
-- is true; date: until when is to be corrected.

CREATE OR REPLACE FUNCTION zwfw.case_papers(c zwfw.cases, guide jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'kind', e.document, 'is', jsonb_build_object(e.document, true),
                'number', zwfw.case_paper(c, e), 'at', e.at,
                'reason', e.reason, 'remedy', e.data->'remedy',
                'remark', e.data->'note', 'since', e.data->'since',
                'result', e.data->'result',
                'items', zwfw.case_labelled(e.data->'items', guide),
                'date', CASE e.act WHEN 'correct' THEN
                        zwfw.deadline(e.at, 30) END)) ORDER BY e.seq DESC),
                '[]')
              FROM zwfw.case_events e
             WHERE e.case_id = c.id AND e.document <> 'receipt');
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_papers_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"array","items":{"type":"object",
        "additionalProperties":false, "required":["kind","is","number","at"],
        "properties":{"kind":{"type":"string"}, "number":{"type":"string"},
            "is":{"type":"object","additionalProperties":{"enum":[true]}},
            "at":{"type":"string","format":"date-time"},
            "reason":{"type":"string"}, "remedy":{"type":"string"},
            "remark":{"type":"string"},
            "since":{"type":"string","format":"date"},
            "date":{"type":"string","format":"date"},
            "result":{"type":"object", "additionalProperties":false,
                "properties":{"name":{"type":"string"},
                    "number":{"type":"string"},
                    "valid_until":{"type":"string","format":"date"}}},
            "items":' || zwfw.case_items_schema() || '}}}'
$$;

-- GET case/{id}/receipt: the last receipt for what was handed in, and the
-- other papers, to print, for the applicant and for staff of the body.
-- Errors: case_not_found, wrong_state: not received yet.

CREATE OR REPLACE FUNCTION zwfw.case_received(c zwfw.cases) RETURNS json
LANGUAGE plpgsql STABLE AS $$
DECLARE
    guide  jsonb := zwfw.case_guide(c);
    e      zwfw.case_events;
BEGIN
    SELECT * INTO e FROM zwfw.case_events o
     WHERE o.case_id = c.id AND o.document = 'receipt'
     ORDER BY o.seq DESC LIMIT 1;

    IF NOT FOUND THEN
        PERFORM zwfw.fail('wrong_state', 409);
    END IF;

    RETURN zwfw.case_subject(c.item, c.item_version, c.item_hash, guide)
        || jsonb_build_object('id', c.id, 'number', c.number,
               'receipt', zwfw.case_paper(c, e), 'at', e.at,
               'submitted_at', c.submitted_at, 'state', c.state,
               'applicant', jsonb_build_object('name', c.name),
               'window', coalesce(e.data->'window',
                                  guide->'places'->0->'name'),
               'papers', zwfw.case_papers(c, guide),
               'dates', jsonb_strip_nulls(jsonb_build_object(
                   'accepted_at', c.accepted_at,
                   'promise_due', c.promise_due, 'legal_due', c.legal_due)),
               'notice_due', zwfw.deadline(e.at, 5), 'materials', (
            SELECT coalesce(jsonb_agg(m - 'sm3'), '[]')
              FROM jsonb_array_elements(e.data->'materials') m));
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_received_staff(target text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN case_received(case_of_body(target));
END $$;

ALTER FUNCTION zwfw.case_received_staff OWNER TO zwfw_staff;

CREATE OR REPLACE FUNCTION api.case_receipt(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    IF my_body() IS NOT NULL THEN
        RETURN case_received_staff(args->>'id');
    END IF;

    RETURN case_received(case_own(args->>'id'));
END $$;

ALTER FUNCTION api.case_receipt OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_receipt', jsonb_build_object('type', 'object',
    'additionalProperties', false, 'required', '["id","number","receipt",
        "at","submitted_at","state","item","body","applicant","window",
        "notice_due","materials","papers","dates"]'::jsonb,
    'properties', zwfw.case_subject_schema() || zwfw.case_person_schema()
        || jsonb_build_object('papers', zwfw.case_papers_schema()::jsonb)
        || '{"id":{"type":"string","format":"uuid"},
             "dates":{"type":"object", "additionalProperties":false,
                 "properties":{
                     "accepted_at":{"type":"string","format":"date-time"},
                     "promise_due":{"type":"string","format":"date"},
                     "legal_due":{"type":"string","format":"date"}}},
             "number":{"type":"string"}, "receipt":{"type":"string"},
             "at":{"type":"string","format":"date-time"},
             "submitted_at":{"type":"string","format":"date-time"},
             "state":{"type":"string"}, "window":{"type":"string"},
             "notice_due":{"type":"string","format":"date"},
             "materials":{"type":"array","items":{"type":"object",
                 "additionalProperties":false,
                 "required":["code","name","count"],
                 "properties":{"code":{"type":"string"},
                     "name":{"type":"string"},
                     "count":{"type":"integer"}}}}}'::jsonb)::text);


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
                    WHEN 'mask' THEN left(c.name, 1)
                                     || repeat('*', length(c.name) - 1) END,
                'updated_at', c.updated_at, 'submitted_at', c.submitted_at,
                'promise_due', c.promise_due,
                'deadline', zwfw.case_deadline(c))
              FROM zwfw.bodies b WHERE b.id = c.body);
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_list_schema(more text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_set(l, '{properties}', (l->'properties') || more::jsonb)::text
      FROM (SELECT zwfw.list_schema('{"type":"object",
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
            "deadline":' || zwfw.case_deadline_schema() || '}}')::jsonb)
           AS x (l)
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

-- GET case/inbox: cases of the asking clerk's or approver's body; state, q
-- (a number), due: overdue, today, soon (two working days).  Errors:
-- not_allowed, bad_value, bad_cursor.

CREATE OR REPLACE FUNCTION api.case_inbox(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    mine   uuid := my_body();
    since  date := CASE WHEN args->>'due' IN ('today', 'soon') THEN today()
                   ELSE '-infinity' END;
    until  date := CASE args->>'due' WHEN 'overdue' THEN today() - 1
                   WHEN 'today' THEN today()
                   WHEN 'soon' THEN deadline(today(), 2)
                   ELSE 'infinity' END;
    items  json[];
BEGIN
    IF NOT has_role('approver') THEN
        PERFORM need_role('clerk');
    END IF;

    IF NOT coalesce(args->>'due', 'today') IN ('overdue', 'today', 'soon') THEN
        PERFORM fail('bad_value', 422, 'due');
    ELSIF NOT args ? 'q' THEN
        RETURN case_listing(args, ARRAY[mine], 'name', since, until);
    END IF;

    SELECT array_agg(case_row(c, 'name')) INTO items FROM cases c
     WHERE c.number = upper(args->>'q') AND c.body = mine;

    RETURN list(items, NULL, 1, coalesce(cardinality(items), 0), 1)::jsonb
           || jsonb_build_object('q', args->'q',
                  'tabs', case_tabs(ARRAY[mine], NULL),
                  'open', case_sum(ARRAY[mine], 'infinity'),
                  'overdue', case_sum(ARRAY[mine], today() - 1));
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
    below  uuid[] := my_bodies();
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


-- POST case/{id}/receive with version: the receipt is made out.  Errors:
-- not_allowed, case_not_found, case_changed, wrong_state, as all that follow.

CREATE OR REPLACE FUNCTION api.case_receive(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c      cases;
    guide  jsonb;
BEGIN
    PERFORM need_role('clerk');
    c := case_seen(case_of_body(args->>'id'), body->>'version');
    guide := case_guide(c);
    c := case_move(c, 'receive', NULL, jsonb_build_object(
             'window', guide->'places'->0->'name',
             'materials', case_listed(c, guide)));

    RETURN case_done(c, 'case_receive');
END $$;

ALTER FUNCTION api.case_receive OWNER TO zwfw_staff;
SELECT zwfw.describe('case_receive', zwfw.case_done_schema());

-- What may be asked for again: what was asked for, and what the applicant has
-- changed since.  NULL: nothing was asked for yet.

CREATE OR REPLACE FUNCTION zwfw.case_askable(c zwfw.cases) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_agg(x)
              FROM zwfw.case_events e,
                   LATERAL (SELECT coalesce(i->'material', i->'field')
                              FROM jsonb_array_elements(e.data->'items') i
                             UNION ALL
                            SELECT jsonb_array_elements(
                                       coalesce(e.data->'changed', '[]')
                                       || coalesce(e.data->'fields', '[]')))
                   AS n (x)
             WHERE e.case_id = c.id AND e.act IN ('correct', 'resubmit'));
END $$;

-- One line of a notice: a material or a field of the guide.  Errors:
-- missing, bad_value, case_corrected_once.

CREATE OR REPLACE FUNCTION zwfw.case_ask(guide jsonb, askable jsonb,
    item jsonb, path text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    key  text := coalesce(item->>'material', item->>'field');
BEGIN
    IF key IS NULL THEN
        PERFORM zwfw.fail('missing', 422, path || '.material');
    ELSIF item ?& '{material,field}' THEN
        PERFORM zwfw.fail('bad_value', 422, path || '.field');
    ELSIF item ? 'material' AND NOT guide->'materials' @> jsonb_build_array(
              jsonb_build_object('code', key))
    THEN
        PERFORM zwfw.fail('bad_value', 422, path || '.material');
    ELSIF item ? 'field' AND NOT coalesce(guide->'form', '[]')
              @> jsonb_build_array(jsonb_build_object('name', key))
          AND NOT key = ANY ('{applicant.name,applicant.id_number,
                               applicant.phone}')
    THEN
        PERFORM zwfw.fail('bad_value', 422, path || '.field');
    ELSIF askable IS NOT NULL AND NOT askable ? key THEN
        PERFORM zwfw.fail('case_corrected_once', 409, path);
    END IF;
END $$;

-- POST case/{id}/correct with version, items ({material or field, text}; one
-- without text is not asked for) and note: one notice of all that is missing.
-- Errors: those of case_ask, missing.

CREATE OR REPLACE FUNCTION api.case_correct(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    asked  jsonb := jsonb '[]';
    c      cases;
    i      integer;
    item   jsonb;
BEGIN
    PERFORM need_role('clerk');
    c := case_seen(case_of_body(args->>'id'), body->>'version');

    IF c.state = 'correction' THEN
        PERFORM fail('case_corrected_once', 409);
    END IF;

    FOR item, i IN SELECT e, n - 1 FROM jsonb_array_elements(body->'items')
                          WITH ORDINALITY AS x (e, n)
                    WHERE coalesce(trim(e->>'text'), '') <> ''
    LOOP
        PERFORM case_ask(case_guide(c), case_askable(c), item, 'items.' || i);
        asked := asked || item;
    END LOOP;

    IF asked = jsonb '[]' THEN
        PERFORM fail('missing', 422, 'items');
    END IF;

    c := case_move(c, 'correct', NULL,
                   jsonb_build_object('items', asked, 'note', body->'note'));
    RETURN case_done(c, 'case_correct');
END $$;

ALTER FUNCTION api.case_correct OWNER TO zwfw_staff;
SELECT zwfw.describe('case_correct', zwfw.case_done_schema());

-- POST case/{id}/accept with version: the promised time begins.

CREATE OR REPLACE FUNCTION api.case_accept(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c  cases;
BEGIN
    PERFORM need_role('clerk');
    c := case_seen(case_of_body(args->>'id'), body->>'version');
    c := case_move(c, 'accept');

    RETURN case_done(c, 'case_accept');
END $$;

ALTER FUNCTION api.case_accept OWNER TO zwfw_staff;
SELECT zwfw.describe('case_accept', zwfw.case_done_schema());

-- A refusal says why, and what can be done against it.

CREATE OR REPLACE FUNCTION zwfw.case_reasons(said jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF coalesce(trim(said->>'reason'), '') = '' THEN
        PERFORM zwfw.fail('missing', 422, 'reason');
    ELSIF coalesce(trim(said->>'remedy'), '') = '' THEN
        PERFORM zwfw.fail('missing', 422, 'remedy');
    END IF;

    RETURN jsonb_build_object('reason', said->'reason',
                              'remedy', said->'remedy');
END $$;

-- POST case/{id}/reject with version, reason and remedy: not accepted.
-- Errors: missing.

CREATE OR REPLACE FUNCTION api.case_reject(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c  cases;
BEGIN
    PERFORM need_role('clerk');
    c := case_seen(case_of_body(args->>'id'), body->>'version');
    c.result := case_reasons(body);
    c.outcome := 'rejected';
    c := case_move(c, 'reject', body->>'reason',
                   jsonb_build_object('remedy', body->'remedy'));

    RETURN case_done(c, 'case_reject');
END $$;

ALTER FUNCTION api.case_reject OWNER TO zwfw_staff;
SELECT zwfw.describe('case_reject', zwfw.case_done_schema());

-- Decides: whoever decides takes a case up that nobody did before; with the
-- decision it is closed.

CREATE OR REPLACE FUNCTION zwfw.case_decide(c zwfw.cases, act text, why text,
    data jsonb) RETURNS zwfw.cases
LANGUAGE plpgsql AS $$
BEGIN
    IF c.state = 'accepted' THEN
        c := zwfw.case_move(c, 'process');
    END IF;

    RETURN zwfw.case_move(zwfw.case_move(c, act, why, data), 'close');
END $$;

-- POST case/{id}/grant with version, result {name, number, valid_until} and
-- opinion.  Errors: missing, bad_date.

CREATE OR REPLACE FUNCTION api.case_grant(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c  cases;
BEGIN
    PERFORM need_role('approver');
    c := case_seen(case_of_body(args->>'id'), body->>'version');

    IF coalesce(trim(body->'result'->>'name'), '') = '' THEN
        PERFORM fail('missing', 422, 'result.name');
    ELSIF case_day(body->'result'->>'valid_until', 'result.valid_until')
          < today()
    THEN
        PERFORM fail('bad_date', 422, 'result.valid_until');
    END IF;

    c.outcome := 'granted';
    c.result := jsonb_strip_nulls(jsonb_build_object(
                    'name', body->'result'->'name',
                    'number', body->'result'->'number',
                    'valid_until', body->'result'->'valid_until'));
    c := case_decide(c, 'grant', NULL, jsonb_build_object(
             'opinion', body->'opinion', 'result', c.result));

    RETURN case_done(c, 'case_grant');
END $$;

ALTER FUNCTION api.case_grant OWNER TO zwfw_staff;
SELECT zwfw.describe('case_grant', zwfw.case_done_schema());

-- POST case/{id}/refuse with version, reason, remedy and opinion.  Errors:
-- missing.

CREATE OR REPLACE FUNCTION api.case_refuse(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c  cases;
BEGIN
    PERFORM need_role('approver');
    c := case_seen(case_of_body(args->>'id'), body->>'version');
    c.result := case_reasons(body);
    c.outcome := 'refused';
    c := case_decide(c, 'refuse', body->>'reason', jsonb_build_object(
             'opinion', body->'opinion', 'remedy', body->'remedy'));

    RETURN case_done(c, 'case_refuse');
END $$;

ALTER FUNCTION api.case_refuse OWNER TO zwfw_staff;
SELECT zwfw.describe('case_refuse', zwfw.case_done_schema());


-- A job, each minute: silence of five working days is acceptance; an
-- applicant who did not correct gets the papers back; old counters go.

CREATE OR REPLACE FUNCTION api.case_deem(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c         cases;
    deemed    integer := 0;
    returned  integer := 0;
BEGIN
    FOR c IN SELECT * FROM cases o
              WHERE o.state = 'received' AND o.due < today()
              ORDER BY o.due LIMIT 500 FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM case_silence(c);
        deemed := deemed + 1;
    END LOOP;

    FOR c IN SELECT * FROM cases o
              WHERE o.state = 'correction' AND o.correct_due < today()
              ORDER BY o.correct_due LIMIT 500 FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM case_move(c, 'expire');
        returned := returned + 1;
    END LOOP;

    DELETE FROM case_counters k WHERE k.day < today() - 100;

    RETURN json_build_object('deemed', deemed, 'returned', returned);
END $$;

ALTER FUNCTION api.case_deem OWNER TO zwfw_system;
SELECT zwfw.describe('case_deem', '{"type":"object",
    "additionalProperties":false, "required":["deemed","returned"],
    "properties":{"deemed":{"type":"integer"},
        "returned":{"type":"integer"}}}');
