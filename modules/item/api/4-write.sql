-- Writing items: drafts, and their approval by a second person.


-- A version as the asking one saw it, and in one of these states.  Errors:
-- item_not_found, changed_meanwhile, wrong_state.

CREATE OR REPLACE FUNCTION zwfw.item_seen(i zwfw.items, seen text,
    states text[]) RETURNS zwfw.items
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF i.id IS NULL THEN
        PERFORM zwfw.fail('item_not_found', 404);
    ELSIF i.revision IS DISTINCT FROM seen::integer THEN
        PERFORM zwfw.fail('changed_meanwhile', 409, 'revision');
    ELSIF NOT i.state = ANY (states) THEN
        PERFORM zwfw.fail('wrong_state', 409);
    END IF;

    RETURN i;
END $$;

-- The body in which the asking editor judges what another one writes: itself
-- or the one above it; NULL: none.

CREATE OR REPLACE FUNCTION zwfw.item_judge_of(office uuid) RETURNS uuid
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT e FROM zwfw.bodies b, unnest(zwfw.bodies_of('item_editor'))
                   AS e
             WHERE b.id = office AND e IN (b.id, b.parent)
             ORDER BY e <> b.id LIMIT 1);
END $$;

-- The draft that the asking item manager writes; locked.  Another body's is
-- not found.  Errors: those of item_seen.

CREATE OR REPLACE FUNCTION zwfw.item_mine(target text, seen text)
RETURNS zwfw.items
LANGUAGE plpgsql AS $$
DECLARE
    i  zwfw.items;
BEGIN
    SELECT * INTO i FROM zwfw.items o
     WHERE o.id = target::uuid
       AND o.body = ANY (zwfw.bodies_of('item_manager')) FOR UPDATE;

    i := zwfw.item_seen(i, seen, '{draft}');
    PERFORM zwfw.act_as('item_manager', i.body);
    RETURN i;
END $$;

-- The version that the asking editor, of its body or the one above, judges;
-- locked.  Errors: those of item_seen.

CREATE OR REPLACE FUNCTION zwfw.item_judged(target text, seen text,
    states text[]) RETURNS zwfw.items
LANGUAGE plpgsql AS $$
DECLARE
    i  zwfw.items;
BEGIN
    SELECT o.* INTO i FROM zwfw.items o
     WHERE o.id = target::uuid AND zwfw.item_judge_of(o.body) IS NOT NULL
       FOR UPDATE;

    i := zwfw.item_seen(i, seen, states);
    PERFORM zwfw.act_as('item_editor', zwfw.item_judge_of(i.body));
    RETURN i;
END $$;

-- Answer of an act, and its line in the audit trail.

CREATE OR REPLACE FUNCTION zwfw.item_done(action text, target uuid)
RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
    i  zwfw.items;
BEGIN
    SELECT * INTO i FROM zwfw.items o WHERE o.id = target;

    PERFORM zwfw.write_audit(action, 'item', i.code, 'ok',
                jsonb_strip_nulls(jsonb_build_object('version', i.version,
                    'state', i.state, 'reason', i.reason)));

    RETURN json_strip_nulls(json_build_object('id', i.id, 'code', i.code,
               'version', i.version, 'state', i.state,
               'revision', i.revision, 'effective_on', i.effective_on));
END $$;

-- What items are called, for the audit trail: by code, or by the id of a version.

CREATE OR REPLACE FUNCTION zwfw.item_names(ids text[])
RETURNS TABLE (id text, said jsonb)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT DISTINCT ON (n.id) n.id, jsonb_build_object('name', n.name)
      FROM (SELECT i.id::text, i.name, 0 AS age FROM zwfw.items i
             WHERE i.id = ANY (zwfw.uuids(ids))
             UNION ALL
            SELECT v.code, i.name, -v.version
              FROM zwfw.item_versions v JOIN zwfw.items i ON i.id = v.item
             WHERE v.code = ANY (ids)
             UNION ALL
            SELECT i.code, i.name, 1 FROM zwfw.items i
             WHERE i.code = ANY (ids)
               AND i.state IN ('draft', 'pending', 'approved')) n
     ORDER BY n.id, n.age;
END $$;

CREATE OR REPLACE FUNCTION zwfw.item_done_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"object", "additionalProperties":false,
        "required":["id","code","version","state","revision"],
        "properties":{"id":{"type":"string","format":"uuid"},
            "code":{"type":"string"}, "version":{"type":"integer"},
            "state":{"type":"string"}, "revision":{"type":"integer"},
            "effective_on":{"type":"string","format":"date"}}}'
$$;

-- A new draft: of an item of the directory that the body begins to offer, or
-- the next version of one that it offers.  Errors: unknown_catalog,
-- draft_exists.

CREATE OR REPLACE FUNCTION zwfw.item_new(new_id uuid, catalog text)
RETURNS zwfw.items
LANGUAGE plpgsql AS $$
DECLARE
    k     zwfw.item_catalog;
    b     zwfw.bodies;
    last  zwfw.items;
    item  text;
BEGIN
    SELECT * INTO k FROM zwfw.item_catalog o
     WHERE o.code = catalog AND o.state = 'in_use';
    IF NOT FOUND THEN
        PERFORM zwfw.fail('unknown_catalog', 422, 'catalog_code');
    END IF;

    SELECT * INTO STRICT b FROM zwfw.bodies o
     WHERE o.id = (zwfw.bodies_of('item_manager'))[1];
    PERFORM zwfw.act_as('item_manager', b.id);
    item := b.credit_code || b.level || k.code;
    SELECT * INTO last FROM zwfw.items o WHERE o.code = item
     ORDER BY o.version DESC LIMIT 1;
    IF NOT FOUND THEN
        last := zwfw.item_first(k);
    END IF;

    INSERT INTO zwfw.items AS o (id, code, version, catalog_code, name, type,
        body, level, region, project_type, anticipate_day, anticipate_type,
        promise_day, promise_type, fee, online, real_level, objects, topics,
        keywords, guide)
    VALUES (new_id, item, last.version + 1, k.code, last.name, k.type, b.id,
        b.level::text, b.region, last.project_type, last.anticipate_day,
        last.anticipate_type, last.promise_day, last.promise_type, last.fee,
        last.online, last.real_level, last.objects, last.topics,
        last.keywords, last.guide)
        ON CONFLICT DO NOTHING
    RETURNING o.* INTO last;
    IF NOT FOUND THEN
        PERFORM zwfw.fail('draft_exists', 409, 'catalog_code');
    END IF;

    RETURN last;
END $$;

-- What a first draft begins with.

CREATE OR REPLACE FUNCTION zwfw.item_first(k zwfw.item_catalog)
RETURNS zwfw.items
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    i  zwfw.items;
BEGIN
    i.version := 0;
    i.name := k.name;
    i.project_type := '2';
    i.anticipate_day := 20;
    i.anticipate_type := '1';
    i.promise_day := 20;
    i.promise_type := '1';
    i.fee := false;
    i.online := true;
    i.real_level := 1;
    i.objects := '{1}';
    i.topics := '{}';
    i.keywords := '{}';
    i.guide := '{}';

    RETURN i;
END $$;

-- Several words, folded: a JSON array, or a text with commas.

CREATE OR REPLACE FUNCTION zwfw.item_list(value jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    list  text[] := regexp_split_to_array(value->>0, '[,，、]');
BEGIN
    IF jsonb_typeof(value) = 'array' THEN
        list := ARRAY(SELECT jsonb_array_elements_text(value));
    END IF;

    RETURN ARRAY(SELECT trim(zwfw.fold(w)) FROM unnest(list) w
                  WHERE trim(zwfw.fold(w)) <> '');
END $$;


-- The columns that a draft's writer sets.  "picked" says what was chosen of
-- several, and that a whole form was sent: what it leaves out is empty.
-- Errors: bad_value.

CREATE OR REPLACE FUNCTION zwfw.item_patch(i zwfw.items, body jsonb)
RETURNS zwfw.items
LANGUAGE plpgsql STABLE AS $$
BEGIN
    i := jsonb_populate_record(i, (
             SELECT coalesce(jsonb_object_agg(key, value), '{}')
               FROM jsonb_each(body)
              WHERE key IN ('name', 'project_type', 'anticipate_day',
                            'anticipate_type', 'promise_day', 'promise_type',
                            'fee', 'online', 'real_level', 'effective_on')));
    i.objects := coalesce(zwfw.item_list(body->'objects'), i.objects);
    i.topics := coalesce(zwfw.item_list(body->'topics'), i.topics);
    i.keywords := coalesce(zwfw.item_list(body->'keywords'), i.keywords);

    IF body ? 'picked' THEN
        i.objects := zwfw.picked(body->'picked'->'objects');
        i.topics := zwfw.picked(body->'picked'->'topics');
        i.keywords := coalesce(zwfw.item_list(body->'keywords'), '{}');
        i.effective_on := (body->>'effective_on')::date;
    END IF;

    IF NOT i.objects <@ '{1,2,3,4,5,6,9}' OR cardinality(i.objects) = 0 THEN
        PERFORM zwfw.fail('bad_value', 422, 'objects');
    ELSIF NOT i.real_level BETWEEN 1 AND 5 THEN
        PERFORM zwfw.fail('bad_value', 422, 'real_level');
    ELSIF NOT i.project_type IN ('1', '2', '9') THEN
        PERFORM zwfw.fail('bad_value', 422, 'project_type');
    ELSIF NOT i.anticipate_type IN ('1', '2') THEN
        PERFORM zwfw.fail('bad_value', 422, 'anticipate_type');
    ELSIF NOT i.promise_type IN ('1', '2') THEN
        PERFORM zwfw.fail('bad_value', 422, 'promise_type');
    END IF;

    RETURN i;
END $$;

-- A suspension, cancellation or rejection says why.

CREATE OR REPLACE FUNCTION zwfw.need_reason(body jsonb) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF coalesce(trim(body->>'reason'), '') = '' THEN
        PERFORM zwfw.fail('missing', 422, 'reason');
    END IF;
END $$;

-- Words with a pause mark between them; sorted: their order says nothing.

CREATE OR REPLACE FUNCTION zwfw.item_join(words jsonb,
    sorted boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (SELECT string_agg(w, '、' ORDER BY CASE WHEN sorted THEN w END, n)
              FROM jsonb_array_elements_text(words)
                   WITH ORDINALITY AS o (w, n));
END $$;

-- The values of a document, row by row: member, which row of a list (its own
-- code, name or question), text; what is not so is as if not there.

CREATE OR REPLACE FUNCTION zwfw.item_values(doc jsonb)
RETURNS TABLE (field text, which text, text text)
LANGUAGE plpgsql IMMUTABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT key, NULL::text, CASE jsonb_typeof(e.value)
                            WHEN 'array' THEN zwfw.item_join(e.value, true)
                            ELSE CASE WHEN e.key IN ('fee', 'online')
                                 OR e.value <> 'false' THEN e.value->>0 END
                            END
      FROM jsonb_each(doc) e
     WHERE jsonb_typeof(e.value) <> 'object'
       AND coalesce(jsonb_typeof(e.value->0), '') <> 'object'
     UNION ALL
    SELECT e.key || '.' || m.key, NULL, m.value->>0
      FROM jsonb_each(doc) e, jsonb_each(e.value) m
     WHERE jsonb_typeof(e.value) = 'object';

    RETURN QUERY
    SELECT e.key || '.' || m.key,
           coalesce(r->>'code', r->>'name', r->>'question', n::text),
           CASE jsonb_typeof(m.value) WHEN 'array'
           THEN zwfw.item_join(m.value, m.key <> 'options')
           ELSE nullif(m.value, 'false')->>0 END
      FROM jsonb_each(doc) e,
           jsonb_array_elements(e.value) WITH ORDINALITY AS o (r, n),
           jsonb_each(r) m
     WHERE jsonb_typeof(e.value) = 'array'
       AND jsonb_typeof(e.value->0) = 'object';
END $$;

-- What people call a row of a list, and where it stands: a material by its
-- name, a field by its label.

CREATE OR REPLACE FUNCTION zwfw.item_called(doc jsonb, list text, which text,
    OUT name text, OUT place integer)
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    SELECT coalesce(r->>'label', r->>'name'), n
      INTO item_called.name, item_called.place
      FROM jsonb_array_elements(CASE jsonb_typeof(doc->list) WHEN 'array'
                                THEN doc->list ELSE '[]' END)
           WITH ORDINALITY AS o (r, n)
     WHERE which IN (r->>'code', r->>'name', r->>'label', r->>'question',
                     n::text)
     ORDER BY n LIMIT 1;
END $$;

-- The values that differ; "was" and "now" have codes apart, for their words.

CREATE OR REPLACE FUNCTION zwfw.item_changes(old jsonb, new jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                       'field', f, 'row', CASE WHEN row <> '' THEN coalesce(
                           (zwfw.item_called(new, key, row)).name,
                           (zwfw.item_called(old, key, row)).name, row) END,
                       'old', a.text,
                       'was', zwfw.item_timed(f, a.text, item_changes.old),
                       'new', b.text,
                       'now', zwfw.item_timed(f, b.text, item_changes.new)))
                       ORDER BY f, row), '[]')
              FROM (SELECT o.field, coalesce(o.which, '') AS row, o.text
                      FROM zwfw.item_values(old) o) a
              FULL JOIN (SELECT o.field, coalesce(o.which, '') AS row, o.text
                           FROM zwfw.item_values(new) o) b
             USING (field, row),
                   LATERAL (SELECT split_part(field, '.', 1)) AS m (key),
                   LATERAL (SELECT CASE WHEN zwfw.item_shape()
                                             ?| ARRAY[key, key || '!']
                                   THEN 'guide.' ELSE '' END || field)
                                AS n (f)
             WHERE field NOT IN ('version', 'topics.code')
               AND a.text IS DISTINCT FROM b.text);
END $$;

-- Everything that a writer sets and that is so, row by row: whoever approves
-- it has seen it.

CREATE OR REPLACE FUNCTION zwfw.item_members(doc jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_agg(m ORDER BY regexp_replace(m->>'field',
                                 '[.][^.]*$', ''), (zwfw.item_called(doc,
                       split_part(replace(m->>'field', 'guide.', ''), '.', 1),
                       m->>'row')).place, n)
              FROM jsonb_array_elements(zwfw.item_changes('{}', doc
                       - '{code,catalog_code,type,level,region,body}'::text[]))
                   WITH ORDINALITY AS o (m, n));
END $$;

-- What item_coded() says, and of a time its unit, which is another column.

CREATE OR REPLACE FUNCTION zwfw.item_timed(field text, value text, doc jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    unit  text := replace(field, '_day', '_type');
BEGIN
    IF value IS NOT NULL AND field IN ('anticipate_day', 'promise_day') THEN
        RETURN jsonb_build_object('values', jsonb_build_object(
                   field, ARRAY[value], unit, ARRAY[doc->>unit]));
    END IF;

    RETURN zwfw.item_coded(field, value);
END $$;

-- A code, or several, under the name of its group of words.

CREATE OR REPLACE FUNCTION zwfw.item_coded(field text, value text)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    name  text := regexp_replace(field, '^.*\.', '');
BEGIN
    IF zwfw.item_codes(field) IS NULL
        AND name NOT IN ('amount', 'effective_on', 'days')
    THEN
        name := 'yes';
        field := CASE WHEN value IN ('true', 'false') THEN field END;
    END IF;

    RETURN CASE WHEN (field || value) IS NOT NULL THEN jsonb_build_object(
               'values', jsonb_build_object(name,
                             string_to_array(value, '、'))) END;
END $$;

-- A line of the writers' and editors' lists.

CREATE OR REPLACE FUNCTION zwfw.item_draft_row(i zwfw.items) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN json_build_object('id', i.id, 'code', i.code, 'name', i.name,
        'version', i.version, 'state', i.state, 'reason', i.reason,
        'revision', i.revision, 'effective_on', i.effective_on,
        'updated_at', i.updated_at, 'own', zwfw.me() = ANY (i.authors),
        'body', (SELECT b.short_name FROM zwfw.bodies b WHERE b.id = i.body));
END $$;

CREATE OR REPLACE FUNCTION zwfw.item_draft_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"object", "additionalProperties":false,
        "required":["id","code","name","version","state","revision",
            "updated_at","own","body"],
        "properties":{"id":{"type":"string","format":"uuid"},
            "code":{"type":"string"}, "name":{"type":"string"},
            "version":{"type":"integer"}, "state":{"type":"string"},
            "reason":{"type":"string"}, "revision":{"type":"integer"},
            "effective_on":{"type":"string","format":"date"},
            "updated_at":{"type":"string","format":"date-time"},
            "own":{"type":"boolean"}, "body":{"type":"string"}}}'
$$;


-- A guide whose form has a name for each of its fields: people need not think
-- of one.  No name is taken that the form of before had.

CREATE OR REPLACE FUNCTION zwfw.item_named(guide jsonb, before jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    taken  text[] := ARRAY(SELECT e->>'name' FROM jsonb_array_elements(
                         coalesce(guide->'form', '[]')
                         || coalesce(before->'form', '[]')) e);
    list   jsonb := '[]'::jsonb;
    field  jsonb;
    n      integer := 1;
BEGIN
    FOR field IN SELECT e FROM jsonb_array_elements(guide->'form') e LOOP
        WHILE NOT field ? 'name' AND 'field_' || n = ANY (taken) LOOP
            n := n + 1;
        END LOOP;

        IF NOT field ? 'name' THEN
            field := field || jsonb_build_object('name', 'field_' || n);
            n := n + 1;
        END IF;

        list := list || field;
    END LOOP;

    RETURN CASE WHEN guide ? 'form'
           THEN guide || jsonb_build_object('form', list) ELSE guide END;
END $$;

-- Writes into a draft what was sent.  Errors: those of item_patch and
-- shape_check.

CREATE OR REPLACE FUNCTION zwfw.item_write(i zwfw.items, body jsonb)
RETURNS zwfw.items
LANGUAGE plpgsql AS $$
DECLARE
    shape  jsonb := zwfw.item_shape();
    given  jsonb;
BEGIN
    -- a form has amounts in yuan, JSON has them in fen
    IF NOT body ? 'picked' THEN
        shape := replace(shape::text, '"amount"', '"integer"')::jsonb;
    END IF;

    given := zwfw.shape_cast(body->'guide', shape);
    IF given IS NOT NULL THEN
        PERFORM zwfw.shape_check(given, shape, false, 'guide');
    END IF;

    i := zwfw.item_patch(i, body);
    i.guide := coalesce(zwfw.item_named(zwfw.shape_pack(given, shape),
                                        i.guide), i.guide);

    UPDATE zwfw.items o
       SET name = i.name, project_type = i.project_type,
           anticipate_day = i.anticipate_day,
           anticipate_type = i.anticipate_type,
           promise_day = i.promise_day, promise_type = i.promise_type,
           fee = i.fee, online = i.online, real_level = i.real_level,
           effective_on = i.effective_on, objects = i.objects,
           topics = i.topics, keywords = i.keywords, guide = i.guide,
           reason = NULL, revision = o.revision + 1, updated_at = zwfw.now(),
           authors = array_append(array_remove(o.authors, zwfw.me()),
                                  zwfw.me())
     WHERE o.id = i.id
    RETURNING o.* INTO i;

    RETURN i;
END $$;

-- POST item/drafts with catalog_code, POST item/drafts/{id} with revision:
-- writes a draft.  Errors: those of item_new, item_mine and item_write.

CREATE OR REPLACE FUNCTION api.item_save(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    i  items;
BEGIN
    PERFORM need_role('item_manager');

    IF args ? 'id' THEN
        i := item_mine(args->>'id', body->>'revision');
    ELSE
        i := item_new((args->>'new_id')::uuid, body->>'catalog_code');
    END IF;

    PERFORM item_write(i, body);

    RETURN item_done('item_save', i.id);
END $$;

ALTER FUNCTION api.item_save OWNER TO zwfw_staff;
SELECT zwfw.describe('item_save', zwfw.item_done_schema());


-- POST item/drafts/{id}/submit with revision: hands it to the editors, with
-- what else is sent written first.  Errors: those of item_mine, item_write,
-- and of the rules with their field.

CREATE OR REPLACE FUNCTION api.item_submit(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    i  items;
BEGIN
    PERFORM need_role('item_manager');
    i := item_mine(args->>'id', body->>'revision');

    IF body - 'revision' <> '{}' THEN
        i := item_write(i, body);
    END IF;

    PERFORM item_check(i);

    UPDATE items o SET state = 'pending', updated_at = zwfw.now(),
           authors = array_append(array_remove(o.authors, me()), me())
     WHERE o.id = i.id;

    RETURN item_done('item_submit', i.id);
END $$;

ALTER FUNCTION api.item_submit OWNER TO zwfw_staff;
SELECT zwfw.describe('item_submit', zwfw.item_done_schema());


-- POST item/drafts/{id}/drop with revision: a draft is deleted by one who wrote
-- it.  Errors: those of item_mine, not_writer.

CREATE OR REPLACE FUNCTION api.item_drop(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    i  items;
BEGIN
    PERFORM need_role('item_manager');
    i := item_mine(args->>'id', body->>'revision');

    IF NOT me() = ANY (i.authors) THEN
        PERFORM fail('not_writer', 403);
    END IF;

    PERFORM item_done('item_drop', i.id);
    DELETE FROM items o WHERE o.id = i.id;

    RETURN '{}'::json;
END $$;

ALTER FUNCTION api.item_drop OWNER TO zwfw_staff;
SELECT zwfw.describe('item_drop', '{"type":"object",
    "additionalProperties":false}');


-- POST item/drafts/{id}/approve with revision: puts it into use, or notes the
-- day on which it comes into use.  Errors: those of item_judged, same_person,
-- and those of the rules.

CREATE OR REPLACE FUNCTION api.item_approve(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    i  items;
BEGIN
    PERFORM need_role('item_editor');
    i := item_judged(args->>'id', body->>'revision', '{pending}');

    IF me() = ANY (i.authors) THEN
        PERFORM fail('same_person', 403);
    END IF;

    PERFORM item_check(i);
    UPDATE items o SET state = 'approved', approver = me(), reason = NULL,
           updated_at = zwfw.now()
     WHERE o.id = i.id;

    IF coalesce(i.effective_on, '-infinity') <= today() THEN
        PERFORM item_publish(i.id);
    END IF;

    RETURN item_done('item_approve', i.id);
END $$;

ALTER FUNCTION api.item_approve OWNER TO zwfw_staff;
SELECT zwfw.describe('item_approve', zwfw.item_done_schema());


-- POST item/drafts/{id}/reject with revision and reason: back to its writer,
-- also when it only waits for its day.  Errors: those of item_judged, missing.

CREATE OR REPLACE FUNCTION api.item_reject(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    i  items;
BEGIN
    PERFORM need_role('item_editor');
    PERFORM need_reason(body);
    i := item_judged(args->>'id', body->>'revision', '{pending,approved}');

    UPDATE items o SET state = 'draft', approver = NULL,
           reason = item_reject.body->>'reason',
           revision = o.revision + 1,
           updated_at = zwfw.now()
     WHERE o.id = i.id;

    RETURN item_done('item_reject', i.id);
END $$;

ALTER FUNCTION api.item_reject OWNER TO zwfw_staff;
SELECT zwfw.describe('item_reject', zwfw.item_done_schema());
