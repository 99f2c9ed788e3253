-- Staff sees and does what the role allows in the body where it is held.

-- The bodies that the asking supervisor oversees: the own ones and those
-- below, the highest first.

CREATE FUNCTION zwfw.supervised() RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT zwfw.has_role('supervisor') THEN
        RETURN '{}';
    END IF;

    RETURN (WITH RECURSIVE down AS (
                SELECT b.id, 1 AS n FROM zwfw.bodies b
                 WHERE b.id = ANY (zwfw.bodies_of('supervisor'))
                 UNION ALL
                SELECT b.id, down.n + 1
                  FROM down JOIN zwfw.bodies b ON b.parent = down.id
                 WHERE down.n < 10
            )
            SELECT coalesce(array_agg(d.id ORDER BY d.n, d.id), '{}')
              FROM (SELECT id, min(n) AS n FROM down GROUP BY id) d);
END $$;

-- Bodies whose cases a member of staff sees: those where he handles them, and
-- those that he oversees.

CREATE OR REPLACE FUNCTION zwfw.my_bodies() RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN zwfw.bodies_of('clerk', 'approver') || zwfw.supervised();
END $$;

ALTER POLICY staff ON zwfw.case_materials
    USING (body = ANY ((SELECT zwfw.bodies_of('clerk', 'approver'))::uuid[]));
ALTER POLICY staff ON zwfw.case_events
    USING (body = ANY ((SELECT zwfw.bodies_of('clerk', 'approver'))::uuid[]));
