-- Keys are rolled over while serving: what is sealed under an older key is
-- sealed anew under the newest, column by column and file by file.


-- The number of the key that a stored value is sealed with.

CREATE FUNCTION zwfw.key_of(sealed text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT substring(sealed FROM '^zs1:([0-9]{1,9}):')::integer
$$;


-- Columns that nginx seals; the slice that owns one declares it.  Its table
-- has an id and an index on (zwfw.key_of(column), id).

CREATE TABLE zwfw.sealed_columns (
    name   text PRIMARY KEY CHECK (name ~ '^[a-z_]+\.[a-z_]+$'),
    blind  text CHECK (blind ~ '^[a-z_]+$')     -- column of the blind index
);

GRANT SELECT ON zwfw.sealed_columns TO zwfw_system;


-- The walk through the folder of files.

CREATE TABLE zwfw.file_walk (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    key       integer NOT NULL,         -- under which files are brought
    folder    integer NOT NULL,         -- where it goes on, of 65536
    began_at  timestamptz NOT NULL,
    failed    bigint NOT NULL,          -- files that could not be, so far
    whole_at  timestamptz,              -- when the last whole walk had begun
    left_over bigint                    -- and how many it could not bring
);

GRANT SELECT, INSERT, UPDATE ON zwfw.file_walk TO zwfw_system;
