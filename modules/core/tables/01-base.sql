-- Migrations, version, who asks, the clock, refusals.

CREATE TABLE zwfw.migrations (
    slice       text NOT NULL,
    name        text NOT NULL,
    sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    applied_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (slice, name)
);

CREATE TABLE zwfw.schema (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    version  integer NOT NULL
);

INSERT INTO zwfw.schema (version) VALUES (1);


-- Who asks: transaction-local settings sent with each call.  A local setting
-- that has ended reads as '', so they are read through these functions only.

CREATE FUNCTION zwfw.me() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('zwfw.uid', true), '')::uuid
$$;

CREATE FUNCTION zwfw.acting_for() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('zwfw.acting_for', true), '')::uuid
$$;

CREATE FUNCTION zwfw.my_roles() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT string_to_array(current_setting('zwfw.roles', true), ',')
$$;

CREATE FUNCTION zwfw.has_role(name text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(name = ANY (zwfw.my_roles()), false)
$$;

CREATE FUNCTION zwfw.my_body() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('zwfw.body', true), '')::uuid
$$;

CREATE FUNCTION zwfw.my_region() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('zwfw.region', true), '')
$$;

CREATE FUNCTION zwfw.my_level() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('zwfw.level', true), '')::integer
$$;

CREATE FUNCTION zwfw.my_channel() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('zwfw.channel', true), '')
$$;

CREATE FUNCTION zwfw.request_id() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('zwfw.request_id', true), '')
$$;

CREATE FUNCTION zwfw.my_session() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('zwfw.session', true), '')
$$;


-- The clock.  It moves only where the database was made for tests, that is
-- ALTER DATABASE ... SET zwfw.test_clock = on, and the table has a row.

CREATE TABLE zwfw.clock (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    shift  interval NOT NULL
);

GRANT SELECT ON zwfw.clock TO zwfw_citizen, zwfw_staff, zwfw_system;

CREATE FUNCTION zwfw.now() RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF current_setting('zwfw.test_clock', true) = 'on' THEN
        RETURN pg_catalog.now()
               + coalesce((SELECT c.shift FROM zwfw.clock c), '0');
    END IF;

    RETURN pg_catalog.now();
END $$;

CREATE FUNCTION zwfw.today() RETURNS date
LANGUAGE sql STABLE AS $$
    SELECT (zwfw.now() AT TIME ZONE 'Asia/Shanghai')::date
$$;

-- Sets the clock of a test database; NULL puts it right again.

CREATE FUNCTION zwfw.move_clock(target timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('zwfw.test_clock', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'the clock moves in test databases only';
    END IF;

    DELETE FROM zwfw.clock;
    INSERT INTO zwfw.clock (shift)
    SELECT target - pg_catalog.now() WHERE target IS NOT NULL;
END $$;

REVOKE EXECUTE ON FUNCTION zwfw.move_clock(timestamptz)
    FROM zwfw_citizen, zwfw_staff, zwfw_system;


-- Refuses: nginx answers with the status, the code and the field's name.

CREATE FUNCTION zwfw.fail(code text, status integer, field text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF field IS NULL THEN
        RAISE EXCEPTION USING errcode = 'ZW' || status, message = code;
    END IF;

    RAISE EXCEPTION USING errcode = 'ZW' || status, message = code,
                          column = field;
END $$;

CREATE FUNCTION zwfw.need_role(name text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT zwfw.has_role(name) THEN
        PERFORM zwfw.fail('not_allowed', 403);
    END IF;
END $$;
