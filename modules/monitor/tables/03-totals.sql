-- The sums of the ledger, kept beside it: rings are never forgotten, and their
-- sums stand on each page of monitoring.


CREATE TABLE zwfw.visit_totals (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    expected     bigint NOT NULL,
    lost         bigint NOT NULL,
    stored       bigint NOT NULL,
    reported_at  timestamptz            -- NULL: nobody has reported
);

GRANT SELECT ON zwfw.visit_totals TO zwfw_staff;
GRANT SELECT, UPDATE ON zwfw.visit_totals TO zwfw_system;

INSERT INTO zwfw.visit_totals (expected, lost, stored, reported_at)
SELECT coalesce(sum(r.expected), 0), coalesce(sum(r.lost), 0),
       coalesce(sum(r.stored), 0), max(r.reported_at)
  FROM zwfw.visit_rings r;


-- A report adds what has changed since the last one of its ring.

CREATE FUNCTION zwfw.visit_rings_add() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE zwfw.visit_totals t
       SET expected = t.expected + NEW.expected - coalesce(OLD.expected, 0),
           lost = t.lost + NEW.lost - coalesce(OLD.lost, 0),
           stored = t.stored + NEW.stored - coalesce(OLD.stored, 0),
           reported_at = greatest(t.reported_at, NEW.reported_at);

    RETURN NULL;
END $$;

CREATE TRIGGER add AFTER INSERT OR UPDATE ON zwfw.visit_rings
    FOR EACH ROW EXECUTE FUNCTION zwfw.visit_rings_add();
