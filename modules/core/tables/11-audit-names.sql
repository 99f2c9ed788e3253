-- What the ids in the audit trail are called is known to slices.  One that
-- knows says by which of its functions, which core calls when it is there:
--
--   call  zwfw.<call>(ids text[]) RETURNS TABLE (id text, said jsonb)
--         said has the name; of a person also its kind and account
--   find  zwfw.<find>(sought jsonb, most integer) RETURNS uuid[]
--         staff by {name}, a part of it; people by {email}, as nginx seals it

DROP VIEW zwfw.staff_names;

CREATE TABLE zwfw.audit_names (
    kind  text PRIMARY KEY,             -- an object of the trail, or 'person'
    call  text NOT NULL CHECK (call ~ '^[a-z_]+$'),
    find  text CHECK (find ~ '^[a-z_]+$'),
    CHECK (find IS NULL OR kind = 'person')
);

GRANT SELECT ON zwfw.audit_names TO zwfw_staff;
