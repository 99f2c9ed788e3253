-- The shape of a guide: its schema, checks, casts and form.

-- The shape of a guide, zwfw.items.guide; "!": a published one has it.
--   stage: accept, review, approve, close, deliver
--   need: 1 always, 2 not always, 3 may follow; format: 1 paper, 2 file, 3 any
--   source: 10 applicant, 20 administration, 99 other; kinds: of files
--   result_type: 10 licence, 20 document, 99 other
--   "amount": an integer, in fen; a form has it in yuan, with a point
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
    "fees": [{"name!": "text", "amount!": "amount", "unit": "text",
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
                   CASE shape WHEN '"text"' THEN '"string"'
                   WHEN '"amount"' THEN '"integer"' ELSE shape END);
    END CASE;
END $$;

-- Has a value this shape?  whole: with all that a published one has.
-- Errors: bad_type, bad_amount, too_long, missing, unknown_field.

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
    IF kind = 'amount' AND given = 'text' THEN
        PERFORM zwfw.fail('bad_amount', 422, path);
    ELSIF replace(kind, 'amount', 'integer') <> given
       OR given = 'integer' AND value::text !~ '^[0-9]{1,9}$'
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

    ELSIF kind = 'string amount' THEN
        RETURN coalesce(to_jsonb(zwfw.yuan_fen(value->>0)), value);

    ELSIF kind = 'string boolean' AND value->>0 IN ('true', 'on', 'false') THEN
        RETURN to_jsonb((value->>0)::boolean);
    END IF;

    RETURN value;
END $$;

-- An amount as people type it, in yuan, in fen; NULL: it is none.

CREATE OR REPLACE FUNCTION zwfw.yuan_fen(typed text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    yuan  text := btrim(normalize(typed, NFKC));
BEGIN
    IF yuan ~ '^[0-9]{1,7}(\.[0-9]{1,2})?$' THEN
        RETURN yuan::numeric * 100;
    END IF;

    RETURN NULL;
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

    IF shape = '"amount"' THEN
        given := to_jsonb(to_char((given->>0)::numeric / 100, 'FM9999990.00'));
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
                       code, 'natural', nullif(code LIKE 'u%', false),
                       'legal', nullif(code LIKE 'c%', false),
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
