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

    PERFORM auth_know(u.id, body);
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
-- with its indexes, right: whether the password was, network: a pseudonym of
-- where it comes from, device: the browser, if it has a cookie, new_device:
-- what it is known by from now on.  The answer must be committed, so that
-- refusals are outcomes here.

CREATE OR REPLACE FUNCTION api.auth_enter(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    u      users;
    doors  text[];
    until  timestamptz;
BEGIN
    SELECT * INTO u FROM users o
     WHERE o.email_index = ANY (ARRAY(SELECT
               jsonb_array_elements_text(body->'email'->'index')))
       AND o.state = 'active';

    doors := auth_doors(u.id, body);
    until := auth_held(doors);

    IF until > zwfw.now() THEN
        PERFORM auth_wrote('auth_login', u.id, 'refused',
                           '{"reason":"locked"}');
        RETURN json_build_object('outcome', 'locked', 'retry',
            ceil(extract(epoch FROM until - zwfw.now()))::integer);
    END IF;

    IF u.id IS NULL OR NOT (body->>'right')::boolean THEN
        PERFORM auth_failed(u.id, doors);
        RETURN json_build_object('outcome', 'wrong');
    END IF;

    DELETE FROM login_doors d
     WHERE d.door = ANY (doors)
       AND (d.failures = 0 OR d.door ~ '^(device|near) ');

    PERFORM auth_know(u.id, body);
    PERFORM auth_wrote('auth_login', u.id, 'ok', NULL);

    RETURN auth_session(u);
END $$;

-- Where a try comes in.  Who is known by the browser is counted alone, so that
-- strangers cannot lock the door of an owner.

CREATE OR REPLACE FUNCTION zwfw.auth_doors(who uuid, body jsonb)
RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM zwfw.known_devices k
                              WHERE k.user_id = who
                                AND k.device = body->>'device')
        THEN ARRAY['device ' || (body->>'device') || ' ' || index]
        ELSE ARRAY['account ' || index, 'near ' || network || ' ' || index,
                   'network ' || network] END
      FROM (SELECT body->'email'->'index'->>0 AS index,
                   coalesce(body->>'network', '-') AS network) from_where
$$;

-- Holds the doors of an account until the end of the transaction, so that
-- guesses at the same time count one after the other; returns until when one
-- of them is locked.

CREATE OR REPLACE FUNCTION zwfw.auth_held(doors text[]) RETURNS timestamptz
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO zwfw.login_doors
    SELECT d, 0, zwfw.now(), NULL FROM unnest(doors) d
     WHERE d !~ '^network ' ORDER BY d
        ON CONFLICT DO NOTHING;

    PERFORM FROM zwfw.login_doors d
      WHERE d.door = ANY (doors) AND d.door !~ '^network '
      ORDER BY d.door FOR UPDATE;

    RETURN (SELECT max(d.locked_until) FROM zwfw.login_doors d
             WHERE d.door = ANY (doors));
END $$;

-- For how long so many failures lock a door.  One who forgot a password waits
-- a minute after five tries, then twice as long each time, up to half an hour;
-- strangers together wait after forty tries on one account, a network after a
-- hundred on all.

CREATE OR REPLACE FUNCTION zwfw.auth_delay(door text, failures integer)
RETURNS interval
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE split_part(door, ' ', 1)
        WHEN 'account' THEN
            CASE WHEN failures >= 40 THEN interval '15 minutes'
                      * least(1 << least(failures - 40, 2), 4) END
        WHEN 'network' THEN
            CASE WHEN failures >= 100 THEN interval '10 minutes' END
        ELSE
            CASE WHEN failures >= 5 THEN least(interval '30 minutes',
                      interval '1 minute' * (1 << least(failures - 5, 5))) END
        END
$$;

-- One more failure at each door.  Failures of an hour ago are forgotten, those
-- of a network after ten minutes.  The audit trail has which door was locked.

CREATE OR REPLACE FUNCTION zwfw.auth_failed(who uuid, doors text[])
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    t     timestamptz := zwfw.now();
    lock  record;
BEGIN
    INSERT INTO zwfw.login_doors AS d
    SELECT n, 1, t, NULL FROM unnest(doors) n ORDER BY n
        ON CONFLICT (door) DO UPDATE
       SET failed_at = t, failures = 1 + CASE WHEN d.failed_at > t - CASE
               WHEN d.door ~ '^network ' THEN interval '10 minutes'
               ELSE interval '1 hour' END THEN d.failures ELSE 0 END;

    UPDATE zwfw.login_doors d
       SET locked_until = t + zwfw.auth_delay(d.door, d.failures)
     WHERE d.door = ANY (doors);

    SELECT split_part(d.door, ' ', 1) AS door, d.failures,
           extract(epoch FROM d.locked_until - t)::integer AS seconds INTO lock
      FROM zwfw.login_doors d WHERE d.door = ANY (doors)
     ORDER BY d.locked_until DESC NULLS LAST, d.failures DESC LIMIT 1;

    PERFORM zwfw.auth_wrote(CASE WHEN lock.seconds IS NULL THEN 'auth_login'
                                 ELSE 'auth_lock' END, who, 'failed',
        jsonb_strip_nulls(jsonb_build_object('door', lock.door,
            'failures', lock.failures, 'locked_seconds', lock.seconds)));
END $$;

-- The browser is known by its new cookie, to all whom it was known to; each
-- person has the twenty used last.

CREATE OR REPLACE FUNCTION zwfw.auth_know(who uuid, body jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF body->>'new_device' IS NULL THEN
        RETURN;
    END IF;

    UPDATE zwfw.known_devices k SET device = body->>'new_device'
     WHERE k.device = body->>'device';

    INSERT INTO zwfw.known_devices
    VALUES (who, body->>'new_device', zwfw.now())
        ON CONFLICT (user_id, device) DO UPDATE SET at = excluded.at;

    DELETE FROM zwfw.known_devices k
     WHERE k.user_id = who AND k.device IN (
           SELECT o.device FROM zwfw.known_devices o WHERE o.user_id = who
            ORDER BY o.at DESC, o.device OFFSET 20);
END $$;

-- A job: failures that no longer count, browsers that nobody used for long.

CREATE OR REPLACE FUNCTION api.auth_sweep(args jsonb, body jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    DELETE FROM login_doors d WHERE d.failed_at < zwfw.now() - interval '1 day';
    DELETE FROM known_devices k WHERE k.at < zwfw.now() - interval '180 days';
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


-- The asking person ended all other sessions.  args: ended, how many they
-- were; device, the browser that stays known.

CREATE OR REPLACE FUNCTION api.auth_left_others(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    DELETE FROM known_devices k
     WHERE k.user_id = me() AND k.device IS DISTINCT FROM args->>'device';

    PERFORM write_audit('auth_end_others', 'session', my_session(), 'ok',
                        jsonb_build_object('ended', args->'ended'));
    RETURN json_build_object('ended', args->'ended');
END $$;

ALTER FUNCTION api.auth_left_others OWNER TO zwfw_system;
SELECT zwfw.describe('auth_left_others', '{"type":"object",
    "required":["ended"], "additionalProperties":false,
    "properties":{"ended":{"type":"integer"}}}');


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


-- Who people are, for the audit trail: staff by name and account, natural
-- persons by a masked name.

CREATE OR REPLACE FUNCTION zwfw.auth_people(ids text[])
RETURNS TABLE (id text, said jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    PERFORM need_role('operator');

    RETURN QUERY SELECT u.id::text, jsonb_build_object('kind', u.kind,
               'name', CASE WHEN u.kind = 'staff' THEN u.name
                            ELSE masked(u.name) END,
               'account', CASE WHEN u.kind = 'staff' THEN
                   sealed_or_empty('users.email', u.id, u.email) END)
      FROM users u
     WHERE u.id = ANY (uuids(ids));
END $$;

ALTER FUNCTION zwfw.auth_people(text[]) OWNER TO zwfw_system;

-- People for the audit trail, at most so many: staff by a part of the name,
-- anybody by the e-mail address of the account.

CREATE OR REPLACE FUNCTION zwfw.auth_seek(sought jsonb, most integer)
RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    PERFORM need_role('operator');

    IF sought ? 'email' THEN
        RETURN ARRAY(SELECT u.id FROM users u
                      WHERE u.email_index = ANY (ARRAY(SELECT
                            jsonb_array_elements_text(sought->'email'
                                                      ->'index'))));
    ELSIF NOT sought ? 'name' THEN
        RETURN '{}'::uuid[];
    END IF;

    RETURN ARRAY(SELECT u.id FROM users u
                  WHERE u.kind = 'staff'
                    AND strpos(u.name, sought->>'name') > 0
                  ORDER BY u.name, u.id LIMIT most);
END $$;

ALTER FUNCTION zwfw.auth_seek(jsonb, integer) OWNER TO zwfw_system;
