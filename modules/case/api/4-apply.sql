-- The applicant's acts: draft, apply, save, submit, drop, withdraw, resubmit.


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
    UPDATE zwfw.case_materials m SET body = c.body WHERE m.case_id = c.id;
    c.number := zwfw.case_number(c.body);

    RETURN zwfw.case_move(c, 'submit', NULL, jsonb_build_object(
               'item_version', c.item_version, 'item_hash', c.item_hash,
               'materials', zwfw.case_listed(c, guide)));
END $$;

-- POST case/draft: begins an application.  Errors: those of case_item,
-- case_say.

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
-- case_draft.

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
-- those of case_save.

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
-- was asked for at once.  Errors: those of case_save.

CREATE OR REPLACE FUNCTION api.case_resubmit(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    old      cases := case_seen(case_own(args->>'id'), body->>'version');
    guide    jsonb := case_guide(old);
    changed  text[];
    c        cases;
BEGIN
    IF old.state <> 'correction' THEN
        PERFORM fail('wrong_state', 409);
    END IF;

    c := case_say(old, guide, body - 'note', true);
    changed := case_put(c, guide, body->'materials');
    c := case_move(c, 'resubmit', NULL, jsonb_build_object(
             'note', body->'note', 'changed', to_jsonb(changed),
             'fields', case_altered(old, c),
             'materials', case_listed(c, guide)));
    RETURN case_done(c);
END $$;

ALTER FUNCTION api.case_resubmit OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_resubmit', zwfw.case_done_schema());
