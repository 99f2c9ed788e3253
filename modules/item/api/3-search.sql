-- Finding items: words, topics, the basic directory.


-- Is it a code of the closed list that a search or a list may name?

CREATE OR REPLACE FUNCTION zwfw.item_known(list text, code text)
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE list
        WHEN 'object' THEN code IN ('1', '2', '3', '4', '5', '6', '9')
        WHEN 'type' THEN code ~ '^(0[0-9]|10|20)$'
        WHEN 'state' THEN code IN ('draft', 'pending', 'approved', 'in_use',
            'suspended', 'cancelled', 'replaced')
        WHEN 'topic' THEN EXISTS (
            SELECT FROM zwfw.item_topics t WHERE t.code = item_known.code)
        ELSE EXISTS (
            SELECT FROM zwfw.item_catalog c WHERE c.code = item_known.code)
        END;
END $$;

-- A list is asked for nothing that cannot be.  Errors: bad_value.

CREATE OR REPLACE FUNCTION zwfw.item_need(list text, args jsonb)
RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF args ? list AND NOT zwfw.item_known(list, args->>list) THEN
        PERFORM zwfw.fail('bad_value', 422, list);
    END IF;
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
        PERFORM zwfw.item_need(part.name, args);
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

-- The first of them where no region makes an order and nothing but words is
-- asked for: names that are the words, and names that begin with them.  Such a
-- name has all the words, but where the last one may be a part of a longer one
-- (see zwfw.tokens()).

CREATE OR REPLACE FUNCTION zwfw.item_named(wanted text, c text[],
    most integer)
RETURNS TABLE (id uuid, score integer, heat integer)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    n  integer;
BEGIN
    RETURN QUERY
    SELECT i.id, 9, i.heat
      FROM zwfw.items i
     WHERE i.state IN ('in_use', 'suspended') AND i.folded COLLATE "C" = wanted
       AND (c IS NULL OR (9, -i.heat, i.id)
                         > (c[1]::integer, -c[2]::integer, c[3]::uuid))
     ORDER BY i.heat DESC, i.id
     LIMIT most;

    GET DIAGNOSTICS n = ROW_COUNT;

    RETURN QUERY
    SELECT i.id, 19, i.heat
      FROM zwfw.items i
     WHERE i.state IN ('in_use', 'suspended') AND i.folded COLLATE "C" > wanted
       AND i.folded COLLATE "C" < wanted || chr(1114111)
       AND (c IS NULL OR (19, -i.heat, i.id)
                         > (c[1]::integer, -c[2]::integer, c[3]::uuid))
     ORDER BY i.heat DESC, i.id
     LIMIT most - n;
END $$;

-- Those that come next there: names and other words that hold the words.  It
-- looks at some of what is asked for most, so it knows the first ones of words
-- that many names have.  Fewer than most: nothing is said of the others.

CREATE OR REPLACE FUNCTION zwfw.item_held(query tsquery, wanted text, c text[],
    most integer)
RETURNS TABLE (id uuid, score integer, heat integer)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
    SELECT f.id, 29, f.heat
      FROM (SELECT i.* FROM zwfw.items i
             WHERE i.state IN ('in_use', 'suspended')
               AND i.heat <= CASE WHEN c[1]::integer = 29 THEN c[2]::integer
                             ELSE 2147483647 END
             ORDER BY i.heat DESC, i.id
             LIMIT 2000) f
     WHERE NOT starts_with(f.folded, wanted)
       AND (strpos(f.folded, wanted) > 0 OR wanted = ANY (f.keywords))
       AND f.words @@ query
       AND (c IS NULL OR (29, -f.heat, f.id)
                         > (c[1]::integer, -c[2]::integer, c[3]::uuid))
     ORDER BY f.heat DESC, f.id
     LIMIT most;
END $$;

-- One row for each whose name begins with the words, to count.

CREATE OR REPLACE FUNCTION zwfw.item_named_count(wanted text, most integer)
RETURNS SETOF integer
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
    SELECT 1 FROM zwfw.items i
     WHERE i.state IN ('in_use', 'suspended')
       AND i.folded COLLATE "C" >= wanted
       AND i.folded COLLATE "C" < wanted || chr(1114111)
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

-- Lines of a list, in the order given.  What is null in them list() leaves out.

CREATE OR REPLACE FUNCTION zwfw.item_rows(ids uuid[]) RETURNS json[]
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN ARRAY(SELECT (SELECT json_build_object(
                'code', i.code, 'name', i.name, 'type', i.type,
                'state', i.state, 'suspended', nullif(i.state = 'suspended',
                    false), 'level', i.level,
                'region', json_build_object('code', r.code, 'name', r.name),
                'body', json_build_object('id', b.id, 'name', b.short_name),
                'project_type', i.project_type,
                'promise_day', i.promise_day, 'promise_type', i.promise_type,
                'fee', i.fee, 'online', i.online, 'objects', i.objects)
              FROM zwfw.items i
              JOIN zwfw.regions r ON r.code = i.region
              JOIN zwfw.bodies b ON b.id = i.body
             WHERE i.id = f.id)
          FROM unnest(ids) f (id));
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


-- A page of what was found: ids, and the sort values of each.  named: the
-- first by name will do if they fill it, and those that hold the words.

CREATE OR REPLACE FUNCTION zwfw.item_page(query tsquery, wanted text,
    path text[], named boolean, c text[], most integer, OUT ids uuid[],
    OUT keys jsonb[])
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF named THEN
        SELECT array_agg(f.id),
               array_agg(jsonb_build_array(f.score, f.heat, f.id))
          INTO ids, keys
          FROM (SELECT * FROM zwfw.item_named(wanted, c, most)
                UNION ALL
                SELECT * FROM zwfw.item_held(query, wanted, c, most)
                LIMIT most) f;

        IF cardinality(ids) = most THEN
            RETURN;
        END IF;
    END IF;

    IF wanted IS NULL AND path IS NULL THEN
        SELECT array_agg(f.id),
               array_agg(jsonb_build_array(f.score, f.heat, f.id))
          INTO ids, keys FROM zwfw.item_top(query, c, most) f;
        RETURN;
    END IF;

    SELECT array_agg(f.id),
           array_agg(jsonb_build_array(f.score, f.heat, f.id))
      INTO ids, keys FROM zwfw.item_find(query, wanted, path, c, most) f;
END $$;

-- How many there are of all pages, up to most; so many of the first one, if it
-- is not full.

CREATE OR REPLACE FUNCTION zwfw.item_total(query tsquery, wanted text,
    named boolean, most integer) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    total  bigint := 0;
BEGIN
    IF named THEN
        SELECT count(*) INTO total FROM zwfw.item_named_count(wanted, most);
    END IF;

    IF total < most THEN
        SELECT count(*) INTO total FROM zwfw.item_count(query, most);
    END IF;

    RETURN total;
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
    named  boolean := path IS NULL AND query IS NOT NULL
                      AND wanted !~ '[a-z0-9]$'
                      AND NOT args ?| '{object,type,topic,catalog}';
    ids    uuid[];
    keys   jsonb[];
    total  bigint;
BEGIN
    IF args ? 'region' AND args->>'region' <> 'all' AND path IS NULL THEN
        PERFORM fail('bad_value', 422, 'region');
    END IF;

    SELECT f.* INTO ids, keys
      FROM item_page(query, wanted, path, named, c, lim + 1) f;

    IF c IS NULL AND coalesce(cardinality(ids), 0) <= lim THEN
        total := coalesce(cardinality(ids), 0);
    ELSE
        total := item_total(query, wanted, named, 1001);
    END IF;

    RETURN (list(item_rows(ids), keys, lim, total, 1000)::jsonb
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
            "suspended":{"enum":[true]}, "level":{"type":"string"},
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


-- Topics under which something is offered, of those whose code begins so.

CREATE OR REPLACE FUNCTION zwfw.item_led(kind text)
RETURNS SETOF zwfw.item_topics
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT t.* FROM zwfw.item_topics t
     WHERE starts_with(t.code, kind)
       AND EXISTS (SELECT FROM zwfw.items i
                    WHERE i.words @@ quote_literal('p:' || t.code)::tsquery);
END $$;

CREATE OR REPLACE FUNCTION zwfw.item_shelves(kind text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('topic', t.code)
                                      ORDER BY t.code), '[]')
              FROM zwfw.item_led(kind) t);
END $$;

-- GET /: what item_search() finds without a question, and the topics that
-- lead to something.

CREATE OR REPLACE FUNCTION api.item_home(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN (api.item_search(args, body)::jsonb
            || jsonb_build_object('natural', item_shelves('u'),
                                  'legal', item_shelves('c')))::json;
END $$;

ALTER FUNCTION api.item_home OWNER TO zwfw_citizen;
SELECT zwfw.describe('item_home', jsonb_set(s, '{properties}',
           s->'properties' || jsonb_build_object('natural', t, 'legal', t))
           ::text)
  FROM (SELECT obj_description('api.item_search'::regproc, 'pg_proc')::jsonb,
               '{"type":"array","items":{"type":"object",
                   "additionalProperties":false, "required":["topic"],
                   "properties":{"topic":{"type":"string"}}}}'::jsonb)
       AS o (s, t);


-- GET item/topics: those that lead to something; audience natural or legal.
-- Errors: bad_value.

CREATE OR REPLACE FUNCTION api.item_topics(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    items  json[];
BEGIN
    IF args->>'audience' NOT IN ('natural', 'legal') THEN
        PERFORM fail('bad_value', 422, 'audience');
    END IF;

    SELECT array_agg(json_strip_nulls(json_build_object(
               'code', t.code, 'name', t.name,
               'audience', CASE left(t.code, 1) WHEN 'u' THEN 'natural'
                           ELSE 'legal' END,
               'natural', nullif(t.code LIKE 'u%', false),
               'legal', nullif(t.code LIKE 'c%', false)))
               ORDER BY left(t.code, 1) DESC, t.code)
      INTO items
      FROM item_led(CASE args->>'audience' WHEN 'natural' THEN 'u'
                    WHEN 'legal' THEN 'c' ELSE '' END) t;

    RETURN (list(items, NULL, 100, coalesce(cardinality(items), 0), 100)::jsonb
            || jsonb_build_object('has', (
                   SELECT coalesce(jsonb_object_agg(t->>'audience', true), '{}')
                     FROM unnest(items) t)))::json;
END $$;

ALTER FUNCTION api.item_topics OWNER TO zwfw_citizen;
SELECT zwfw.describe('item_topics', jsonb_set(
    zwfw.list_schema('{"type":"object",
        "required":["code","name","audience"], "additionalProperties":false,
        "properties":{"code":{"type":"string"}, "name":{"type":"string"},
            "audience":{"enum":["natural","legal"]},
            "natural":{"enum":[true]}, "legal":{"enum":[true]}}}')::jsonb,
    '{properties,has}', '{"type":"object",
        "additionalProperties":{"enum":[true]}}')::text);


-- GET item/catalog: the basic directory, by code; type.  Errors: bad_value,
-- bad_cursor.

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
    PERFORM item_need('type', args);

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
