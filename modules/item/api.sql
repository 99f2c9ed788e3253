-- Functions of items: what is offered, found, written and approved.


-- The shape of a guide, zwfw.items.guide; "!": a published one has it.
--   stage: accept, review, approve, close, deliver
--   need: 1 always, 2 not always, 3 may follow; format: 1 paper, 2 file, 3 any
--   source: 10 applicant, 20 administration, 99 other; kinds: of files
--   result_type: 10 licence, 20 document, 99 other; amount: in fen
--   form.type: line, text, integer, date, choice, boolean; none is personal:
--   what identifies an applicant is asked for, and sealed, with each case

CREATE OR REPLACE FUNCTION zwfw.item_shape() RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{
    "accept_condition!": "text", "limit_explain": "text", "minutes": "integer",
    "flow!": [{"stage!": "text", "name!": "text", "days": "integer",
        "note": "text"}],
    "special_procedure": [{"name!": "text", "days": "integer",
        "note": "text"}],
    "materials!": [{"code!": "text", "name!": "text", "need!": "text",
        "format": "text", "source!": "text", "issuer": "text",
        "blank": "text", "sample": "text", "kinds": ["text"],
        "files": "integer", "note": "text"}],
    "fees": [{"name!": "text", "amount!": "integer", "unit": "text",
        "basis!": "text"}],
    "pay_online": "boolean", "express": "boolean", "terminal": "boolean",
    "schedule": "boolean",
    "questions": [{"question!": "text", "answer!": "text"}],
    "places!": [{"name!": "text", "address!": "text", "hours!": "text",
        "phone": "text"}],
    "phones!": {"consult!": "text", "complain!": "text"},
    "basis!": [{"name!": "text", "article": "text", "text": "text"}],
    "result": {"result_type!": "text", "name!": "text",
        "validity": "text"},
    "form": [{"name!": "text", "label!": "text", "type!": "text",
        "required": "boolean", "size": "integer", "options": ["text"],
        "hint": "text"}],
    "visits!": "integer", "visit_reason": "text", "online_depth": ["text"],
    "handle_types": ["text"], "handle_area": "text",
    "power_source!": "text", "entrust_name": "text", "refines": "boolean",
    "anticipate_explain": "text", "promise_explain": "text",
    "remedies!": {"review!": "text", "litigation!": "text"}
    }'::jsonb
$$;

-- The JSON Schema of a shape.

CREATE OR REPLACE FUNCTION zwfw.shape_schema(shape jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    CASE jsonb_typeof(shape)
    WHEN 'object' THEN
        RETURN (SELECT jsonb_build_object('type', 'object',
                    'additionalProperties', false,
                    'required', coalesce(jsonb_agg(rtrim(key, '!'))
                                         FILTER (WHERE key LIKE '%!'), '[]'),
                    'properties', jsonb_object_agg(rtrim(key, '!'),
                                      zwfw.shape_schema(value)))
                  FROM jsonb_each(shape));

    WHEN 'array' THEN
        RETURN jsonb_build_object('type', 'array',
                   'items', zwfw.shape_schema(shape->0));

    ELSE
        RETURN jsonb_build_object('type',
                   CASE shape WHEN '"text"' THEN '"string"' ELSE shape END);
    END CASE;
END $$;

-- Has a value this shape?  whole: with all that a published one has.
-- Errors: bad_type, too_long, missing, unknown_field.

CREATE OR REPLACE FUNCTION zwfw.shape_check(value jsonb, shape jsonb,
    whole boolean, path text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    kind  text := CASE WHEN jsonb_typeof(shape) <> 'string'
                  THEN jsonb_typeof(shape) ELSE shape->>0 END;
    given text := CASE jsonb_typeof(value) WHEN 'string' THEN 'text'
                  WHEN 'number' THEN 'integer' ELSE jsonb_typeof(value) END;
    key   text;
    sub   jsonb;
BEGIN
    IF kind <> given
       OR kind = 'integer' AND value::text !~ '^[0-9]{1,9}$'
    THEN
        PERFORM zwfw.fail('bad_type', 422, path);
    END IF;

    IF kind = 'text' AND length(value->>0) > 4000
       OR kind = 'array' AND jsonb_array_length(value) > 100
    THEN
        PERFORM zwfw.fail('too_long', 422, path);
    END IF;

    IF kind = 'array' THEN
        FOR i IN 0 .. jsonb_array_length(value) - 1 LOOP
            PERFORM zwfw.shape_check(value->i, shape->0, whole,
                                     path || '.' || i);
        END LOOP;

    ELSIF kind = 'object' THEN
        PERFORM zwfw.shape_keys(value, shape, whole, path);

        FOR key, sub IN SELECT e.key, e.value FROM jsonb_each(value) e LOOP
            PERFORM zwfw.shape_check(sub, coalesce(shape->key,
                        shape->(key || '!')), whole, path || '.' || key);
        END LOOP;
    END IF;
END $$;

-- The members of an object, for zwfw.shape_check().

CREATE OR REPLACE FUNCTION zwfw.shape_keys(value jsonb, shape jsonb,
    whole boolean, path text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    key  text;
BEGIN
    FOR key IN SELECT k FROM jsonb_object_keys(value) k
                WHERE NOT shape ?| ARRAY[k, k || '!'] LIMIT 1
    LOOP
        PERFORM zwfw.fail('unknown_field', 422, path || '.' || key);
    END LOOP;

    FOR key IN SELECT rtrim(k, '!') FROM jsonb_object_keys(shape) k
                WHERE whole AND k LIKE '%!' AND NOT value ? rtrim(k, '!')
                LIMIT 1
    LOOP
        PERFORM zwfw.fail('missing', 422, path || '.' || key);
    END LOOP;
END $$;

-- A value as forms send it in the types of a shape: what was typed, a list of
-- words as one text, a choice of several as {"is_<code>": "on"}; a row that is
-- to go is {}.  What does not fit stays as it is, for zwfw.shape_check().

CREATE OR REPLACE FUNCTION zwfw.shape_cast(value jsonb, shape jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    kind  text := jsonb_typeof(value) || ' ' || coalesce(
                      nullif(jsonb_typeof(shape), 'string'), shape->>0, '');
BEGIN
    IF kind = 'object object' THEN
        RETURN (SELECT coalesce(jsonb_object_agg(key, v), '{}')
                  FROM jsonb_each(value) e,
                       zwfw.shape_cast(e.value, coalesce(shape->key,
                                           shape->(key || '!'))) v
                 WHERE v <> '""');

    ELSIF kind = 'array array' THEN
        RETURN (SELECT coalesce(jsonb_agg(zwfw.shape_cast(
                           zwfw.shape_row(e), shape->0)), '[]')
                  FROM jsonb_array_elements(value) e);

    ELSIF kind = 'object array' AND shape->0 = '"text"' THEN
        RETURN to_jsonb(zwfw.picked(value));

    ELSIF kind = 'string array' AND shape->0 = '"text"' THEN
        RETURN to_jsonb(zwfw.shape_words(value->>0));

    ELSIF kind = 'string text' THEN
        RETURN to_jsonb(btrim(replace(value->>0, E'\r\n', E'\n'), E' \n\t'));

    ELSIF kind = 'string integer' AND value->>0 ~ '^[0-9]{1,9}$' THEN
        RETURN to_jsonb((value->>0)::integer);

    ELSIF kind = 'string boolean' AND value->>0 IN ('true', 'on', 'false') THEN
        RETURN to_jsonb((value->>0)::boolean);
    END IF;

    RETURN value;
END $$;

-- A row of a form: "row" says that it is there when nothing else was filled
-- in, "remove" that it is to go.

CREATE OR REPLACE FUNCTION zwfw.shape_row(value jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF jsonb_typeof(value) <> 'object' THEN
        RETURN value;
    END IF;

    RETURN CASE WHEN value ? 'remove' THEN '{}' ELSE value - 'row' END;
END $$;

-- What was chosen of several: the codes of "is_<code>", in order.

CREATE OR REPLACE FUNCTION zwfw.picked(value jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ARRAY(SELECT substr(key, 4)
                   FROM jsonb_each(CASE jsonb_typeof(value) WHEN 'object'
                                   THEN value ELSE '{}' END)
                  WHERE starts_with(key, 'is_') ORDER BY key);
END $$;

-- Words that were typed with commas between them.

CREATE OR REPLACE FUNCTION zwfw.shape_words(words text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ARRAY(SELECT trim(w)
                   FROM regexp_split_to_table(words, '[,，、\n]') w
                  WHERE trim(w) <> '');
END $$;

-- A checked value as it is stored: without rows that are empty, and without
-- empty lists that nobody needs.

CREATE OR REPLACE FUNCTION zwfw.shape_pack(value jsonb, shape jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    CASE jsonb_typeof(value)
    WHEN 'object' THEN
        RETURN (SELECT coalesce(jsonb_object_agg(key, v), '{}')
                  FROM jsonb_each(value) e,
                       zwfw.shape_pack(e.value, coalesce(shape->key,
                                           shape->(key || '!'))) v
                 WHERE v NOT IN ('[]', '{}') OR shape ? (key || '!'));

    WHEN 'array' THEN
        RETURN (SELECT coalesce(jsonb_agg(v ORDER BY n), '[]')
                  FROM jsonb_array_elements(value)
                       WITH ORDINALITY AS e (e, n),
                       zwfw.shape_pack(e, shape->0) v
                 WHERE v <> '{}');

    ELSE
        RETURN value;
    END CASE;
END $$;


-- The form of a value: for each member of its shape an input with name and
-- value, for each list its rows and two more.

CREATE OR REPLACE FUNCTION zwfw.shape_form(given jsonb, shape jsonb,
    path text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    field  text := regexp_replace(path, '\.[0-9]+', '', 'g');
BEGIN
    IF jsonb_typeof(shape) = 'object' THEN
        RETURN (SELECT jsonb_object_agg(name,
                           zwfw.shape_form(given->name, e.value,
                               concat_ws('.', nullif(path, ''), name))
                           || CASE WHEN e.key LIKE '%!' THEN '{"must":true}'
                              ELSE '{}' END::jsonb)
                  FROM jsonb_each(shape) e, rtrim(e.key, '!') name);

    ELSIF jsonb_typeof(shape->0) = 'object' THEN
        RETURN jsonb_build_object('input', path, 'field', field, 'rows', (
            SELECT jsonb_agg(zwfw.shape_form(given->n, shape->0,
                                             path || '.' || n)
                       || jsonb_build_object('number', n + 1, 'row',
                              path || '.' || n, 'drop', jsonb_build_object(
                                  'input', path || '.' || n || '.remove'))
                       ORDER BY n)
              FROM generate_series(0, coalesce(jsonb_array_length(given), 0)
                                      + 1) n));
    END IF;

    RETURN jsonb_build_object('input', path, 'field', field)
           || zwfw.shape_input(given, path, field);
END $$;

-- One input: a text, one of several codes, or several of them.

CREATE OR REPLACE FUNCTION zwfw.shape_input(value jsonb, path text,
    field text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    name   text := regexp_replace(field, '^.*\.', '');
    codes  text[] := zwfw.item_codes(field);
    many   boolean := name IN ('kinds', 'online_depth', 'handle_types',
                               'objects', 'topics');
BEGIN
    IF many THEN
        RETURN jsonb_build_object('picks', (
            SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                       CASE name WHEN 'topics' THEN 'topic' ELSE name END,
                       code, 'audience', CASE WHEN code LIKE 'u%' THEN 'natural'
                                         WHEN code LIKE 'c%' THEN 'legal' END,
                       'input', CASE WHEN path = name THEN 'picked.' ELSE ''
                                END || path || '.is_' || code,
                       'value', CASE WHEN value ? code THEN 'on' END))
                       ORDER BY n)
              FROM unnest(codes) WITH ORDINALITY AS c (code, n)));

    ELSIF codes IS NOT NULL THEN
        RETURN jsonb_build_object('options', (
            SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(name, code,
                       'input', path, 'option', code,
                       'chosen', nullif(value->>0 = code, false)))
                       ORDER BY n)
              FROM unnest(codes) WITH ORDINALITY AS c (code, n)));
    END IF;

    RETURN jsonb_strip_nulls(jsonb_build_object('value',
        CASE jsonb_typeof(value)
        WHEN 'array' THEN zwfw.item_join(value)
        WHEN 'boolean' THEN nullif(value->>0, 'false')
        ELSE value->>0 END));
END $$;

-- The codes of a field; NULL: it is not one of several.

CREATE OR REPLACE FUNCTION zwfw.item_codes(field text) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF field = 'topics' THEN
        RETURN ARRAY(SELECT t.code FROM zwfw.item_topics t
                      ORDER BY left(t.code, 1) DESC, t.code);
    END IF;

    RETURN (CASE field
        WHEN 'project_type' THEN '{1,2,9}'
        WHEN 'anticipate_type' THEN '{1,2}'
        WHEN 'promise_type' THEN '{1,2}'
        WHEN 'fee' THEN '{false,true}'
        WHEN 'online' THEN '{true,false}'
        WHEN 'real_level' THEN '{1,2,3,4,5}'
        WHEN 'objects' THEN '{1,2,3,4,5,6,9}'
        WHEN 'guide.flow.stage' THEN '{accept,review,approve,close,deliver}'
        WHEN 'guide.materials.need' THEN '{1,2,3}'
        WHEN 'guide.materials.format' THEN '{1,2,3}'
        WHEN 'guide.materials.source' THEN '{10,20,99}'
        WHEN 'guide.materials.kinds' THEN '{jpeg,png,pdf,ofd}'
        WHEN 'guide.result.result_type' THEN '{10,20,99}'
        WHEN 'guide.form.type' THEN '{line,text,integer,date,choice,boolean}'
        WHEN 'guide.online_depth' THEN '{1,2,3,4,5,6,9}'
        WHEN 'guide.handle_types' THEN '{1,2,3,4,9}'
        WHEN 'guide.handle_area' THEN '{1,2,3,4,5,6}'
        WHEN 'guide.power_source' THEN '{1,2,3,4,5,6}'
        END)::text[];
END $$;


-- What is published of an item, and what its hash is of.

CREATE OR REPLACE FUNCTION zwfw.item_document(i zwfw.items) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'code', i.code, 'version', i.version, 'catalog_code', i.catalog_code,
        'name', i.name, 'type', i.type, 'level', i.level,
        'project_type', i.project_type, 'anticipate_day', i.anticipate_day,
        'anticipate_type', i.anticipate_type, 'promise_day', i.promise_day,
        'promise_type', i.promise_type, 'fee', i.fee, 'online', i.online,
        'real_level', i.real_level, 'objects', i.objects,
        'keywords', i.keywords, 'effective_on', i.effective_on,
        'topics', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                              'code', t.code, 'name', t.name)
                              ORDER BY t.code), '[]')
                     FROM zwfw.item_topics t WHERE t.code = ANY (i.topics)),
        'region', (SELECT jsonb_build_object('code', r.code, 'name', r.name)
                     FROM zwfw.regions r WHERE r.code = i.region),
        'body', (SELECT jsonb_build_object('id', b.id,
                            'credit_code', b.credit_code, 'name', b.name,
                            'short_name', b.short_name)
                   FROM zwfw.bodies b WHERE b.id = i.body))) || i.guide;
END $$;

-- Schema of it, with more members; of a draft nothing of the guide is sure.

CREATE OR REPLACE FUNCTION zwfw.item_schema(more jsonb, required jsonb,
    draft boolean DEFAULT false) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('type', 'object', 'additionalProperties', false,
               'required', (b->'required') || (g->'required') || required,
               'properties', (b->'properties') || (g->'properties') || more)
      FROM zwfw.shape_schema(CASE WHEN draft
               THEN replace(zwfw.item_shape()::text, '!"', '"')::jsonb
               ELSE zwfw.item_shape() END) g,
           zwfw.shape_schema('{"code!": "text", "version!": "integer",
               "catalog_code!": "text", "name!": "text", "type!": "text",
               "level!": "text", "project_type!": "text",
               "anticipate_day!": "integer", "anticipate_type!": "text",
               "promise_day!": "integer", "promise_type!": "text",
               "fee!": "boolean", "online!": "boolean",
               "real_level!": "integer", "objects!": ["text"],
               "keywords!": ["text"], "effective_on": "text",
               "topics!": [{"code!": "text", "name!": "text"}],
               "region!": {"code!": "text", "name!": "text"},
               "body!": {"id!": "text", "credit_code!": "text",
                         "name!": "text", "short_name!": "text"}}') b
$$;


-- Puts a version into use: the one before it becomes history, the document is
-- kept, every node drops its pages.

CREATE OR REPLACE FUNCTION zwfw.item_publish(target uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    i    zwfw.items;
    doc  text;
BEGIN
    SELECT * INTO STRICT i FROM zwfw.items WHERE id = target;
    UPDATE zwfw.items o SET state = 'replaced', updated_at = zwfw.now()
     WHERE o.code = i.code AND o.state IN ('in_use', 'suspended');
    UPDATE zwfw.items u
       SET state = 'in_use', updated_at = zwfw.now(),
           heat = coalesce((SELECT max(o.heat) FROM zwfw.items o
                             WHERE o.code = i.code), 0)
     WHERE u.id = target;

    doc := zwfw.item_document(i)::text;
    INSERT INTO zwfw.item_versions (code, version, item, document, hash,
                                    published_at)
    VALUES (i.code, i.version, target, doc::json,
            encode(sha256(convert_to(doc, 'UTF8')), 'hex'), zwfw.now());

    PERFORM zwfw.item_changed(i.code);
END $$;

-- Pages of an item and lists of items are to be made anew.

CREATE OR REPLACE FUNCTION zwfw.item_changed(code text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('zwfw_cache', 'item/' || code);
    PERFORM pg_notify('zwfw_cache', 'item');
END $$;


-- GET item/{code}: the guide, of the version in force or of args.version.
-- A suspended or cancelled item is shown with its reason.
-- Errors: item_not_found.

CREATE OR REPLACE FUNCTION api.item_show(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    v     item_versions;
    i     items;
    head  json;
BEGIN
    SELECT * INTO v FROM item_versions o
     WHERE o.code = args->>'code'
       AND o.version <= coalesce((args->>'version')::integer, 2147483647)
     ORDER BY o.version DESC LIMIT 1;

    IF NOT FOUND THEN
        PERFORM fail('item_not_found', 404);
    END IF;

    SELECT o.state, o.online, o.reason INTO i.state, i.online, i.reason
      FROM items o WHERE o.id = v.item;

    head := json_strip_nulls(json_build_object('state', i.state,
                'applicable', i.state = 'in_use' AND i.online,
                'reason', i.reason, 'hash', v.hash,
                'published_at', v.published_at));

    RETURN (left(head::text, -1) || ','
            || substr(v.document::text, 2))::json;
END $$;

ALTER FUNCTION api.item_show OWNER TO zwfw_citizen;
SELECT zwfw.describe('item_show', zwfw.item_schema('{
    "state":{"enum":["in_use","suspended","cancelled","replaced"]},
    "applicable":{"type":"boolean"}, "reason":{"type":"string"},
    "hash":{"type":"string","pattern":"^[0-9a-f]{64}$"},
    "published_at":{"type":"string","format":"date-time"}}',
    '["state","applicable","hash","published_at"]'));


-- The rules of a complete and consistent implementing list; each names the
-- field that breaks it.

CREATE OR REPLACE FUNCTION zwfw.item_check(i zwfw.items) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    rule  record;
BEGIN
    PERFORM zwfw.shape_check(i.guide, zwfw.item_shape(), true, 'guide');

    FOR rule IN
        SELECT * FROM zwfw.item_rules_time(i)
        UNION ALL SELECT * FROM zwfw.item_rules_place(i)
        UNION ALL SELECT * FROM zwfw.item_rules_materials(i)
        UNION ALL SELECT * FROM zwfw.item_rules_form(i)
        UNION ALL SELECT * FROM zwfw.item_rules_result(i)
        UNION ALL SELECT * FROM zwfw.item_rules_law(i)
    LOOP
        IF rule.broken THEN
            PERFORM zwfw.fail(rule.code, 422, rule.field);
        END IF;
    END LOOP;
END $$;

-- Times, kind and fees.

CREATE OR REPLACE FUNCTION zwfw.item_rules_time(i zwfw.items)
RETURNS TABLE (broken boolean, code text, field text)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    legal    numeric := CASE i.anticipate_type WHEN '2'
                        THEN i.anticipate_day * 5 / 7.0
                        ELSE i.anticipate_day END;
    promise  numeric := CASE i.promise_type WHEN '2'
                        THEN i.promise_day * 5 / 7.0
                        ELSE i.promise_day END;
    fees     integer := coalesce(jsonb_array_length(i.guide->'fees'), 0);
    paid     boolean := coalesce((i.guide->>'pay_online')::boolean, false);
BEGIN
    RETURN QUERY VALUES
    (promise > legal, 'promise_longer_than_legal', 'promise_day'),
    (i.type = '01' AND legal > 20 AND NOT i.guide ? 'anticipate_explain',
        'legal_time_needs_basis', 'guide.anticipate_explain'),
    (i.project_type = '1' AND promise > 1, 'not_at_once', 'promise_day'),
    (i.project_type <> '1' AND promise = 0, 'not_at_once', 'project_type'),
    (i.fee AND fees = 0, 'fee_missing', 'guide.fees'),
    (i.fee AND NOT paid, 'fee_not_payable_online', 'guide.pay_online'),
    (NOT i.fee AND fees > 0, 'fee_unexpected', 'guide.fees'),
    (NOT i.fee AND paid, 'fee_unexpected', 'guide.pay_online');
END $$;

-- Visits, ways of applying, telephones, topics.

CREATE OR REPLACE FUNCTION zwfw.item_rules_place(i zwfw.items)
RETURNS TABLE (broken boolean, code text, field text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    visits  integer := (i.guide->>'visits')::integer;
    phone   text := '^0[0-9]{2,3}-[0-9]{7,8}$';
    a       text := i.guide->'phones'->>'consult';
    b       text := i.guide->'phones'->>'complain';
BEGIN
    RETURN QUERY VALUES
    (visits > 0 AND NOT i.guide ? 'visit_reason', 'visit_needs_reason',
        'guide.visit_reason'),
    (visits = 0 AND i.guide ? 'visit_reason', 'visit_reason_unexpected',
        'guide.visit_reason'),
    (visits > 0 AND i.guide->'online_depth' @> '["5"]',
        'online_needs_no_visit', 'guide.visits'),
    (visits = 0 AND NOT i.online
        AND NOT coalesce(i.guide->'handle_types', '[]') ?| '{3,4}',
        'neither_online_nor_mail', 'guide.handle_types'),
    (a !~ phone, 'phone_without_area', 'guide.phones.consult'),
    (b !~ phone, 'phone_without_area', 'guide.phones.complain'),
    (a = b, 'phones_equal', 'guide.phones.complain'),
    ('1' = ANY (i.objects) AND NOT EXISTS (
        SELECT FROM unnest(i.topics) t WHERE t LIKE 'u%'),
        'topic_missing', 'topics'),
    (i.objects && '{2,3,4,5,6,9}' AND NOT EXISTS (
        SELECT FROM unnest(i.topics) t WHERE t LIKE 'c%'),
        'topic_missing', 'topics'),
    (EXISTS (SELECT t FROM unnest(i.topics) t
             EXCEPT SELECT k.code FROM zwfw.item_topics k),
        'unknown_topic', 'topics');
END $$;

-- Materials.

CREATE OR REPLACE FUNCTION zwfw.item_rules_materials(i zwfw.items)
RETURNS TABLE (broken boolean, code text, field text)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT bad, word, 'guide.materials.' || n - 1 || '.' || part
      FROM jsonb_array_elements(i.guide->'materials')
           WITH ORDINALITY AS e (m, n),
           LATERAL (VALUES
        (m->>'need' = '1' AND m->>'source' = '10'
            AND NOT m ?| '{blank,sample}', 'material_needs_sample', 'sample'),
        (m->>'source' = '20' AND NOT m ? 'issuer', 'material_needs_issuer',
            'issuer'),
        (m->>'need' NOT IN ('1', '2', '3'), 'bad_value', 'need'),
        (m->>'source' NOT IN ('10', '20', '99'), 'bad_value', 'source'),
        (EXISTS (SELECT FROM jsonb_array_elements(i.guide->'materials')
                       WITH ORDINALITY AS o (m, n)
                  WHERE o.m->'code' = e.m->'code' AND o.n < e.n),
            'duplicate', 'code')) AS r (bad, word, part);
END $$;

-- Form of the application.

CREATE OR REPLACE FUNCTION zwfw.item_rules_form(i zwfw.items)
RETURNS TABLE (broken boolean, code text, field text)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT bad, word, 'guide.form.' || n - 1 || '.' || part
      FROM jsonb_array_elements(i.guide->'form')
           WITH ORDINALITY AS e (f, n),
           LATERAL (VALUES
        (f->>'name' !~ '^[a-z][a-z0-9_]{0,39}$', 'bad_value', 'name'),
        (f->>'type' NOT IN ('line', 'text', 'integer', 'date', 'choice',
            'boolean'), 'bad_value', 'type'),
        (f->>'type' = 'choice' AND NOT f ? 'options', 'missing', 'options'),
        (EXISTS (SELECT FROM jsonb_array_elements(i.guide->'form')
                       WITH ORDINALITY AS o (f, n)
                  WHERE o.f->'name' = e.f->'name' AND o.n < e.n),
            'duplicate', 'name')) AS r (bad, word, part);
END $$;

-- Result.

CREATE OR REPLACE FUNCTION zwfw.item_rules_result(i zwfw.items)
RETURNS TABLE (broken boolean, code text, field text)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    name  text := i.guide->'result'->>'name';
    type  text := i.guide->'result'->>'result_type';
    path  text := 'guide.result.result_type';
BEGIN
    RETURN QUERY VALUES
    (name LIKE '%证' AND type <> '10', 'result_type', path),
    ((name LIKE '%文' OR name LIKE '%批复') AND type <> '20', 'result_type',
        path),
    (type NOT IN ('10', '20', '99'), 'bad_value', path);
END $$;

-- Basis, directory, procedure.

CREATE OR REPLACE FUNCTION zwfw.item_rules_law(i zwfw.items)
RETURNS TABLE (broken boolean, code text, field text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    c  zwfw.item_catalog;
BEGIN
    SELECT * INTO c FROM zwfw.item_catalog k WHERE k.code = i.catalog_code;

    RETURN QUERY VALUES
    (c.state <> 'in_use', 'catalog_cancelled', 'code'),
    (NOT i.level = ANY (c.levels), 'level_not_in_catalog', 'code'),
    (i.name <> c.name AND NOT coalesce((i.guide->>'refines')::boolean, false),
        'name_not_in_catalog', 'name'),
    (NOT EXISTS (SELECT FROM jsonb_array_elements(i.guide->'basis') b
                  WHERE b->>'name' = c.basis),
        'basis_not_in_catalog', 'guide.basis'),
    (i.guide->>'power_source' NOT IN ('1', '2', '3', '4', '5', '6'),
        'bad_value', 'guide.power_source'),
    (i.guide->>'power_source' IN ('5', '6')
        AND NOT i.guide ? 'entrust_name', 'entrust_missing',
        'guide.entrust_name'),
    (i.type = '01' AND coalesce(jsonb_array_length(
        i.guide->'questions'), 0) = 0, 'question_missing',
        'guide.questions'),
    (i.type = '01' AND NOT ARRAY(SELECT f->>'stage'
        FROM jsonb_array_elements(i.guide->'flow') f)
        @> '{accept,review,approve,close,deliver}', 'stage_missing',
        'guide.flow'),
    (jsonb_array_length(i.guide->'materials') = 0
        AND i.type = '01', 'material_missing', 'guide.materials');
END $$;


-- What a search asks of zwfw.items.words; NULL: there is no word in q.
-- Errors: bad_value.

CREATE OR REPLACE FUNCTION zwfw.item_query(args jsonb, path text[])
RETURNS tsquery
LANGUAGE plpgsql STABLE AS $$
DECLARE
    list   text[] := coalesce(zwfw.tokens(left(args->>'q', 100), true), '{}');
    part   record;
    words  tsquery;
    place  tsquery;
BEGIN
    IF args ? 'q' AND cardinality(list) = 0 THEN
        RETURN NULL;
    END IF;

    FOR part IN SELECT * FROM (VALUES ('o:', 'object'), ('t:', 'type'),
                    ('p:', 'topic'), ('c:', 'catalog')) AS v (mark, name)
                 WHERE args ? v.name
    LOOP
        IF args->>part.name !~ '^[0-9a-z]{1,12}$' THEN
            PERFORM zwfw.fail('bad_value', 422, part.name);
        END IF;

        list := list || (part.mark || (args->>part.name));
    END LOOP;

    SELECT string_agg(quote_literal(w), ' & ')::tsquery INTO words
      FROM unnest(list) w;
    SELECT string_agg(quote_literal('r:' || r), ' | ')::tsquery INTO place
      FROM unnest(path) r;

    RETURN coalesce(words && place, words, place, $q$'s:'$q$);
END $$;

-- Offered items that fit, best first: the name itself, names that begin with
-- the words, names and other words that hold them, the rest; among equals
-- nearer regions, then what is asked for often.  GIN alone finds them.

CREATE OR REPLACE FUNCTION zwfw.item_find(query tsquery, wanted text,
    path text[], c text[], most integer)
RETURNS TABLE (id uuid, score integer, heat integer)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
    SELECT f.id, f.score, f.heat
      FROM (SELECT i.id, i.heat,
                   CASE WHEN wanted IS NULL OR i.folded = wanted THEN 0
                        WHEN starts_with(i.folded, wanted) THEN 10
                        WHEN strpos(i.folded, wanted) > 0
                             OR wanted = ANY (i.keywords) THEN 20
                        ELSE 30 END
                   + coalesce(array_position(path, i.region), 9) AS score
              FROM zwfw.items i WHERE i.words @@ query) f
     WHERE c IS NULL
        OR (f.score, -f.heat, f.id)
           > (c[1]::integer, -c[2]::integer, c[3]::uuid)
     ORDER BY f.score, f.heat DESC, f.id
     LIMIT most;
END $$;

-- The same without words and region, where nothing but demand makes an order.

CREATE OR REPLACE FUNCTION zwfw.item_top(query tsquery, c text[],
    most integer)
RETURNS TABLE (id uuid, score integer, heat integer)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN QUERY
    SELECT i.id, 0, i.heat
      FROM zwfw.items i
     WHERE i.state IN ('in_use', 'suspended')
       AND (query = $q$'s:'$q$::tsquery OR i.words @@ query)
       AND i.heat <= coalesce(c[2]::integer, 2147483647)
       AND (c IS NULL OR (-i.heat, i.id) > (-c[2]::integer, c[3]::uuid))
     ORDER BY i.heat DESC, i.id
     LIMIT most;
END $$;

-- One row for each item that fits, to count.

CREATE OR REPLACE FUNCTION zwfw.item_count(query tsquery, most integer)
RETURNS SETOF integer
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    IF query = $q$'s:'$q$::tsquery THEN
        RETURN QUERY SELECT 1 FROM zwfw.items i
                      WHERE i.state IN ('in_use', 'suspended') LIMIT most;
        RETURN;
    END IF;

    RETURN QUERY SELECT 1 FROM zwfw.items i WHERE i.words @@ query LIMIT most;
END $$;

-- A line of a list.

CREATE OR REPLACE FUNCTION zwfw.item_row(target uuid) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_build_object('code', i.code, 'name', i.name,
                'type', i.type, 'state', i.state, 'level', i.level,
                'region', json_build_object('code', r.code, 'name', r.name),
                'body', json_build_object('id', b.id, 'name', b.short_name),
                'project_type', i.project_type,
                'promise_day', i.promise_day, 'promise_type', i.promise_type,
                'fee', i.fee, 'online', i.online, 'objects', i.objects)
              FROM zwfw.items i
              JOIN zwfw.regions r ON r.code = i.region
              JOIN zwfw.bodies b ON b.id = i.body
             WHERE i.id = target);
END $$;

-- The region that was chosen, those above and those right below.

CREATE OR REPLACE FUNCTION zwfw.item_regions(path text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                       'code', r.code, 'name', r.name, 'level', r.level,
                       'chosen', CASE WHEN r.code = path[1] THEN true END))
                       ORDER BY r.level, r.code), '[]')
              FROM zwfw.regions r
             WHERE r.parent IS NULL OR r.code = ANY (path)
                OR r.parent = coalesce(path[1], '000000'));
END $$;


-- GET item/: q, region (all: everywhere), object, type, topic, catalog.
-- Errors: bad_value, bad_cursor.

CREATE OR REPLACE FUNCTION api.item_search(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    c      text[] := after(args, 'int4', 'int4', 'uuid');
    lim    integer := lim(args);
    path   text[] := region_path(coalesce(args->>'region', my_region()));
    query  tsquery := item_query(args, path);
    wanted text := fold(trim(args->>'q'));
    items  json[];
    keys   jsonb[];
    total  bigint;
BEGIN
    IF args ? 'region' AND args->>'region' <> 'all' AND path IS NULL THEN
        PERFORM fail('bad_value', 422, 'region');
    END IF;

    IF wanted IS NULL AND path IS NULL THEN
        SELECT array_agg(item_row(f.id)),
               array_agg(jsonb_build_array(f.score, f.heat, f.id))
          INTO items, keys FROM item_top(query, c, lim + 1) f;
    ELSE
        SELECT array_agg(item_row(f.id)),
               array_agg(jsonb_build_array(f.score, f.heat, f.id))
          INTO items, keys FROM item_find(query, wanted, path, c, lim + 1) f;
    END IF;

    SELECT count(*) INTO total FROM item_count(query, 1001);

    RETURN (list(items, keys, lim, total, 1000)::jsonb
            || jsonb_build_object('regions', item_regions(path))
            || jsonb_strip_nulls(jsonb_build_object('q', args->'q')))::json;
END $$;

ALTER FUNCTION api.item_search OWNER TO zwfw_citizen;
SELECT zwfw.describe('item_search', jsonb_set(jsonb_set(
    zwfw.list_schema('{"type":"object", "additionalProperties":false,
        "required":["code","name","type","state","level","region","body",
            "project_type","promise_day","promise_type","fee","online",
            "objects"],
        "properties":{"code":{"type":"string"}, "name":{"type":"string"},
            "type":{"type":"string"},
            "state":{"enum":["in_use","suspended"]},
            "level":{"type":"string"},
            "region":{"type":"object", "additionalProperties":false,
                "required":["code","name"],
                "properties":{"code":{"type":"string"},
                    "name":{"type":"string"}}},
            "body":{"type":"object", "additionalProperties":false,
                "required":["id","name"],
                "properties":{"id":{"type":"string"},
                    "name":{"type":"string"}}},
            "project_type":{"type":"string"},
            "promise_day":{"type":"integer"},
            "promise_type":{"type":"string"}, "fee":{"type":"boolean"},
            "online":{"type":"boolean"},
            "objects":{"type":"array","items":{"type":"string"}}}}')::jsonb,
    '{properties,q}', '{"type":"string"}'),
    '{properties,regions}', '{"type":"array","items":{"type":"object",
        "additionalProperties":false, "required":["code","name","level"],
        "properties":{"code":{"type":"string"}, "name":{"type":"string"},
            "level":{"type":"integer"}, "chosen":{"enum":[true]}}}}')::text);


-- GET item/topics: audience natural or legal.

CREATE OR REPLACE FUNCTION api.item_topics(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    items  json[];
BEGIN
    SELECT array_agg(json_build_object('code', t.code, 'name', t.name,
               'audience', CASE left(t.code, 1) WHEN 'u' THEN 'natural'
                           ELSE 'legal' END) ORDER BY left(t.code, 1) DESC,
               t.code)
      INTO items
      FROM item_topics t
     WHERE args->>'audience' IS NULL
        OR left(t.code, 1) = CASE args->>'audience' WHEN 'natural' THEN 'u'
                             WHEN 'legal' THEN 'c' END;

    RETURN list(items, NULL, 100, coalesce(cardinality(items), 0), 100);
END $$;

ALTER FUNCTION api.item_topics OWNER TO zwfw_citizen;
SELECT zwfw.describe('item_topics', zwfw.list_schema('{"type":"object",
    "required":["code","name","audience"], "additionalProperties":false,
    "properties":{"code":{"type":"string"}, "name":{"type":"string"},
        "audience":{"enum":["natural","legal"]}}}'));


-- GET item/catalog: the basic directory, by code; type.

CREATE OR REPLACE FUNCTION api.item_catalog(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp SET enable_seqscan = off AS $$
DECLARE
    c      text[] := after(args, 'text');
    lim    integer := lim(args);
    items  json[];
    keys   jsonb[];
    total  bigint;
BEGIN
    SELECT array_agg(json_build_object('code', f.code, 'name', f.name,
               'type', f.type, 'basis', f.basis, 'levels', f.levels,
               'state', f.state)), array_agg(jsonb_build_array(f.code))
      INTO items, keys
      FROM (SELECT k.* FROM item_catalog k
             WHERE (args->>'type' IS NULL OR k.type = args->>'type')
               AND k.code > coalesce(c[1], '')
             ORDER BY k.code LIMIT lim + 1) f;

    SELECT count(*) INTO total
      FROM (SELECT FROM item_catalog k
             WHERE args->>'type' IS NULL OR k.type = args->>'type'
             LIMIT 1001) f;

    RETURN list(items, keys, lim, total, 1000);
END $$;

ALTER FUNCTION api.item_catalog OWNER TO zwfw_citizen;
SELECT zwfw.describe('item_catalog', zwfw.list_schema('{"type":"object",
    "required":["code","name","type","basis","levels","state"],
    "additionalProperties":false,
    "properties":{"code":{"type":"string"}, "name":{"type":"string"},
        "type":{"type":"string"}, "basis":{"type":"string"},
        "levels":{"type":"array","items":{"type":"string"}},
        "state":{"enum":["in_use","cancelled"]}}}'));


-- The version that the asking item manager writes; locked.  Errors:
-- item_not_found (also another body's), wrong_state, changed_meanwhile.

CREATE OR REPLACE FUNCTION zwfw.item_mine(target uuid, seen text,
    states text[]) RETURNS zwfw.items
LANGUAGE plpgsql AS $$
DECLARE
    i  zwfw.items;
BEGIN
    SELECT * INTO i FROM zwfw.items o
     WHERE o.id = target AND o.body = zwfw.my_body() FOR UPDATE;

    IF NOT FOUND THEN
        PERFORM zwfw.fail('item_not_found', 404);
    ELSIF NOT i.state = ANY (states) THEN
        PERFORM zwfw.fail('wrong_state', 409);
    ELSIF i.revision <> seen::integer THEN
        PERFORM zwfw.fail('changed_meanwhile', 409, 'revision');
    END IF;

    RETURN i;
END $$;

-- The version that the asking editor, of its body or the one above, judges.

CREATE OR REPLACE FUNCTION zwfw.item_judged(target uuid, states text[])
RETURNS zwfw.items
LANGUAGE plpgsql AS $$
DECLARE
    i  zwfw.items;
BEGIN
    SELECT o.* INTO i FROM zwfw.items o JOIN zwfw.bodies b ON b.id = o.body
     WHERE o.id = target AND zwfw.my_body() IN (b.id, b.parent)
       FOR UPDATE OF o;

    IF NOT FOUND THEN
        PERFORM zwfw.fail('item_not_found', 404);
    ELSIF NOT i.state = ANY (states) THEN
        PERFORM zwfw.fail('wrong_state', 409);
    END IF;

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

    SELECT * INTO STRICT b FROM zwfw.bodies o WHERE o.id = zwfw.my_body();
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

-- The values that differ; "was" and "now" have codes apart, for their words.

CREATE OR REPLACE FUNCTION zwfw.item_changes(old jsonb, new jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                       'field', f, 'row', nullif(row, ''),
                       'old', a.text, 'was', zwfw.item_coded(f, a.text),
                       'new', b.text, 'now', zwfw.item_coded(f, b.text)))
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

-- A code, or several, under the name of its group of words.

CREATE OR REPLACE FUNCTION zwfw.item_coded(field text, value text)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    name  text := regexp_replace(field, '^.*\.', '');
BEGIN
    IF zwfw.item_codes(field) IS NULL AND name <> 'amount' THEN
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


-- Writes into a draft what was sent.  Errors: those of item_patch and
-- shape_check.

CREATE OR REPLACE FUNCTION zwfw.item_write(i zwfw.items, body jsonb)
RETURNS zwfw.items
LANGUAGE plpgsql AS $$
DECLARE
    shape  jsonb := zwfw.item_shape();
    given  jsonb := zwfw.shape_cast(body->'guide', shape);
BEGIN
    IF given IS NOT NULL THEN
        PERFORM zwfw.shape_check(given, shape, false, 'guide');
    END IF;

    i := zwfw.item_patch(i, body);
    i.guide := coalesce(zwfw.shape_pack(given, shape), i.guide);

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
        i := item_mine((args->>'id')::uuid, coalesce(body->>'revision', '0'),
                       '{draft}');
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
    i := item_mine((args->>'id')::uuid, coalesce(body->>'revision', '0'),
                   '{draft}');

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


-- POST item/drafts/{id}/approve: puts it into use, or notes the day on which
-- it comes into use.  Errors: item_not_found, wrong_state, same_person, and
-- those of the rules.

CREATE OR REPLACE FUNCTION api.item_approve(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    i  items;
BEGIN
    PERFORM need_role('item_editor');
    i := item_judged((args->>'id')::uuid, '{pending}');

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


-- POST item/drafts/{id}/reject with reason: back to its writer, also when it
-- only waits for its day.  Errors: item_not_found, wrong_state.

CREATE OR REPLACE FUNCTION api.item_reject(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    i  items;
BEGIN
    PERFORM need_role('item_editor');
    PERFORM need_reason(body);
    i := item_judged((args->>'id')::uuid, '{pending,approved}');

    UPDATE items o SET state = 'draft', approver = NULL,
           reason = item_reject.body->>'reason',
           revision = o.revision + 1,
           updated_at = zwfw.now()
     WHERE o.id = i.id;

    RETURN item_done('item_reject', i.id);
END $$;

ALTER FUNCTION api.item_reject OWNER TO zwfw_staff;
SELECT zwfw.describe('item_reject', zwfw.item_done_schema());


-- An item that is offered goes from some states to another, by its code.
-- Everybody sees it, so another body's is not_allowed, not item_not_found.

CREATE OR REPLACE FUNCTION zwfw.item_turn(act text, item text, states text[],
    target text, why text) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
    i  zwfw.items;
BEGIN
    PERFORM zwfw.need_role('item_editor');

    SELECT * INTO i FROM zwfw.items o
     WHERE o.code = item AND o.state IN ('in_use', 'suspended');

    IF FOUND AND NOT EXISTS (SELECT FROM zwfw.bodies b WHERE b.id = i.body
                                AND zwfw.my_body() IN (b.id, b.parent))
    THEN
        PERFORM zwfw.fail('not_allowed', 403);
    END IF;

    i := zwfw.item_judged(i.id, states);

    UPDATE zwfw.items o SET state = target, reason = why,
           updated_at = zwfw.now()
     WHERE o.id = i.id;
    PERFORM zwfw.item_changed(item);

    RETURN zwfw.item_done(act, i.id);
END $$;

-- POST item/{code}/suspend with reason: still shown, nobody may apply.
-- Errors: item_not_found, wrong_state.

CREATE OR REPLACE FUNCTION api.item_suspend(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    PERFORM need_reason(body);
    RETURN item_turn('item_suspend', args->>'code', '{in_use}', 'suspended',
                     body->>'reason');
END $$;

ALTER FUNCTION api.item_suspend OWNER TO zwfw_staff;
SELECT zwfw.describe('item_suspend', zwfw.item_done_schema());

-- POST item/{code}/resume.  Errors: item_not_found, wrong_state.

CREATE OR REPLACE FUNCTION api.item_resume(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN item_turn('item_resume', args->>'code', '{suspended}', 'in_use',
                     NULL);
END $$;

ALTER FUNCTION api.item_resume OWNER TO zwfw_staff;
SELECT zwfw.describe('item_resume', zwfw.item_done_schema());

-- POST item/{code}/cancel with reason: for good; a later version may follow.
-- Errors: item_not_found.

CREATE OR REPLACE FUNCTION api.item_cancel(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    PERFORM need_reason(body);
    RETURN item_turn('item_cancel', args->>'code', '{in_use,suspended}',
                     'cancelled', body->>'reason');
END $$;

ALTER FUNCTION api.item_cancel OWNER TO zwfw_staff;
SELECT zwfw.describe('item_cancel', zwfw.item_done_schema());


-- A job, each second: versions whose day has come are put into use.

CREATE OR REPLACE FUNCTION api.item_switch(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    i  items;
    n  integer := 0;
BEGIN
    FOR i IN
        SELECT * FROM items o
         WHERE o.state = 'approved' AND o.effective_on <= today()
         ORDER BY o.effective_on, o.code LIMIT 100
           FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM item_publish(i.id);
        PERFORM item_done('item_switch', i.id);
        n := n + 1;
    END LOOP;

    RETURN json_build_object('published', n);
END $$;

ALTER FUNCTION api.item_switch OWNER TO zwfw_system;
SELECT zwfw.describe('item_switch', '{"type":"object",
    "additionalProperties":false, "required":["published"],
    "properties":{"published":{"type":"integer"}}}');


-- The form of a draft: all columns that its writer sets, and the guide.

CREATE OR REPLACE FUNCTION zwfw.item_form(i zwfw.items) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN zwfw.shape_form(to_jsonb(i), jsonb_build_object('guide',
               zwfw.item_shape()) || '{"name!": "text",
                   "project_type!": "text", "anticipate_day!": "integer",
                   "anticipate_type!": "text", "promise_day!": "integer",
                   "promise_type!": "text", "fee!": "boolean",
                   "online!": "boolean", "real_level!": "integer",
                   "effective_on": "text", "objects!": ["text"],
                   "topics": ["text"], "keywords": ["text"]}', '');
END $$;

-- What the asking person may do with a version now.

CREATE OR REPLACE FUNCTION zwfw.item_can(i zwfw.items) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    writer  boolean := zwfw.has_role('item_manager')
                       AND i.body = zwfw.my_body();
    editor  boolean := zwfw.has_role('item_editor');
BEGIN
    RETURN (SELECT coalesce(jsonb_object_agg(act, true), '{}')
              FROM (VALUES ('save', writer AND i.state = 'draft'),
        ('submit', writer AND i.state = 'draft'),
        ('approve', editor AND i.state = 'pending'
            AND NOT zwfw.me() = ANY (i.authors)),
        ('reject', editor AND i.state IN ('pending', 'approved')),
        ('suspend', editor AND i.state = 'in_use'),
        ('resume', editor AND i.state = 'suspended'),
        ('cancel', editor AND i.state IN ('in_use', 'suspended')))
                   AS c (act, allowed)
             WHERE allowed);
END $$;

-- GET item/drafts/{id}: any version of the asking person's body, or of one
-- below it, with what differs from the version before, what may be done, and
-- the form for whoever may write.  Errors: item_not_found.

CREATE OR REPLACE FUNCTION api.item_draft_show(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    i    items;
    v    item_versions;
    doc  jsonb;
    can  jsonb;
BEGIN
    SELECT o.* INTO i FROM items o JOIN bodies b ON b.id = o.body
     WHERE o.id = (args->>'id')::uuid AND my_body() IN (b.id, b.parent);
    IF NOT FOUND THEN
        PERFORM fail('item_not_found', 404);
    END IF;

    SELECT o.* INTO v FROM item_versions o
     WHERE o.code = i.code AND o.version < i.version
     ORDER BY o.version DESC LIMIT 1;
    doc := item_document(i);
    can := item_can(i);

    RETURN (doc || jsonb_strip_nulls(jsonb_build_object('id', i.id,
        'state', i.state, 'revision', i.revision, 'reason', i.reason,
        'updated_at', i.updated_at, 'own', me() = ANY (i.authors),
        'before', v.version, 'can', can,
        'edit', CASE WHEN can ? 'save' THEN item_form(i) END,
        'changes', item_changes(v.document::jsonb, doc))))::json;
END $$;

ALTER FUNCTION api.item_draft_show OWNER TO zwfw_staff;
SELECT zwfw.describe('item_draft_show', zwfw.item_schema('{
    "id":{"type":"string","format":"uuid"}, "state":{"type":"string"},
    "revision":{"type":"integer"}, "reason":{"type":"string"},
    "updated_at":{"type":"string","format":"date-time"},
    "own":{"type":"boolean"}, "before":{"type":"integer"},
    "can":{"type":"object","additionalProperties":{"enum":[true]}},
    "edit":{"type":"object"},
    "changes":{"type":"array","items":{"type":"object",
        "required":["field"], "additionalProperties":false,
        "properties":{"field":{"type":"string"}, "row":{"type":"string"},
            "old":{"type":"string"}, "was":{"type":"object"},
            "new":{"type":"string"}, "now":{"type":"object"}}}}}',
    '["id","state","revision","updated_at","own","can","changes"]', true));


-- What the asking person's body offers and writes, by the latest change;
-- state.

CREATE OR REPLACE FUNCTION api.item_own_list(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    c      text[] := after(args, 'timestamptz', 'uuid');
    lim    integer := lim(args);
    items  json[];
    keys   jsonb[];
    total  bigint;
BEGIN
    SELECT array_agg(item_draft_row(f.i)),
           array_agg(jsonb_build_array((f.i).updated_at, (f.i).id))
      INTO items, keys
      FROM (SELECT i FROM zwfw.items i
             WHERE i.body = my_body()
               AND (args->>'state' IS NULL OR i.state = args->>'state')
               AND (i.updated_at, i.id)
                   < (coalesce(c[1]::timestamptz, 'infinity'),
                      coalesce(c[2], repeat('f', 32))::uuid)
             ORDER BY i.updated_at DESC, i.id DESC LIMIT lim + 1) f;

    SELECT count(*) INTO total
      FROM (SELECT FROM zwfw.items i
             WHERE i.body = my_body()
               AND (args->>'state' IS NULL OR i.state = args->>'state')
             LIMIT 1001) f;

    RETURN list(items, keys, lim, total, 1000);
END $$;

ALTER FUNCTION api.item_own_list OWNER TO zwfw_staff;
SELECT zwfw.describe('item_own_list',
                     zwfw.list_schema(zwfw.item_draft_schema()));


-- What waits for the asking editor, the oldest first: a page of each body,
-- merged.

CREATE OR REPLACE FUNCTION api.item_pending_list(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    c      text[] := after(args, 'timestamptz', 'uuid');
    lim    integer := lim(args);
    below  uuid[] := ARRAY(SELECT b.id FROM bodies b
                            WHERE my_body() IN (b.id, b.parent));
    items  json[];
    keys   jsonb[];
    total  bigint;
BEGIN
    PERFORM need_role('item_editor');

    SELECT array_agg(item_draft_row(f.i)),
           array_agg(jsonb_build_array((f.i).updated_at, (f.i).id))
      INTO items, keys
      FROM (SELECT o.i FROM unnest(below) b, LATERAL (
                       SELECT i FROM zwfw.items i
                        WHERE i.state = 'pending' AND i.body = b
                          AND (i.updated_at, i.id)
                              > (coalesce(c[1]::timestamptz, '-infinity'),
                                 coalesce(c[2], repeat('0', 32))::uuid)
                        ORDER BY i.updated_at, i.id LIMIT lim + 1) o
             ORDER BY (o.i).updated_at, (o.i).id LIMIT lim + 1) f;

    SELECT count(*) INTO total
      FROM (SELECT FROM unnest(below) b, zwfw.items i
             WHERE i.state = 'pending' AND i.body = b LIMIT 1001) f;

    RETURN list(items, keys, lim, total, 1000);
END $$;

ALTER FUNCTION api.item_pending_list OWNER TO zwfw_staff;
SELECT zwfw.describe('item_pending_list',
                     zwfw.list_schema(zwfw.item_draft_schema()));
