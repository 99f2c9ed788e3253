-- What all functions of cases share: number, form, materials, clock, events.
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
-- Errors: item_not_found, item_not_offered, item_not_for_you, level_too_low.

CREATE OR REPLACE FUNCTION zwfw.case_item(item text)
RETURNS zwfw.item_versions
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v      zwfw.item_versions;
    least  smallint;
BEGIN
    SELECT o.* INTO v
      FROM zwfw.items i JOIN zwfw.item_versions o ON o.item = i.id
     WHERE i.code = case_item.item AND i.state = 'in_use' AND i.online;

    IF NOT FOUND THEN
        PERFORM FROM zwfw.item_versions o WHERE o.code = case_item.item;
        PERFORM zwfw.fail(CASE WHEN FOUND THEN 'item_not_offered'
                          ELSE 'item_not_found' END,
                          CASE WHEN FOUND THEN 409 ELSE 404 END);
    END IF;

    IF NOT v.document::jsonb->'objects' ? '1' THEN
        PERFORM zwfw.fail('item_not_for_you', 409);
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


-- A day of the form, as text.

CREATE OR REPLACE FUNCTION zwfw.case_is_day(value text) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT AS $$
BEGIN
    RETURN value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
           AND isfinite(value::date);

EXCEPTION
    WHEN datetime_field_overflow THEN
        RETURN false;
END $$;

-- What is wrong with an answer: missing, bad_type, too_long, too_large,
-- bad_date, bad_value; NULL: nothing.  Forms send strings.

CREATE OR REPLACE FUNCTION zwfw.case_fault(f jsonb, value jsonb,
    whole boolean) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    kind   text := f->>'type';
    given  text := value #>> '{}';
    most   integer := coalesce((f->>'size')::integer,
                          CASE kind WHEN 'integer' THEN 999999999
                          WHEN 'text' THEN 500 ELSE 100 END);
BEGIN
    IF coalesce(trim(given), '') = '' THEN
        RETURN CASE WHEN whole AND (f->>'required')::boolean
               THEN 'missing' END;
    ELSIF jsonb_typeof(value) IN ('object', 'array')
       OR kind = 'integer' AND given !~ '^[0-9]{1,9}$'
       OR kind = 'boolean' AND given NOT IN ('true', 'false', 'on')
       OR kind NOT IN ('integer', 'boolean')
          AND jsonb_typeof(value) <> 'string'
    THEN
        RETURN concat_ws(' ', 'bad_type', kind, most);
    END IF;

    RETURN CASE WHEN kind = 'integer' AND given::integer > most
                THEN concat('too_large integer ', most)
                WHEN kind IN ('line', 'text') AND length(given) > most
                THEN concat_ws(' ', 'too_long', kind, most)
                WHEN kind = 'choice' AND NOT f->'options' ? given
                     OR kind = 'line' AND given ~ '[\n\t]'
                THEN concat_ws(' ', 'bad_value', kind, most)
                WHEN kind = 'date' AND NOT zwfw.case_is_day(given)
                THEN 'bad_date date 0' END;
END $$;

-- The answers to a form in which nothing is wrong, each of its type.

CREATE OR REPLACE FUNCTION zwfw.case_answers(guide jsonb, given jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_object_agg(a.name, CASE a.kind
                       WHEN 'integer' THEN to_jsonb(a.text::integer)
                       WHEN 'boolean' THEN to_jsonb(a.text <> 'false')
                       ELSE to_jsonb(trim(a.text)) END), '{}')
              FROM (SELECT f->>'name' AS name, f->>'type' AS kind,
                           given->(f->>'name') #>> '{}' AS text
                      FROM jsonb_array_elements(guide->'form') f) a
             WHERE coalesce(trim(a.text), '') <> '');
END $$;

-- What is wrong with the files that are said to be those of a material, a
-- list of {code, file}: too_many, bad_value, bad_file_type, missing; of one
-- that was asked for: not_corrected; NULL: nothing.

CREATE OR REPLACE FUNCTION zwfw.case_file_fault(c zwfw.cases, material jsonb,
    list jsonb, whole boolean, asked boolean) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    key    text := material->>'code';
    named  boolean := list @> jsonb_build_array(
                                  jsonb_build_object('code', key));
    files  jsonb[] := ARRAY(SELECT e->'file' FROM jsonb_array_elements(list) e
                             WHERE e->>'code' = key AND e ? 'file');
    there  text[] := ARRAY(SELECT m.id::text FROM zwfw.case_materials m
                            WHERE m.case_id = c.id AND m.code = key
                              AND m.dropped_at IS NULL);
    kept   text[] := ARRAY(SELECT lower(f #>> '{}') FROM unnest(files) f
                            WHERE jsonb_typeof(f) = 'string');
BEGIN
    IF NOT named THEN
        RETURN CASE WHEN whole AND material->>'need' = '1' AND there = '{}'
               THEN 'missing files' WHEN asked THEN 'not_corrected' END;
    ELSIF cardinality(files) > coalesce((material->>'files')::integer, 5) THEN
        RETURN concat('too_many files ',
                      coalesce((material->>'files')::integer, 5));
    ELSIF NOT kept <@ there OR EXISTS (
              SELECT FROM unnest(files) f
               WHERE NOT (jsonb_typeof(f) = 'string' OR f ? 'file'))
    THEN
        RETURN 'bad_value';
    END IF;

    RETURN CASE WHEN EXISTS (SELECT FROM unnest(files) f WHERE f ? 'type'
                AND NOT material->'kinds' ? split_part(f->>'type', '/', 2))
                THEN 'bad_file_type'
                WHEN whole AND material->>'need' = '1' AND files = '{}'
                THEN 'missing files'
                WHEN asked AND cardinality(files) = cardinality(kept)
                     AND there <@ kept
                THEN 'not_corrected' END;
END $$;

-- All that is wrong with what an applicant says, at once; in the order of the
-- page.  whole: nothing may be missing.

CREATE OR REPLACE FUNCTION zwfw.case_check(c zwfw.cases, guide jsonb,
    given jsonb, list jsonb, whole boolean) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    asked  jsonb := CASE WHEN whole AND c.state = 'correction'
                    THEN zwfw.case_asked(c) END;
BEGIN
    PERFORM zwfw.fail_all(coalesce(jsonb_agg(jsonb_build_array(x.field,
                x.code) ORDER BY x.part, x.n, x.field), '[]'))
       FROM (SELECT 1, n, 'applicant.' || v.name, CASE WHEN whole
                    AND v.value IS NULL THEN 'missing' END
               FROM (VALUES (1, 'name', c.name),
                            (2, 'id_number', c.id_number),
                            (3, 'phone', c.phone)) AS v (n, name, value)
              UNION ALL
             SELECT 2, n, 'form.' || (f->>'name'),
                    zwfw.case_fault(f, given->(f->>'name'), whole)
               FROM jsonb_array_elements(guide->'form')
                    WITH ORDINALITY AS e (f, n)
              UNION ALL
             SELECT 3, 0, 'form.' || k, 'unknown_field'
               FROM jsonb_object_keys(given) k
              WHERE NOT coalesce(guide->'form', '[]') @> jsonb_build_array(
                        jsonb_build_object('name', k))
              UNION ALL
             SELECT 4, n, 'materials.' || (m->>'code'),
                    zwfw.case_file_fault(c, m, list, whole,
                        asked @> jsonb_build_array(jsonb_build_object(
                                     'material', m->'code')))
               FROM jsonb_array_elements(guide->'materials')
                    WITH ORDINALITY AS e (m, n)
              UNION
             SELECT 5, 0, 'materials.' || (e->>'code'), 'unknown_material'
               FROM jsonb_array_elements(list) e
              WHERE NOT coalesce(guide->'materials', '[]')
                    @> jsonb_build_array(jsonb_build_object('code',
                                                            e->'code')))
            AS x (part, n, field, code)
      WHERE x.code IS NOT NULL;
END $$;

-- What an applicant says: applicant, form, note; its materials are looked at
-- as well, before they are put there.  Errors: those of case_check.

CREATE OR REPLACE FUNCTION zwfw.case_say(c zwfw.cases, guide jsonb,
    said jsonb, whole boolean) RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
DECLARE
    person  jsonb := said->'applicant';
    given   jsonb := coalesce(said->'form', (
                SELECT jsonb_object_agg(f->>'name', c.form->(f->>'name'))
                  FROM jsonb_array_elements(guide->'form') f
                 WHERE c.form ? (f->>'name')), '{}');
BEGIN
    c.name := coalesce(person->>'name', c.name);
    c.id_number := coalesce(person->'id_number'->>'sealed', c.id_number);
    c.phone := coalesce(person->'phone'->>'sealed', c.phone);
    c.note := coalesce(said->>'note', c.note);

    PERFORM zwfw.case_check(c, guide, given,
                            coalesce(said->'materials', '[]'), whole);
    c.form := zwfw.case_answers(guide, given);

    RETURN c;
END $$;


-- Files for materials, a list of {code, file} that case_check has let pass.
-- The files of a material that is named become the ones listed: file is an
-- upload, or the id of one that is there and stays; {code} alone leaves none.
-- Returns the codes of the materials that have changed.

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

        IF zwfw.case_files(c, material, ARRAY(
               SELECT e->'file' FROM jsonb_array_elements(list) e
                WHERE e->>'code' = key AND e ? 'file'))
        THEN
            changed := changed || key;
        END IF;
    END LOOP;

    RETURN changed;
END $$;

-- The files of one material; have they changed?

CREATE OR REPLACE FUNCTION zwfw.case_files(c zwfw.cases, material jsonb,
    list jsonb[]) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    file     jsonb;
    added    integer := 0;
    dropped  integer := zwfw.case_unkeep(c, material->>'code', ARRAY(
                            SELECT (f #>> '{}')::uuid FROM unnest(list) f
                             WHERE jsonb_typeof(f) = 'string'));
BEGIN
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
BEGIN
    INSERT INTO zwfw.case_materials (id, case_id, owner, body, code, address,
                                     name, size, type, sm3, at)
    VALUES (row_id, c.id, c.owner, CASE WHEN c.state <> 'draft' THEN c.body
            END, material->>'code', zwfw.keep_file(file, 'case_materials', row_id),
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

-- A limit as the calendar counts it now: one that was over when the notice was
-- loaded stays, and none is over before.

CREATE OR REPLACE FUNCTION zwfw.case_limit(last date, counted date,
    loaded date) RETURNS date
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN last >= loaded
           THEN greatest(counted, zwfw.deadline(loaded, 0)) ELSE last END;
END $$;

-- The limits of a case, counted anew if a notice was loaded since they were.
-- An applicant who was given a day to correct has no less.

CREATE OR REPLACE FUNCTION zwfw.case_recounted(c zwfw.cases)
RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
DECLARE
    p       zwfw.cases;
    loaded  date := (SELECT min(k.loaded_on) FROM zwfw.calendars k
                      WHERE k.version > c.calendar);
BEGIN
    c.calendar := zwfw.calendar_version();

    IF loaded IS NULL THEN
        RETURN c;
    ELSIF c.state IN ('submitted', 'received') THEN
        c.notice_due := zwfw.case_limit(c.notice_due,
                            zwfw.deadline(c.handed_at, 5), loaded);
        c.due := CASE c.state WHEN 'received' THEN c.notice_due
                 ELSE zwfw.case_limit(c.due,
                          zwfw.deadline(c.submitted_at, 2), loaded) END;
    ELSIF c.state = 'correction' THEN
        c.correct_due := greatest(c.correct_due, (
            SELECT zwfw.case_limit(c.correct_due, zwfw.deadline(e.at, 30),
                                   loaded)
              FROM zwfw.case_events e
             WHERE e.case_id = c.id AND e.act = 'correct'
             ORDER BY e.seq DESC LIMIT 1));
    ELSIF c.state IN ('accepted', 'processing') THEN
        p := zwfw.case_promise(c, c.accepted_at);
        c.promise_due := zwfw.case_limit(c.promise_due, p.promise_due, loaded);
        c.legal_due := zwfw.case_limit(c.legal_due, p.legal_due, loaded);
        c.due := c.promise_due;
    END IF;

    RETURN c;
END $$;

-- The limits that a move starts and ends, in working days: 2 to receive, 5 to
-- say what is missing, both since the materials came; 30 to correct, 10 to
-- hand over the decision.

CREATE OR REPLACE FUNCTION zwfw.case_clock(c zwfw.cases, m zwfw.case_moves)
RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
DECLARE
    t  timestamptz := zwfw.now();
BEGIN
    c := zwfw.case_recounted(c);
    c.correct_due := NULL;

    IF m.clock IN ('receive', 'notice') THEN
        c.handed_at := t;
        c.notice_due := zwfw.deadline(t, 5);
    ELSIF m.clock NOT IN ('take', 'keep') THEN
        c.notice_due := NULL;
    END IF;

    CASE m.clock
    WHEN 'receive' THEN
        c.submitted_at := t;
        c.due := zwfw.deadline(t, 2);
    WHEN 'take', 'notice' THEN
        c.received_at := t;
        c.due := c.notice_due;
    WHEN 'correct' THEN
        c.due := 'infinity';
        c.correct_due := zwfw.deadline(t, 30);
    WHEN 'promise' THEN
        c.deemed := m.act = 'deem';
        c := zwfw.case_promise(c, CASE WHEN c.deemed THEN c.handed_at
                                  ELSE t END);
    WHEN 'close' THEN
        c.decided_at := t;
        c.due := zwfw.deadline(t, 10);
    WHEN 'pause', 'stop' THEN
        c.due := 'infinity';
        c.ended_at := CASE m.clock WHEN 'stop' THEN t END;
    WHEN 'keep' THEN
        NULL;
    END CASE;

    RETURN c;
END $$;


-- The days that the paper of a move names: what it says, it says for good.

CREATE OR REPLACE FUNCTION zwfw.case_days(c zwfw.cases, m zwfw.case_moves)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN m.clock IN ('take', 'notice')
                THEN jsonb_build_object('due', c.notice_due)
                WHEN m.clock = 'correct'
                THEN jsonb_build_object('due', c.correct_due)
                WHEN m.clock = 'promise'
                THEN jsonb_build_object('due', c.promise_due,
                                        'legal_due', c.legal_due)
                ELSE '{}' END;
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
           handed_at = c.handed_at, notice_due = c.notice_due,
           received_at = c.received_at, accepted_at = c.accepted_at,
           decided_at = c.decided_at, ended_at = c.ended_at, due = c.due,
           correct_due = c.correct_due, promise_due = c.promise_due,
           legal_due = c.legal_due, calendar = c.calendar,
           deemed = c.deemed, outcome = c.outcome, result = c.result
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
        PERFORM zwfw.act_as(m.who, c.body);
    END IF;

    IF m.reason AND coalesce(trim(why), '') = '' THEN
        PERFORM zwfw.fail('missing', 422, 'reason');
    END IF;

    c := zwfw.case_clock(c, m);
    c.state := m.to_state;
    c := zwfw.case_write(c, m.from_state);
    PERFORM zwfw.case_event(c, m, why, coalesce(data, '{}')
                                       || zwfw.case_days(c, m));

    RETURN c;
END $$;


-- Has the body said nothing for five working days since the materials came?
-- Then the law has the case accepted, from that day; also where no clerk has
-- taken it in.

CREATE OR REPLACE FUNCTION zwfw.case_lapsed(c zwfw.cases) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT coalesce(c.notice_due < zwfw.today(), false)
$$;

CREATE OR REPLACE FUNCTION zwfw.case_silence(c zwfw.cases)
RETURNS zwfw.cases
LANGUAGE plpgsql AS $$
BEGIN
    RETURN zwfw.case_move(c, 'deem', NULL, jsonb_build_object('since',
               (c.handed_at AT TIME ZONE 'Asia/Shanghai')::date));
END $$;

-- A case as the law has it now, to be shown.

CREATE OR REPLACE FUNCTION zwfw.case_as_is(c zwfw.cases) RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
BEGIN
    c := zwfw.case_recounted(c);

    IF zwfw.case_lapsed(c) THEN
        c := zwfw.case_promise(c, c.handed_at);
        c.state := 'accepted';
        c.deemed := true;
        c.notice_due := NULL;
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

-- A case of a body of the asking clerk or approver.  Errors: not_allowed,
-- case_not_found.

CREATE OR REPLACE FUNCTION zwfw.case_of_body(target text) RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
DECLARE
    mine  uuid[] := zwfw.bodies_of('clerk', 'approver');
    c     zwfw.cases;
BEGIN
    IF mine = '{}' THEN
        PERFORM zwfw.fail('not_allowed', 403);
    END IF;

    SELECT * INTO c FROM zwfw.cases o
     WHERE o.id = target::uuid AND o.body = ANY (mine)
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

    c := zwfw.case_recounted(c);

    IF zwfw.case_lapsed(c) THEN
        c := zwfw.case_silence(c);
    END IF;

    RETURN c;
END $$;

-- A case on which the asking person acts in a role, which must be held in its
-- body.  Errors: those of case_of_body and case_seen.

CREATE OR REPLACE FUNCTION zwfw.case_task(role text, target text, seen text)
RETURNS zwfw.cases
LANGUAGE plpgsql AS $$
DECLARE
    c  zwfw.cases := zwfw.case_of_body(target);
BEGIN
    PERFORM zwfw.act_as(role, c.body);
    RETURN zwfw.case_seen(c, seen);
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

-- Until when the body may still speak, before the case counts as accepted.
-- risk: today or on the next working day.

CREATE OR REPLACE FUNCTION zwfw.case_silent(c zwfw.cases) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    rest  integer := zwfw.working_days_between(zwfw.today(), c.notice_due);
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object('date', c.notice_due,
               'weekday', extract(isodow FROM c.notice_due),
               'remaining', rest, 'risk', CASE WHEN rest < 2 THEN true END,
               'today', CASE WHEN c.notice_due = zwfw.today() THEN true END))
     WHERE c.notice_due IS NOT NULL;
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_silent_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"object", "additionalProperties":false,
        "required":["date","weekday","remaining"], "properties":{
        "date":{"type":"string","format":"date"},
        "weekday":{"type":"integer"}, "remaining":{"type":"integer"},
        "risk":{"enum":[true]}, "today":{"enum":[true]}}}'
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

-- What cases are called, for the audit trail.  Drafts have no number yet.

CREATE OR REPLACE FUNCTION zwfw.case_names(ids text[])
RETURNS TABLE (id text, said jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    PERFORM need_role('operator');

    RETURN QUERY SELECT c.id::text, jsonb_build_object('name',
                            concat_ws(' ', c.item_name, c.number))
                   FROM cases c WHERE c.id = ANY (uuids(ids));
END $$;

ALTER FUNCTION zwfw.case_names(text[]) OWNER TO zwfw_system;

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
