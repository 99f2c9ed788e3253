-- The schema works for nodes of its own version and for older ones down to this.
-- A file that a newer build needs raises "version"; one that an older build does
-- not survive raises "oldest" as well.

ALTER TABLE zwfw.schema
    ADD oldest integer NOT NULL DEFAULT 1,
    ADD CHECK (oldest <= version);

ALTER TABLE zwfw.schema ALTER oldest DROP DEFAULT;
