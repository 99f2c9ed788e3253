-- Functions of keys: which values are under an older key, and how they come
-- under the newest.  Keys themselves never leave nginx.


-- Values under keys before args.key, at most a hundred, of one column, after
-- the place [column, key, id] where the last answer ended.  No name: that was
-- all.

CREATE OR REPLACE FUNCTION api.keys_due(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    place  jsonb := coalesce(args->'after', '["",0,""]');
    c      record;
    found  json;
BEGIN
    FOR c IN SELECT s.name, split_part(s.name, '.', 1) AS tab,
                    split_part(s.name, '.', 2) AS col,
                    coalesce(s.name = place->>0, false) AS here
               FROM sealed_columns s WHERE s.name >= place->>0 ORDER BY s.name
    LOOP
        EXECUTE format('SELECT json_agg(json_build_object(''id'', v.id,
                ''key'', v.key, ''value'', v.value) ORDER BY v.key, v.id)
            FROM (SELECT t.id, key_of(t.%2$I) AS key, t.%2$I AS value
                    FROM %1$I t
                   WHERE key_of(t.%2$I) < $1
                     AND (key_of(t.%2$I), t.id) > ($2, $3)
                   ORDER BY key_of(t.%2$I), t.id LIMIT 100) v', c.tab, c.col)
           INTO found
          USING (args->>'key')::integer,
                CASE WHEN c.here THEN (place->>1)::integer ELSE -1 END,
                CASE WHEN c.here THEN (place->>2)::uuid
                     ELSE '00000000-0000-0000-0000-000000000000' END;

        IF found IS NOT NULL THEN
            RETURN json_build_object('name', c.name, 'values', found,
                'after', json_build_array(c.name, found->-1->'key',
                                          found->-1->'id'));
        END IF;
    END LOOP;

    RETURN '{}'::json;
END $$;

ALTER FUNCTION api.keys_due OWNER TO zwfw_system;
SELECT zwfw.describe('keys_due', '{"type":"object",
    "additionalProperties":false,
    "properties":{"name":{"type":"string"},
        "values":{"type":"array","items":{"type":"object",
            "required":["id","key","value"], "additionalProperties":false,
            "properties":{"id":{"type":"string","format":"uuid"},
                "key":{"type":"integer"}, "value":{"type":"string"}}}},
        "after":{"type":"array","items":{"type":["string","integer"]}}}}');


-- Stores values that were sealed anew.  body: name of the column, values of
-- {id, old, new, blind}.  What was changed meanwhile, or is just being
-- changed, stays as it is and is due the next time; so does what would stand
-- twice under its new blind index.

CREATE OR REPLACE FUNCTION api.keys_roll(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    c       sealed_columns;
    tab     text;
    col     text;
    rolled  bigint;
BEGIN
    SELECT * INTO STRICT c FROM sealed_columns s WHERE s.name = body->>'name';

    tab := split_part(c.name, '.', 1);
    col := split_part(c.name, '.', 2);

    IF c.blind IS NULL THEN
        EXECUTE format('WITH due AS (
                SELECT t.id, v.new
                  FROM jsonb_to_recordset($1) AS v(id uuid, old text, new text)
                  JOIN %1$I t ON t.id = v.id
                 WHERE t.%2$I = v.old FOR UPDATE OF t SKIP LOCKED)
            UPDATE %1$I t SET %2$I = due.new FROM due WHERE t.id = due.id',
            tab, col) USING body->'values';

    ELSE
        EXECUTE format('WITH due AS (
                SELECT t.id, v.new, v.blind
                  FROM jsonb_to_recordset($1)
                       AS v(id uuid, old text, new text, blind text)
                  JOIN %1$I t ON t.id = v.id
                 WHERE t.%2$I = v.old
                   AND NOT EXISTS (SELECT FROM %1$I o
                        WHERE o.%3$I = v.blind AND o.id <> v.id)
                   FOR UPDATE OF t SKIP LOCKED)
            UPDATE %1$I t SET %2$I = due.new, %3$I = due.blind
              FROM due WHERE t.id = due.id',
            tab, col, c.blind) USING body->'values';
    END IF;

    GET DIAGNOSTICS rolled = ROW_COUNT;

    RETURN json_build_object('rolled', rolled);
END $$;

ALTER FUNCTION api.keys_roll OWNER TO zwfw_system;
SELECT zwfw.describe('keys_roll', '{"type":"object","required":["rolled"],
    "additionalProperties":false,
    "properties":{"rolled":{"type":"integer"}}}');


-- The walk through the files goes on.  args: key; after a piece of it the
-- folder that comes next, of 65536, and how many files of the piece could not
-- be brought under the key.  from: the folder to go on with; none: a whole
-- walk for this key has begun within the last hour.

CREATE OR REPLACE FUNCTION api.keys_files(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    newest  integer := (args->>'key')::integer;
    t       timestamptz := clock_timestamp();
    w       file_walk;
BEGIN
    INSERT INTO file_walk AS f VALUES (true, newest, 0, t, 0, NULL, NULL)
        ON CONFLICT (one) DO UPDATE
       SET key = newest, folder = 0, began_at = t, failed = 0,
           whole_at = CASE WHEN f.key = newest THEN f.whole_at END,
           left_over = CASE WHEN f.key = newest THEN f.left_over END
     WHERE f.key < newest
        OR f.folder = 65536 AND f.began_at < t - interval '1 hour';

    UPDATE file_walk f
       SET folder = (args->>'next')::integer,
           failed = f.failed + (args->>'failed')::bigint
     WHERE f.key = newest AND f.folder < (args->>'next')::integer;

    UPDATE file_walk f SET whole_at = f.began_at, left_over = f.failed
     WHERE f.key = newest AND f.folder = 65536
    RETURNING * INTO w;

    IF NOT FOUND THEN
        SELECT * INTO w FROM file_walk f WHERE f.key = newest;
    END IF;

    RETURN CASE WHEN w.folder < 65536
                THEN json_build_object('from', w.folder) ELSE '{}' END;
END $$;

ALTER FUNCTION api.keys_files OWNER TO zwfw_system;
SELECT zwfw.describe('keys_files', '{"type":"object",
    "additionalProperties":false, "properties":{"from":{"type":"integer"}}}');


-- How many values of a column are under each key but the newest, counted up to
-- ten thousand.

CREATE OR REPLACE FUNCTION zwfw.keys_count(name text, newest integer)
RETURNS TABLE (key integer, count bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    tab  text := split_part(name, '.', 1);
    col  text := split_part(name, '.', 2);
BEGIN
    LOOP
        EXECUTE format('SELECT min(key_of(t.%2$I)) FROM %1$I t
                         WHERE key_of(t.%2$I) > $1', tab, col)
           INTO key USING coalesce(key, -1);

        EXIT WHEN key IS NULL;
        CONTINUE WHEN key = newest;

        EXECUTE format('SELECT count(*) FROM (SELECT FROM %1$I t
                         WHERE key_of(t.%2$I) = $1 LIMIT 10001) v', tab, col)
           INTO count USING key;
        RETURN NEXT;
    END LOOP;
END $$;


-- For operators: the keys of this node's file and what is under them.  args:
-- keys, the numbers in the file; key, the one in use.  state: used, rolling,
-- free (it may leave the file), spare (for later), or missing.

CREATE OR REPLACE FUNCTION api.keys_show(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    newest  integer := (args->>'key')::integer;
    w       file_walk;
BEGIN
    PERFORM need_role('operator');

    SELECT * INTO w FROM file_walk f WHERE f.key = newest;

    RETURN (
        WITH under AS MATERIALIZED (
            SELECT s.name AS place, n.key, n.count
              FROM sealed_columns s, keys_count(s.name, newest) n),
        keys AS (
            SELECT u.key, true AS held FROM under u
             UNION
            SELECT k::integer, false FROM jsonb_array_elements_text(
                       args->'keys') k)
        SELECT json_build_object(
            'keys', (SELECT json_agg(json_build_object('number', k.key,
                         'state', keys_state(k.key, newest,
                             args->'keys' @> to_jsonb(k.key), k.held,
                             w.left_over)) ORDER BY k.key DESC)
                       FROM (SELECT k.key, bool_or(k.held) AS held
                               FROM keys k GROUP BY k.key) k),
            'values', (SELECT coalesce(json_agg(json_build_object(
                           'place', u.place, 'key', u.key,
                           'count', least(u.count, 10000),
                           'count_capped', u.count > 10000)), '[]')
                         FROM under u),
            'files', json_strip_nulls(json_build_object(
                'checked_at', w.whole_at,
                'failed', nullif(w.left_over, 0)))));
END $$;

ALTER FUNCTION api.keys_show OWNER TO zwfw_system;

CREATE OR REPLACE FUNCTION zwfw.keys_state(key integer, newest integer,
    known boolean, held boolean, files_left bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN key = newest THEN 'used'
                WHEN NOT known THEN 'missing'
                WHEN key > newest THEN 'spare'
                WHEN held OR files_left IS DISTINCT FROM 0 THEN 'rolling'
                ELSE 'free' END
$$;

SELECT zwfw.describe('keys_show', '{"type":"object",
    "required":["keys","values","files"], "additionalProperties":false,
    "properties":{
        "keys":{"type":"array","items":{"type":"object",
            "required":["number","state"], "additionalProperties":false,
            "properties":{"number":{"type":"integer"},
                "state":{"enum":["used","spare","rolling","free",
                                 "missing"]}}}},
        "values":{"type":"array","items":{"type":"object",
            "required":["place","key","count","count_capped"],
            "additionalProperties":false,
            "properties":{"place":{"type":"string"},
                "key":{"type":"integer"}, "count":{"type":"integer"},
                "count_capped":{"type":"boolean"}}}},
        "files":{"type":"object","additionalProperties":false,
            "properties":{"checked_at":{"type":"string",
                    "format":"date-time"},
                "failed":{"type":"integer"}}}}}');
