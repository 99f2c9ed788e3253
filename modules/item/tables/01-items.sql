-- Basic directory, implementing lists with their versions, topics
-- (GB/T 39047, 5.2.2.2 a; elements of GB/T 39046).

-- One tokenizer for indexing and asking.  Folds width and case; a word of
-- letters and digits is one token; Chinese gives every character and every
-- pair of neighbours, so that each substring of two or more is found.  Asking
-- takes pairs, and a single character only where it stands alone.

CREATE FUNCTION zwfw.fold(words text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(normalize(words, NFKC))
$$;

CREATE FUNCTION zwfw.tokens(words text, asking boolean DEFAULT false)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    run   text;
    list  text[] := ARRAY[]::text[];
BEGIN
    FOR run IN
        SELECT m[1] FROM regexp_matches(zwfw.fold(words),
            '([a-z0-9]+|[\u3007\u3400-\u9fff\U00020000-\U0003ffff]+)', 'g') m
    LOOP
        IF run ~ '^[a-z0-9]' OR length(run) = 1 THEN
            list := list || run;
            CONTINUE;
        END IF;

        FOR i IN 1 .. length(run) LOOP
            IF i < length(run) THEN
                list := list || substr(run, i, 2);
            END IF;

            IF NOT asking THEN
                list := list || substr(run, i, 1);
            END IF;
        END LOOP;
    END LOOP;

    RETURN list;
END $$;


-- Topics of natural persons (u..) and of legal persons (c..).

CREATE TABLE zwfw.item_topics (
    code      text PRIMARY KEY CHECK (code ~ '^[uc][0-9]{2}$'),
    name      text NOT NULL
);

-- What items exist: the basic directory.

CREATE TABLE zwfw.item_catalog (
    code    text PRIMARY KEY
            CHECK (code ~ '^(00|[1-9][0-9])[0-9]{10}$'),
    name    text NOT NULL,
    type    text NOT NULL CHECK (type ~ '^(0[0-9]|[12][0-9])$'),
    basis   text NOT NULL,
    levels  text[] NOT NULL CHECK (levels <@ '{1,2,3,4,5,6,7}'),
    state   text NOT NULL DEFAULT 'in_use'
            CHECK (state IN ('in_use', 'cancelled'))
);

CREATE INDEX item_catalog_type ON zwfw.item_catalog (type, code);

-- Implementing body, level, directory entry: 18 + 1 + 12 characters.

CREATE FUNCTION zwfw.is_item_code(code text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT code ~ '^[0-9A-HJ-NPQRTUWXY]{18}[1-7](00|[1-9][0-9])[0-9]{10}$'
           AND zwfw.is_credit_code(left(code, 18))
$$;

-- What an item is found by: words, and its properties under a letter and a
-- colon, which no word has.

CREATE FUNCTION zwfw.item_words(state text, code text, name text,
    keywords text[], region text, type text, objects text[], topics text[])
RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    list  text[];
    word  text;
BEGIN
    IF state NOT IN ('in_use', 'suspended') THEN
        RETURN ''::tsvector;
    END IF;

    list := ARRAY['s:', 'r:' || region, 't:' || type,
                  'c:' || right(code, 12), lower(code)] || zwfw.tokens(name);

    FOREACH word IN ARRAY keywords LOOP
        list := list || zwfw.tokens(word);
    END LOOP;

    FOREACH word IN ARRAY objects LOOP
        list := list || ('o:' || word);
    END LOOP;

    FOREACH word IN ARRAY topics LOOP
        list := list || ('p:' || word);
    END LOOP;

    RETURN array_to_tsvector(list);
END $$;


-- One row per version of an implementing list.  guide has the shape of
-- zwfw.item_shape().

CREATE TABLE zwfw.items (
    id               uuid PRIMARY KEY,
    code             text NOT NULL CHECK (zwfw.is_item_code(code)),
    version          integer NOT NULL CHECK (version > 0),
    state            text NOT NULL DEFAULT 'draft'
                     CHECK (state IN ('draft', 'pending', 'approved',
                            'in_use', 'suspended', 'cancelled', 'replaced')),
    catalog_code     text NOT NULL REFERENCES zwfw.item_catalog,
    name             text NOT NULL,
    type             text NOT NULL,
    body             uuid NOT NULL REFERENCES zwfw.bodies,
    level            text NOT NULL,
    region           text NOT NULL REFERENCES zwfw.regions,
    project_type     text NOT NULL DEFAULT '2'
                     CHECK (project_type IN ('1', '2', '9')),
    anticipate_day   integer NOT NULL CHECK (anticipate_day >= 0),
    anticipate_type  text NOT NULL DEFAULT '1'
                     CHECK (anticipate_type IN ('1', '2')),
    promise_day      integer NOT NULL CHECK (promise_day >= 0),
    promise_type     text NOT NULL DEFAULT '1'
                     CHECK (promise_type IN ('1', '2')),
    fee              boolean NOT NULL DEFAULT false,
    online           boolean NOT NULL DEFAULT true,
    real_level       smallint NOT NULL DEFAULT 1
                     CHECK (real_level BETWEEN 1 AND 5),
    objects          text[] NOT NULL CHECK (objects <@ '{1,2,3,4,5,6,9}'
                            AND cardinality(objects) > 0),
    topics           text[] NOT NULL DEFAULT '{}',
    keywords         text[] NOT NULL DEFAULT '{}',
    guide            jsonb NOT NULL DEFAULT '{}',
    heat             integer NOT NULL DEFAULT 0,
    revision         integer NOT NULL DEFAULT 1,    -- counts saves
    authors          uuid[] NOT NULL DEFAULT '{}',  -- whoever saved it
    approver         uuid,
    reason           text,              -- rejected, suspended, cancelled
    effective_on     date,              -- NULL: when it is approved
    updated_at       timestamptz NOT NULL DEFAULT zwfw.now(),
    words            tsvector GENERATED ALWAYS AS (zwfw.item_words(state,
                         code, name, keywords, region, type, objects,
                         topics)) STORED,
    UNIQUE (code, version),
    CHECK (catalog_code = right(code, 12) AND level = substr(code, 19, 1)),
    CHECK (NOT approver = ANY (authors))
);

-- the guide and the words lie apart: lists read short rows

ALTER TABLE zwfw.items SET (toast_tuple_target = 256);
ALTER TABLE zwfw.items ALTER guide SET STORAGE EXTERNAL;

-- at most one that is offered, and one that is being written

CREATE UNIQUE INDEX items_offered ON zwfw.items (code)
    WHERE state IN ('in_use', 'suspended');
CREATE UNIQUE INDEX items_open ON zwfw.items (code)
    WHERE state IN ('draft', 'pending', 'approved');

CREATE INDEX items_words ON zwfw.items USING gin (words)
    WITH (fastupdate = off);
CREATE INDEX items_heat ON zwfw.items (heat DESC, id)
    WHERE state IN ('in_use', 'suspended');
CREATE INDEX items_body ON zwfw.items (body, updated_at, id);
CREATE INDEX items_pending ON zwfw.items (updated_at, id)
    WHERE state = 'pending';
CREATE INDEX items_due ON zwfw.items (effective_on)
    WHERE state = 'approved';


-- What was published, word for word; cases name the version they began with.

CREATE TABLE zwfw.item_versions (
    code          text NOT NULL,
    version       integer NOT NULL,
    item          uuid NOT NULL UNIQUE REFERENCES zwfw.items,
    document      json NOT NULL,
    hash          text NOT NULL,        -- SHA-256 of the document
    published_at  timestamptz NOT NULL,
    PRIMARY KEY (code, version)
);

GRANT SELECT ON zwfw.item_topics, zwfw.item_catalog, zwfw.items,
                zwfw.item_versions
    TO zwfw_citizen, zwfw_staff, zwfw_system;
GRANT INSERT, UPDATE ON zwfw.items TO zwfw_staff;
GRANT UPDATE ON zwfw.items TO zwfw_system;
GRANT INSERT ON zwfw.item_versions TO zwfw_staff, zwfw_system;
