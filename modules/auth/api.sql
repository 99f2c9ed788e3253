-- Functions of accounts: register, log in, what a session is made of.


-- The privacy notice in force, for everybody (5.2.1.2).

CREATE OR REPLACE FUNCTION api.auth_notice(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN (SELECT json_build_object('version', n.version,
                       'effective_on', n.effective_on)
              FROM notices n
             WHERE n.effective_on <= today()
             ORDER BY n.effective_on DESC LIMIT 1);
END $$;

ALTER FUNCTION api.auth_notice OWNER TO zwfw_system;
SELECT zwfw.describe('auth_notice', '{"type":"object",
    "required":["version","effective_on"], "additionalProperties":false,
    "properties":{"version":{"type":"string"},
        "effective_on":{"type":"string","format":"date"}}}');


-- What a session of this user holds.  bodies: where roles are held in several
-- ones, that of each role.

CREATE OR REPLACE FUNCTION zwfw.auth_session(u zwfw.users) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_strip_nulls(json_build_object('outcome', 'ok',
               'uid', u.id, 'name', u.name, 'kind', u.kind,
               'level', (SELECT coalesce(max(p.level), 0)
                           FROM zwfw.level_proofs p WHERE p.user_id = u.id),
               'roles', string_agg(s.role, ',' ORDER BY s.role, s.body),
               'body', (array_agg(s.body ORDER BY s.role, s.body))[1],
               'bodies', CASE WHEN count(DISTINCT s.body) > 1 THEN
                   string_agg(s.body::text, ',' ORDER BY s.role, s.body) END,
               'region', coalesce(u.region, min(b.region))))
      FROM (SELECT) one
      LEFT JOIN zwfw.staff_roles s ON s.user_id = u.id
      LEFT JOIN zwfw.bodies b ON b.id = s.body
$$;


-- A natural person registers (5.2.1.2; level 1 of table 1).  body: email
-- sealed with its blind indexes, password as its hash, name, consent.
-- Errors: consent_outdated, already_registered.

CREATE OR REPLACE FUNCTION api.auth_register(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    u  users;
BEGIN
    IF body->>'consent' <> (api.auth_notice('{}', '{}')->>'version') THEN
        PERFORM fail('consent_outdated', 422, 'consent');
    END IF;

    IF EXISTS (SELECT FROM users o
                WHERE o.email_index = ANY (ARRAY(SELECT
                      jsonb_array_elements_text(body->'email'->'index'))))
    THEN
        PERFORM fail('already_registered', 409, 'email');
    END IF;

    INSERT INTO users (id, kind, name, email, email_index, password,
                       created_at)
    VALUES ((args->>'new_id')::uuid, 'natural', body->>'name',
            body->'email'->>'sealed', body->'email'->'index'->>0,
            body->>'password', zwfw.now())
        ON CONFLICT (email_index) DO NOTHING
    RETURNING * INTO u;

    IF NOT FOUND THEN
        PERFORM fail('already_registered', 409, 'email');
    END IF;

    INSERT INTO level_proofs VALUES (u.id, 1, 'email_password', zwfw.now());
    INSERT INTO consents
    VALUES (u.id, body->>'consent', zwfw.now(), my_channel(), request_id());

    PERFORM auth_wrote('auth_register', u.id, 'ok', NULL);

    RETURN auth_session(u);
END $$;

-- Audit of somebody who has no session yet.

CREATE OR REPLACE FUNCTION zwfw.auth_wrote(action text, who uuid,
    outcome text, detail jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    a  zwfw.audit;
BEGIN
    a.action := auth_wrote.action;
    a.object := 'user';
    a.object_id := who;
    a.outcome := auth_wrote.outcome;
    a.detail := auth_wrote.detail;
    a.uid := who;
    a.request_id := zwfw.request_id();
    a.channel := zwfw.my_channel();
    PERFORM zwfw.audit_append(a);
END $$;

ALTER FUNCTION api.auth_register OWNER TO zwfw_system;


-- The hash that a password is compared with.  body: index, the blind indexes
-- of the e-mail address.  Nobody asks this but nginx' own steps.

CREATE OR REPLACE FUNCTION api.auth_find(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT json_build_object('password', u.password,
                                'uid', u.id)
                       FROM users u
                      WHERE u.email_index = ANY (ARRAY(SELECT
                            jsonb_array_elements_text(body->'index')))
                        AND u.state = 'active'
                      LIMIT 1), '{}'::json);
END $$;

ALTER FUNCTION api.auth_find OWNER TO zwfw_system;
SELECT zwfw.describe('auth_find', '{"type":"object",
    "additionalProperties":false,
    "properties":{"password":{"type":"string"},
        "uid":{"type":"string","format":"uuid"}}}');


-- The comparison was made: counts, locks, lets in (5.2.1.3).  body: email
-- with its indexes, right: whether the password was.  Ten failures within ten
-- minutes lock for half an hour, whether the address is known or not.  The
-- answer must be committed, so that refusals are outcomes here.

CREATE OR REPLACE FUNCTION api.auth_enter(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    keys   text[] := ARRAY(SELECT
                     jsonb_array_elements_text(body->'email'->'index'));
    until  timestamptz := auth_locked(keys);
    u      users;
BEGIN
    SELECT * INTO u FROM users o
     WHERE o.email_index = ANY (keys) AND o.state = 'active';

    IF until > zwfw.now() THEN
        PERFORM auth_wrote('auth_login', u.id, 'refused',
                           '{"reason":"locked"}');
        RETURN json_build_object('outcome', 'locked', 'retry',
            ceil(extract(epoch FROM until - zwfw.now()))::integer);
    END IF;

    IF u.id IS NULL OR NOT (body->>'right')::boolean THEN
        PERFORM auth_wrote('auth_login', u.id, 'failed',
            jsonb_build_object('failures', auth_failed(keys[1])));
        RETURN json_build_object('outcome', 'wrong');
    END IF;

    DELETE FROM login_failures f WHERE f.email_index = ANY (keys);

    PERFORM auth_wrote('auth_login', u.id, 'ok', NULL);

    RETURN auth_session(u);
END $$;

CREATE OR REPLACE FUNCTION zwfw.auth_locked(keys text[]) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT max(f.locked_until) FROM zwfw.login_failures f
     WHERE f.email_index = ANY (keys)
$$;

-- One more failure; returns how many there are.

CREATE OR REPLACE FUNCTION zwfw.auth_failed(key text) RETURNS integer
LANGUAGE sql AS $$
    INSERT INTO zwfw.login_failures AS f VALUES (key, 1, zwfw.now(), NULL)
        ON CONFLICT (email_index) DO UPDATE
       SET failures = CASE WHEN f.failed_at > zwfw.now() - interval '10 minutes'
                      THEN f.failures + 1 ELSE 1 END,
           failed_at = zwfw.now(),
           locked_until = CASE WHEN f.failures >= 9
               AND f.failed_at > zwfw.now() - interval '10 minutes'
               THEN zwfw.now() + interval '30 minutes' END
    RETURNING f.failures
$$;

-- A job: failures that no longer count.

CREATE OR REPLACE FUNCTION api.auth_sweep(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    DELETE FROM login_failures f WHERE f.failed_at < zwfw.now() - interval '1 day';
    RETURN '{}'::json;
END $$;

ALTER FUNCTION api.auth_sweep OWNER TO zwfw_system;
SELECT zwfw.describe('auth_sweep', '{"type":"object",
    "additionalProperties":false}');
ALTER FUNCTION api.auth_enter OWNER TO zwfw_system;
SELECT zwfw.describe('auth_enter', '{"type":"object","required":["outcome"],
    "additionalProperties":false,
    "properties":{"outcome":{"enum":["ok","wrong","locked"]},
        "retry":{"type":"integer"},
        "uid":{"type":"string","format":"uuid"}, "name":{"type":"string"},
        "kind":{"enum":["natural","staff"]}, "level":{"type":"integer"},
        "roles":{"type":"string"}, "body":{"type":"string","format":"uuid"},
        "bodies":{"type":"string"}, "region":{"type":"string"}}}');
SELECT zwfw.describe('auth_register', '{"type":"object",
    "required":["outcome","uid","name","kind","level"],
    "additionalProperties":false,
    "properties":{"outcome":{"enum":["ok"]},
        "uid":{"type":"string","format":"uuid"}, "name":{"type":"string"},
        "kind":{"enum":["natural"]}, "level":{"type":"integer"},
        "region":{"type":"string"}}}');


-- The asking person left: logged out, or ended a session.  args: id.

CREATE OR REPLACE FUNCTION api.auth_left(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    PERFORM write_audit(CASE WHEN args->>'id' = my_session()
                        THEN 'auth_logout' ELSE 'auth_end' END,
                        'session', args->>'id');
    RETURN '{}'::json;
END $$;

ALTER FUNCTION api.auth_left OWNER TO zwfw_system;
SELECT zwfw.describe('auth_left', '{"type":"object",
    "additionalProperties":false}');


-- Who am I: the account of the session (5.2.1.9).

CREATE OR REPLACE FUNCTION api.auth_me(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN (SELECT json_build_object('uid', u.id, 'name', u.name,
                       'kind', u.kind, 'level', my_level(),
                       'roles', to_json(my_roles()),
                       'email', sealed('users.email', u.id, u.email),
                       'created_at', u.created_at)
              FROM users u WHERE u.id = me());
END $$;

ALTER FUNCTION api.auth_me OWNER TO zwfw_citizen;
SELECT zwfw.describe('auth_me', '{"type":"object",
    "required":["uid","name","kind","level","roles","email","created_at"],
    "additionalProperties":false,
    "properties":{"uid":{"type":"string","format":"uuid"},
        "name":{"type":"string"}, "kind":{"enum":["natural","staff"]},
        "level":{"type":"integer"},
        "roles":{"type":"array","items":{"type":"string"}},
        "email":{"type":"string"}, "token":{"type":"string"},
        "created_at":{"type":"string","format":"date-time"}}}');
