-- Guides: the document that everybody reads, and the rules of a complete one.


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


-- The versions of a guide but one, the latest first; NULL: none.

CREATE OR REPLACE FUNCTION zwfw.item_others(item text, shown integer)
RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_agg(json_build_object('version', v.version,
                       'published_at', v.published_at) ORDER BY v.version DESC)
              FROM zwfw.item_versions v
             WHERE v.code = item_others.item
               AND v.version <> item_others.shown);
END $$;


-- GET item/{code}: the guide, of the version in force or of args.version, with
-- the number of a newer one and the others that were published.  A suspended or
-- cancelled item is shown with its reason.
-- Errors: item_not_found.

CREATE OR REPLACE FUNCTION api.item_show(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    v     item_versions;
    i     items;
    head  json;
BEGIN
    IF args ? 'version' THEN
        SELECT * INTO v FROM item_versions o
         WHERE o.code = args->>'code'
           AND o.version = (args->>'version')::integer;
    ELSE
        SELECT * INTO v FROM item_versions o
         WHERE o.code = args->>'code' ORDER BY o.version DESC LIMIT 1;
    END IF;

    IF NOT FOUND THEN
        PERFORM fail('item_not_found', 404);
    END IF;

    SELECT o.state, o.online, o.reason INTO i.state, i.online, i.reason
      FROM items o WHERE o.id = v.item;

    head := json_strip_nulls(json_build_object('state', i.state,
                'applicable', i.state = 'in_use' AND i.online,
                'not_natural', CASE WHEN NOT v.document::jsonb->'objects'
                                    ? '1' THEN true END,
                'newer', (SELECT max(o.version) FROM item_versions o
                           WHERE o.code = v.code AND o.version > v.version),
                'reason', i.reason, 'hash', v.hash,
                'published_at', v.published_at,
                'others', item_others(v.code, v.version)));

    RETURN (left(head::text, -1) || ','
            || substr(v.document::text, 2))::json;
END $$;

ALTER FUNCTION api.item_show OWNER TO zwfw_citizen;
SELECT zwfw.describe('item_show', zwfw.item_schema('{
    "state":{"enum":["in_use","suspended","cancelled","replaced"]},
    "applicable":{"type":"boolean"}, "not_natural":{"enum":[true]},
    "newer":{"type":"integer"},
    "reason":{"type":"string"},
    "hash":{"type":"string","pattern":"^[0-9a-f]{64}$"},
    "published_at":{"type":"string","format":"date-time"},
    "others":{"type":"array","items":{"type":"object",
        "required":["version","published_at"], "additionalProperties":false,
        "properties":{"version":{"type":"integer"},
            "published_at":{"type":"string","format":"date-time"}}}}}',
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
LANGUAGE plpgsql STABLE AS $$
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
    (i.effective_on < zwfw.today(), 'effective_day_past', 'effective_on'),
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
