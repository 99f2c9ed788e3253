-- Acts of the staff: receive, correct, accept, reject, grant, refuse; jobs.


-- POST case/{id}/receive with version: the receipt is made out.  Errors:
-- not_allowed, case_not_found, case_changed, wrong_state, as all that follow.

CREATE OR REPLACE FUNCTION api.case_receive(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c      cases;
    guide  jsonb;
BEGIN
    c := case_task('clerk', args->>'id', body->>'version');
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
    c := case_task('clerk', args->>'id', body->>'version');

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
    c := case_task('clerk', args->>'id', body->>'version');
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
    c := case_task('clerk', args->>'id', body->>'version');
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
-- opinion.  Errors: missing, bad_date, day_past.

CREATE OR REPLACE FUNCTION api.case_grant(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c  cases;
BEGIN
    c := case_task('approver', args->>'id', body->>'version');

    IF coalesce(trim(body->'result'->>'name'), '') = '' THEN
        PERFORM fail('missing', 422, 'result.name');
    ELSIF NOT case_is_day(body->'result'->>'valid_until') THEN
        PERFORM fail('bad_date', 422, 'result.valid_until');
    ELSIF body->'result'->>'valid_until' < today()::text THEN
        PERFORM fail('day_past', 422, 'result.valid_until');
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
    c := case_task('approver', args->>'id', body->>'version');
    c.result := case_reasons(body);
    c.outcome := 'refused';
    c := case_decide(c, 'refuse', body->>'reason', jsonb_build_object(
             'opinion', body->'opinion', 'remedy', body->'remedy'));

    RETURN case_done(c, 'case_refuse');
END $$;

ALTER FUNCTION api.case_refuse OWNER TO zwfw_staff;
SELECT zwfw.describe('case_refuse', zwfw.case_done_schema());


-- One case of the job below is moved; false: it was not, and is told.

CREATE OR REPLACE FUNCTION zwfw.case_lapse(c zwfw.cases) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF c.state = 'correction' THEN
        PERFORM zwfw.case_move(c, 'expire');
    ELSE
        PERFORM zwfw.case_silence(c);
    END IF;

    RETURN true;

EXCEPTION WHEN OTHERS THEN
    RETURN zwfw.row_failed('case_deem', c.id, SQLSTATE, SQLERRM);
END $$;

-- A job, each minute: silence of five working days is acceptance, whether
-- somebody has taken the case in or not; an applicant who did not correct gets
-- the papers back; old counters go.  A case that fails stops no other.  What
-- is not yet counted by the calendar of now waits for api.case_recount.

CREATE OR REPLACE FUNCTION api.case_deem(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c         cases;
    deemed    integer := 0;
    returned  integer := 0;
    failed    integer := 0;
BEGIN
    FOR c IN SELECT * FROM cases o
              WHERE o.notice_due < today() AND o.calendar = calendar_version()
              ORDER BY o.notice_due FOR UPDATE SKIP LOCKED
    LOOP
        EXIT WHEN deemed = 500;

        IF case_lapse(c) THEN
            deemed := deemed + 1;
        ELSE
            failed := failed + 1;
        END IF;
    END LOOP;

    FOR c IN SELECT * FROM cases o
              WHERE o.state = 'correction' AND o.correct_due < today()
                    AND o.calendar = calendar_version()
              ORDER BY o.correct_due FOR UPDATE SKIP LOCKED
    LOOP
        EXIT WHEN returned = 500;

        IF case_lapse(c) THEN
            returned := returned + 1;
        ELSE
            failed := failed + 1;
        END IF;
    END LOOP;

    DELETE FROM case_counters k WHERE k.day < today() - 100;

    RETURN json_build_object('deemed', deemed, 'returned', returned,
                             'failed', failed);
END $$;

ALTER FUNCTION api.case_deem OWNER TO zwfw_system;
SELECT zwfw.describe('case_deem', '{"type":"object",
    "additionalProperties":false, "required":["deemed","returned","failed"],
    "properties":{"deemed":{"type":"integer"},
        "returned":{"type":"integer"}, "failed":{"type":"integer"}}}');


-- One case of the job below is counted; false: it was not, and is told.  It is
-- the same version of the case: who writes it meanwhile has read the old limits
-- with the old calendar, and its turn comes again.

CREATE OR REPLACE FUNCTION zwfw.case_count_anew(c zwfw.cases) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    c := zwfw.case_recounted(c);
    UPDATE zwfw.cases o
       SET calendar = c.calendar, due = c.due, notice_due = c.notice_due,
           correct_due = c.correct_due, promise_due = c.promise_due,
           legal_due = c.legal_due
     WHERE o.id = c.id;

    RETURN true;

EXCEPTION WHEN OTHERS THEN
    RETURN zwfw.row_failed('case_recount', c.id, SQLSTATE, SQLERRM);
END $$;

-- A job, each ten seconds: limits that run are counted anew after a notice of
-- holidays was loaded.  What has ended stays as it is.

CREATE OR REPLACE FUNCTION api.case_recount(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c          cases;
    recounted  integer := 0;
    failed     integer := 0;
BEGIN
    FOR c IN SELECT * FROM cases o
              WHERE o.open AND o.calendar < calendar_version()
              ORDER BY o.calendar FOR UPDATE SKIP LOCKED
    LOOP
        EXIT WHEN recounted = 500;

        IF case_count_anew(c) THEN
            recounted := recounted + 1;
        ELSE
            failed := failed + 1;
        END IF;
    END LOOP;

    RETURN json_build_object('recounted', recounted, 'failed', failed);
END $$;

ALTER FUNCTION api.case_recount OWNER TO zwfw_system;
SELECT zwfw.describe('case_recount', '{"type":"object",
    "additionalProperties":false, "required":["recounted","failed"],
    "properties":{"recounted":{"type":"integer"},
        "failed":{"type":"integer"}}}');
