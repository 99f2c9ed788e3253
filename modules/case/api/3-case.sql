-- What all functions of cases share: number, guide, events, moves, whose a case
-- is.
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
