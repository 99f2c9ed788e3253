-- Batches that went through a file of their node.  What a node tells only
-- grows; what is stored or set aside out of files is counted here, each batch
-- once.


ALTER TABLE zwfw.visit_batches
    ADD COLUMN replayed boolean NOT NULL DEFAULT false; -- out of a file

GRANT UPDATE (replayed) ON zwfw.visit_batches TO zwfw_system;


-- In files are those that were spilled and did not come back, but never more
-- than are missing: a batch may be stored and in a file as well.

ALTER TABLE zwfw.visit_rings
    ADD COLUMN refused bigint NOT NULL DEFAULT 0,   -- by the database
    ADD COLUMN spilled bigint NOT NULL DEFAULT 0,   -- ever, as the node says
    ADD COLUMN replayed bigint NOT NULL DEFAULT 0,  -- of them, seen here
    ADD COLUMN aside bigint NOT NULL DEFAULT 0,     -- in files of no use
    ADD COLUMN in_files bigint NOT NULL GENERATED ALWAYS AS
        (greatest(least(spilled - replayed,
                        expected - lost - refused - aside - stored), 0))
        STORED;


-- The sums, with what is new.

ALTER TABLE zwfw.visit_totals
    ADD COLUMN refused bigint NOT NULL DEFAULT 0,
    ADD COLUMN aside bigint NOT NULL DEFAULT 0,
    ADD COLUMN in_files bigint NOT NULL DEFAULT 0;

CREATE OR REPLACE FUNCTION zwfw.visit_rings_add() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE zwfw.visit_totals t
       SET expected = t.expected + NEW.expected - coalesce(OLD.expected, 0),
           lost = t.lost + NEW.lost - coalesce(OLD.lost, 0),
           stored = t.stored + NEW.stored - coalesce(OLD.stored, 0),
           refused = t.refused + NEW.refused - coalesce(OLD.refused, 0),
           aside = t.aside + NEW.aside - coalesce(OLD.aside, 0),
           in_files = t.in_files + NEW.in_files - coalesce(OLD.in_files, 0),
           reported_at = greatest(t.reported_at, NEW.reported_at);

    RETURN NULL;
END $$;
