-- Roles of a person are held in bodies.  The settings roles and body are lists
-- of one length: a role is held in the body that stands at its place.  One
-- body alone is the body of all roles.

-- The first body: that of a person who has no other.

CREATE OR REPLACE FUNCTION zwfw.my_body() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(split_part(current_setting('zwfw.body', true), ',', 1),
                  '')::uuid
$$;

-- The bodies in which the asking person holds one of the roles.  Policies ask
-- (SELECT zwfw.bodies_of(...)), once for a statement.

CREATE FUNCTION zwfw.bodies_of(VARIADIC names text[]) RETURNS uuid[]
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    held    text[] := zwfw.my_roles();
    places  uuid[] := string_to_array(
                          nullif(current_setting('zwfw.body', true), ''),
                          ',')::uuid[];
BEGIN
    IF cardinality(places) = 1 THEN
        RETURN CASE WHEN held && names THEN places ELSE '{}' END;
    END IF;

    RETURN ARRAY(SELECT DISTINCT g.body FROM unnest(held, places)
                     AS g (role, body)
                  WHERE g.role = ANY (names) AND g.body IS NOT NULL);
END $$;

-- The roles that the asking person holds in a body.

CREATE FUNCTION zwfw.roles_in(office uuid) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT r FROM unnest(zwfw.my_roles()) r
                  WHERE office = ANY (zwfw.bodies_of(r)));
END $$;

-- From here to the end of the transaction the asking person acts in this role
-- of this body, and in no other.  Errors: not_allowed.

CREATE FUNCTION zwfw.act_as(name text, office uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT coalesce(office = ANY (zwfw.bodies_of(name)), false) THEN
        PERFORM zwfw.fail('not_allowed', 403);
    END IF;

    PERFORM set_config('zwfw.roles', name, true),
            set_config('zwfw.body', office::text, true);
END $$;
