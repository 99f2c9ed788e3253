-- The same, with the type that it returns.

CREATE OR REPLACE FUNCTION zwfw.supervised() RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT zwfw.has_role('supervisor') THEN
        RETURN ARRAY[]::uuid[];
    END IF;

    RETURN (WITH RECURSIVE down AS (
                SELECT b.id, 1 AS n FROM zwfw.bodies b
                 WHERE b.id = ANY (zwfw.bodies_of('supervisor'))
                 UNION ALL
                SELECT b.id, down.n + 1
                  FROM down JOIN zwfw.bodies b ON b.parent = down.id
                 WHERE down.n < 10
            )
            SELECT coalesce(array_agg(d.id ORDER BY d.n, d.id),
                            ARRAY[]::uuid[])
              FROM (SELECT id, min(n) AS n FROM down GROUP BY id) d);
END $$;
