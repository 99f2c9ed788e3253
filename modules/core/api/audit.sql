-- The audit trail as operators read it: who did what to which thing, in names.


-- Calls a function that a slice has declared in zwfw.audit_names: what it says
-- of the ids, {"<id>": {"name": ..}}.

CREATE OR REPLACE FUNCTION zwfw.audit_named(call text, ids text[])
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    names  jsonb;
BEGIN
    IF cardinality(ids) > 0
       AND to_regprocedure('zwfw.' || call || '(text[])') IS NOT NULL
    THEN
        EXECUTE format('SELECT jsonb_object_agg(n.id, n.said)
                          FROM zwfw.%I($1) n', call) INTO names USING ids;
    END IF;

    RETURN coalesce(names, '{}');
END $$;

-- What is known of all ids in some rows, and of one that was asked for, by
-- kind: {"person": {"<id>": {..}}, "case": ..}.

CREATE OR REPLACE FUNCTION zwfw.audit_known(lines zwfw.audit[], one uuid)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (WITH ids AS (
                SELECT a.object AS kind, a.object_id AS id
                  FROM unnest(lines) a
                 WHERE a.object_id IS NOT NULL
                 UNION
                SELECT 'person', a.uid::text
                  FROM unnest(lines) a WHERE a.uid IS NOT NULL
                 UNION
                SELECT 'person', one::text WHERE one IS NOT NULL
            )
            SELECT coalesce(jsonb_object_agg(k.kind,
                       zwfw.audit_named(k.call, k.ids)), '{}')
              FROM (SELECT n.kind, n.call, array_agg(i.id) AS ids
                      FROM ids i JOIN zwfw.audit_names n USING (kind)
                     GROUP BY n.kind, n.call) k);
END $$;

-- Who it was.  person_kind: as the slice says; system, a job of the platform;
-- nobody, who had not logged in; unknown, of whom there is nothing any more.

CREATE OR REPLACE FUNCTION zwfw.audit_who(uid uuid, channel text,
    names jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('uid', uid,
        'person', p.said->'name', 'account', p.said->'account',
        'person_kind', coalesce(p.said->>'kind',
            CASE WHEN uid IS NOT NULL THEN 'unknown'
                 WHEN channel IS NULL THEN 'system' ELSE 'nobody' END))
      FROM (SELECT names #> ARRAY['person', uid::text] AS said) p
$$;

CREATE OR REPLACE FUNCTION zwfw.audit_row(a zwfw.audit, names jsonb)
RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT (zwfw.audit_who(a.uid, a.channel, names) || jsonb_build_object(
        'id', a.id, 'at', a.at, 'role', a.role, 'roles', (
            SELECT jsonb_agg(jsonb_build_object('role', r))
              FROM unnest(string_to_array(a.role, ',')) r),
        'body', a.body, 'body_name', (
            SELECT b.name FROM zwfw.bodies b WHERE b.id = a.body),
        'action', a.action, 'object', a.object, 'object_id', a.object_id,
        'object_name', names #> ARRAY[a.object, a.object_id, 'name'],
        'outcome', a.outcome, 'detail', a.detail,
        'request_id', a.request_id, 'channel', a.channel,
        'hash', encode(a.hash, 'hex')))::json
$$;


-- Asks the slice that knows people for those who are sought; NULL: none does.

CREATE OR REPLACE FUNCTION zwfw.audit_seek(sought jsonb, most integer)
RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    finder  text := (SELECT n.find FROM zwfw.audit_names n
                      WHERE n.kind = 'person');
    found   uuid[];
BEGIN
    IF to_regprocedure('zwfw.' || finder || '(jsonb,integer)') IS NULL THEN
        RETURN NULL;
    END IF;

    EXECUTE format('SELECT zwfw.%I($1, $2)', finder) INTO found
      USING sought, most;

    RETURN found;
END $$;

-- The people of uid, or of a part of a name; NULL: all.  A thousand have that
-- part at most.

CREATE OR REPLACE FUNCTION zwfw.audit_people(args jsonb) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found  uuid[];
BEGIN
    IF NOT args ? 'staff' THEN
        RETURN ARRAY[(args->>'uid')::uuid]
         WHERE args ? 'uid';
    END IF;

    found := zwfw.audit_seek(jsonb_build_object('name', args->'staff'), 1000);

    RETURN ARRAY(SELECT p FROM unnest(found) p
                  WHERE p = coalesce((args->>'uid')::uuid, p));
END $$;

-- The audit trail of [since, until): rows, newest first and before a row.  An
-- index has this order, of each person as well.

CREATE OR REPLACE FUNCTION zwfw.audit_find(people uuid[], act text,
    since timestamptz, until timestamptz, c text[], most integer)
RETURNS SETOF zwfw.audit
LANGUAGE plpgsql STABLE AS $$
DECLARE
    tail  text := ' ORDER BY a.at DESC, a.id DESC LIMIT $7';
    one   text := 'SELECT a.* FROM zwfw.audit a WHERE a.at >= $1 AND a.at < $2'
                  || CASE WHEN people IS NULL THEN ''
                     WHEN cardinality(people) = 1 THEN ' AND a.uid = $3[1]'
                     ELSE ' AND a.uid = p' END
                  || CASE WHEN act IS NULL THEN '' ELSE ' AND a.action = $4' END
                  || CASE WHEN c IS NULL THEN ''
                     ELSE ' AND (a.at, a.id) < ($5, $6)' END || tail;
BEGIN
    IF cardinality(people) <> 1 THEN
        one := 'SELECT a.* FROM unnest($3) p, LATERAL (' || one || ') a'
               || tail;
    END IF;

    RETURN QUERY EXECUTE one USING since, until, people, act,
                                   c[1]::timestamptz, c[2]::bigint, most;
END $$;

-- How many there are, at most 1001.

CREATE OR REPLACE FUNCTION zwfw.audit_count(people uuid[], act text,
    since timestamptz, until timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
DECLARE
    total  bigint;
BEGIN
    EXECUTE 'SELECT count(*) FROM (SELECT FROM zwfw.audit a'
            || ' WHERE a.at >= $1 AND a.at < $2'
            || CASE WHEN people IS NULL THEN '' ELSE ' AND a.uid = ANY ($3)' END
            || CASE WHEN act IS NULL THEN '' ELSE ' AND a.action = $4' END
            || ' LIMIT 1001) f' INTO total USING since, until, people, act;

    RETURN total;
END $$;

-- The actions that the trail has, each found by a look into the index, and the
-- one that is asked for, which is chosen.

CREATE OR REPLACE FUNCTION zwfw.audit_acts(asked text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH RECURSIVE acts AS (
        SELECT min(action) AS action FROM zwfw.audit
         UNION ALL
        SELECT (SELECT min(a.action) FROM zwfw.audit a
                 WHERE a.action > acts.action)
          FROM acts
         WHERE acts.action IS NOT NULL
    )
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
               'action', a.action,
               'chosen', nullif(a.action = asked, false)))), '[]')
      FROM (SELECT action FROM acts
             UNION ALL
            SELECT asked
             WHERE NOT EXISTS (SELECT FROM acts WHERE action = asked)) a
     WHERE a.action IS NOT NULL
$$;

-- The audit trail, newest first: from, to (days), action, uid, staff (a part of
-- a name).  of: who it is that uid names; finds: whether people can be found;
-- acts: what can be chosen as action.
-- Errors: not_allowed, bad_period.

CREATE OR REPLACE FUNCTION api.audit_list(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    c       text[] := after(args, 'timestamptz', 'int8');
    since   timestamptz := midnight((args->>'from')::date, '-infinity');
    until   timestamptz := midnight((args->>'to')::date + 1, 'infinity');
    lim     integer := lim(args, 1000);
    one     uuid := (args->>'uid')::uuid;
    people  uuid[];
    lines   audit[];
    names   jsonb;
BEGIN
    PERFORM need_role('operator');
    PERFORM need_period(args);

    people := audit_people(args);
    lines := ARRAY(SELECT a FROM audit_find(people, args->>'action', since,
                                            until, c, lim + 1) a);
    names := audit_known(lines[:lim], one);

    RETURN json_strip_nulls((list(
            ARRAY(SELECT audit_row(a, names) FROM unnest(lines) a),
            ARRAY(SELECT jsonb_build_array(a.at, a.id) FROM unnest(lines) a),
            lim, audit_count(people, args->>'action', since, until),
            1000)::jsonb
        || jsonb_build_object('finds', audit_seek('{}', 0) IS NOT NULL,
               'acts', audit_acts(args->>'action'),
               'of', CASE WHEN one IS NOT NULL THEN
                         audit_who(one, NULL, names) END))::json);
END $$;

ALTER FUNCTION api.audit_list OWNER TO zwfw_staff;

-- Who somebody is, in replies.

CREATE OR REPLACE FUNCTION zwfw.audit_who_schema() RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"uid":{"type":"string","format":"uuid"},
        "person":{"type":"string"}, "account":{"type":"string"},
        "person_kind":{"enum":["staff","natural","system","nobody",
                               "unknown"]}}'::jsonb
$$;

SELECT zwfw.describe('audit_list', jsonb_set(jsonb_set(jsonb_set(
    zwfw.list_schema(
    jsonb_build_object('type', 'object', 'additionalProperties', false,
        'required', '["id","at","person_kind","action","outcome","hash"]'
                    ::jsonb,
        'properties', zwfw.audit_who_schema() || '{"id":{"type":"integer"},
            "at":{"type":"string","format":"date-time"},
            "role":{"type":"string"},
            "roles":{"type":"array","items":{"type":"object",
                "required":["role"], "additionalProperties":false,
                "properties":{"role":{"type":"string"}}}},
            "body":{"type":"string","format":"uuid"},
            "body_name":{"type":"string"},
            "action":{"type":"string"}, "object":{"type":"string"},
            "object_id":{"type":"string"}, "object_name":{"type":"string"},
            "outcome":{"enum":["ok","refused","failed"]},
            "detail":{"type":"object"}, "request_id":{"type":"string"},
            "channel":{"type":"string"},
            "hash":{"type":"string","pattern":"^[0-9a-f]{64}$"}}'::jsonb)
    ::text)::jsonb, '{properties,finds}', '{"type":"boolean"}'),
    '{properties,acts}', '{"type":"array","items":{"type":"object",
        "required":["action"], "additionalProperties":false,
        "properties":{"action":{"type":"string"},
                      "chosen":{"type":"boolean"}}}}'),
    '{properties,of}', jsonb_build_object('type', 'object',
        'additionalProperties', false,
        'required', '["uid","person_kind"]'::jsonb,
        'properties', zwfw.audit_who_schema()))::text);


-- Whose acts are to be shown: somebody by the e-mail address of the account,
-- which so stands in no address of a page.  body: email; from, to, action are
-- those of the page.  The look-up itself is an act.
-- Errors: not_allowed, person_not_found.

CREATE OR REPLACE FUNCTION api.audit_person(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    found  uuid;
BEGIN
    PERFORM need_role('operator');

    found := (audit_seek(body, 1))[1];

    IF found IS NULL THEN
        PERFORM fail('person_not_found', 422, 'email');
    END IF;

    PERFORM write_audit('audit_person', 'user', found::text);

    RETURN json_build_object('uid', found,
        'from', coalesce(body->>'from', ''), 'to', coalesce(body->>'to', ''),
        'action', coalesce(substring(body->>'action' FROM '^[!-~]+$'), ''));
END $$;

ALTER FUNCTION api.audit_person OWNER TO zwfw_staff;
SELECT zwfw.describe('audit_person', '{"type":"object",
    "required":["uid","from","to","action"], "additionalProperties":false,
    "properties":{"uid":{"type":"string","format":"uuid"},
        "from":{"type":"string"}, "to":{"type":"string"},
        "action":{"type":"string"}}}');
