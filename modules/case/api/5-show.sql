-- One case as pages show it: form, notice, progress, files.


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
                           ELSE v.at IS NOT NULL OR NOT over AND NOT
                                (v.n = 2 AND c.accepted_at IS NOT NULL)
                           END) s);
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
    roles   text[] := zwfw.roles_in(c.body);
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
               'silence', zwfw.case_silent(c), 'handed_at', c.handed_at,
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
                            handed_at,accepted_at,decided_at,
                            ended_at}'::text[]) k)
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
              "silence":' || zwfw.case_silent_schema() || ',
              "deadline":' || zwfw.case_deadline_schema() || '}')::jsonb)
        ::text
$$;

-- GET case/{id}: the asking applicant's case; offered: a draft whose item can
-- be applied for now.  Errors: case_not_found.

CREATE OR REPLACE FUNCTION api.case_show(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    c  cases := case_own(args->>'id');
BEGIN
    RETURN case_detail(c) || CASE WHEN c.state = 'draft' AND EXISTS (
            SELECT FROM items i WHERE i.code = c.item
               AND i.state = 'in_use' AND i.online)
        THEN '{"offered":true}' ELSE '{}' END::jsonb;
END $$;

ALTER FUNCTION api.case_show OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_show',
    zwfw.case_detail_schema('{"offered":{"enum":[true]}}'));


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
