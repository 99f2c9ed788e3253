-- Regions and the bodies of the administration (GB/T 2260, GB 32100).

-- Check character of GB 32100 over the first 17 characters.

CREATE FUNCTION zwfw.credit_check(code text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    letters  text := '0123456789ABCDEFGHJKLMNPQRTUWXY';
    weight   integer := 1;
    sum      integer := 0;
BEGIN
    FOR i IN 1..17 LOOP
        sum := sum + weight * (strpos(letters, substr(code, i, 1)) - 1);
        weight := weight * 3 % 31;
    END LOOP;

    RETURN substr(letters, (31 - sum % 31) % 31 + 1, 1);
END $$;

-- Unified social credit code: form and check character.

CREATE FUNCTION zwfw.is_credit_code(code text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN code ~ '^[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}$'
           AND right(code, 1) = zwfw.credit_check(code);
END $$;

CREATE TABLE zwfw.regions (
    code    text PRIMARY KEY CHECK (code ~ '^[0-9]{6}$'),
    name    text NOT NULL,
    parent  text REFERENCES zwfw.regions,
    level   smallint NOT NULL CHECK (level BETWEEN 1 AND 5)
);

CREATE TABLE zwfw.bodies (
    id           uuid PRIMARY KEY,
    credit_code  text NOT NULL UNIQUE CHECK (zwfw.is_credit_code(credit_code)),
    name         text NOT NULL,
    short_name   text NOT NULL,
    level        smallint NOT NULL CHECK (level BETWEEN 1 AND 7),
    region       text NOT NULL REFERENCES zwfw.regions,
    parent       uuid REFERENCES zwfw.bodies
);

CREATE INDEX bodies_parent ON zwfw.bodies (parent);

GRANT SELECT ON zwfw.regions, zwfw.bodies
    TO zwfw_citizen, zwfw_staff, zwfw_system;

-- A region and the ones above it, nearest first.

CREATE FUNCTION zwfw.region_path(code text) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (WITH RECURSIVE up AS (
                SELECT r.code, r.parent, 1 AS n FROM zwfw.regions r
                 WHERE r.code = region_path.code
                 UNION ALL
                SELECT r.code, r.parent, up.n + 1
                  FROM up JOIN zwfw.regions r ON r.code = up.parent
                 WHERE up.n < 6
            )
            SELECT array_agg(up.code ORDER BY up.n) FROM up);
END $$;
