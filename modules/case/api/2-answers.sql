-- What an applicant says: the answers to the form, and files for materials.


-- A day of the form, as text.

CREATE OR REPLACE FUNCTION zwfw.case_is_day(value text) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT AS $$
BEGIN
    RETURN value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
           AND isfinite(value::date);

EXCEPTION
    WHEN datetime_field_overflow THEN
        RETURN false;
END $$;

-- What is wrong with an answer: missing, bad_type, too_long, too_large,
-- bad_date, bad_value; NULL: nothing.  Forms send strings.

CREATE OR REPLACE FUNCTION zwfw.case_fault(f jsonb, value jsonb,
    whole boolean) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    kind   text := f->>'type';
    given  text := value #>> '{}';
    most   integer := coalesce((f->>'size')::integer,
                          CASE kind WHEN 'integer' THEN 999999999
                          WHEN 'text' THEN 500 ELSE 100 END);
BEGIN
    IF coalesce(trim(given), '') = '' THEN
        RETURN CASE WHEN whole AND (f->>'required')::boolean
               THEN 'missing' END;
    ELSIF jsonb_typeof(value) IN ('object', 'array')
       OR kind = 'integer' AND given !~ '^[0-9]{1,9}$'
       OR kind = 'boolean' AND given NOT IN ('true', 'false', 'on')
       OR kind NOT IN ('integer', 'boolean')
          AND jsonb_typeof(value) <> 'string'
    THEN
        RETURN concat_ws(' ', 'bad_type', kind, most);
    END IF;

    RETURN CASE WHEN kind = 'integer' AND given::integer > most
                THEN concat('too_large integer ', most)
                WHEN kind IN ('line', 'text') AND length(given) > most
                THEN concat_ws(' ', 'too_long', kind, most)
                WHEN kind = 'choice' AND NOT f->'options' ? given
                     OR kind = 'line' AND given ~ '[\n\t]'
                THEN concat_ws(' ', 'bad_value', kind, most)
                WHEN kind = 'date' AND NOT zwfw.case_is_day(given)
                THEN 'bad_date date 0' END;
END $$;

-- The answers to a form in which nothing is wrong, each of its type.

CREATE OR REPLACE FUNCTION zwfw.case_answers(guide jsonb, given jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_object_agg(a.name, CASE a.kind
                       WHEN 'integer' THEN to_jsonb(a.text::integer)
                       WHEN 'boolean' THEN to_jsonb(a.text <> 'false')
                       ELSE to_jsonb(trim(a.text)) END), '{}')
              FROM (SELECT f->>'name' AS name, f->>'type' AS kind,
                           given->(f->>'name') #>> '{}' AS text
                      FROM jsonb_array_elements(guide->'form') f) a
             WHERE coalesce(trim(a.text), '') <> '');
END $$;

-- What is wrong with the files that are said to be those of a material, a
-- list of {code, file}: too_many, bad_value, bad_file_type, missing; of one
-- that was asked for: not_corrected; NULL: nothing.

CREATE OR REPLACE FUNCTION zwfw.case_file_fault(c zwfw.cases, material jsonb,
    list jsonb, whole boolean, asked boolean) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    key    text := material->>'code';
    named  boolean := list @> jsonb_build_array(
                                  jsonb_build_object('code', key));
    files  jsonb[] := ARRAY(SELECT e->'file' FROM jsonb_array_elements(list) e
                             WHERE e->>'code' = key AND e ? 'file');
    there  text[] := ARRAY(SELECT m.id::text FROM zwfw.case_materials m
                            WHERE m.case_id = c.id AND m.code = key
                              AND m.dropped_at IS NULL);
    kept   text[] := ARRAY(SELECT lower(f #>> '{}') FROM unnest(files) f
                            WHERE jsonb_typeof(f) = 'string');
BEGIN
    IF NOT named THEN
        RETURN CASE WHEN whole AND material->>'need' = '1' AND there = '{}'
               THEN 'missing files' WHEN asked THEN 'not_corrected' END;
    ELSIF cardinality(files) > coalesce((material->>'files')::integer, 5) THEN
        RETURN concat('too_many files ',
                      coalesce((material->>'files')::integer, 5));
    ELSIF NOT kept <@ there OR EXISTS (
              SELECT FROM unnest(files) f
               WHERE NOT (jsonb_typeof(f) = 'string' OR f ? 'file'))
    THEN
        RETURN 'bad_value';
    END IF;

    RETURN CASE WHEN EXISTS (SELECT FROM unnest(files) f WHERE f ? 'type'
                AND NOT material->'kinds' ? split_part(f->>'type', '/', 2))
                THEN 'bad_file_type'
                WHEN whole AND material->>'need' = '1' AND files = '{}'
                THEN 'missing files'
                WHEN asked AND cardinality(files) = cardinality(kept)
                     AND there <@ kept
                THEN 'not_corrected' END;
END $$;

-- All that is wrong with what an applicant says, at once; in the order of the
-- page.  whole: nothing may be missing.

CREATE OR REPLACE FUNCTION zwfw.case_check(c zwfw.cases, guide jsonb,
    given jsonb, list jsonb, whole boolean) RETURNS void
LANGUAGE plpgsql STABLE AS $$
DECLARE
    asked  jsonb := CASE WHEN whole AND c.state = 'correction'
                    THEN zwfw.case_asked(c) END;
BEGIN
    PERFORM zwfw.fail_all(coalesce(jsonb_agg(jsonb_build_array(x.field,
                x.code) ORDER BY x.part, x.n, x.field), '[]'))
       FROM (SELECT 1, n, 'applicant.' || v.name, CASE WHEN whole
                    AND v.value IS NULL THEN 'missing' END
               FROM (VALUES (1, 'name', c.name),
                            (2, 'id_number', c.id_number),
                            (3, 'phone', c.phone)) AS v (n, name, value)
              UNION ALL
             SELECT 2, n, 'form.' || (f->>'name'),
                    zwfw.case_fault(f, given->(f->>'name'), whole)
               FROM jsonb_array_elements(guide->'form')
                    WITH ORDINALITY AS e (f, n)
              UNION ALL
             SELECT 3, 0, 'form.' || k, 'unknown_field'
               FROM jsonb_object_keys(given) k
              WHERE NOT coalesce(guide->'form', '[]') @> jsonb_build_array(
                        jsonb_build_object('name', k))
              UNION ALL
             SELECT 4, n, 'materials.' || (m->>'code'),
                    zwfw.case_file_fault(c, m, list, whole,
                        asked @> jsonb_build_array(jsonb_build_object(
                                     'material', m->'code')))
               FROM jsonb_array_elements(guide->'materials')
                    WITH ORDINALITY AS e (m, n)
              UNION
             SELECT 5, 0, 'materials.' || (e->>'code'), 'unknown_material'
               FROM jsonb_array_elements(list) e
              WHERE NOT coalesce(guide->'materials', '[]')
                    @> jsonb_build_array(jsonb_build_object('code',
                                                            e->'code')))
            AS x (part, n, field, code)
      WHERE x.code IS NOT NULL;
END $$;

-- What an applicant says: applicant, form, note; its materials are looked at
-- as well, before they are put there.  Errors: those of case_check.

CREATE OR REPLACE FUNCTION zwfw.case_say(c zwfw.cases, guide jsonb,
    said jsonb, whole boolean) RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
DECLARE
    person  jsonb := said->'applicant';
    given   jsonb := coalesce(said->'form', (
                SELECT jsonb_object_agg(f->>'name', c.form->(f->>'name'))
                  FROM jsonb_array_elements(guide->'form') f
                 WHERE c.form ? (f->>'name')), '{}');
BEGIN
    c.name := coalesce(person->>'name', c.name);
    c.id_number := coalesce(person->'id_number'->>'sealed', c.id_number);
    c.phone := coalesce(person->'phone'->>'sealed', c.phone);
    c.note := coalesce(said->>'note', c.note);

    PERFORM zwfw.case_check(c, guide, given,
                            coalesce(said->'materials', '[]'), whole);
    c.form := zwfw.case_answers(guide, given);

    RETURN c;
END $$;


-- Files for materials, a list of {code, file} that case_check has let pass.
-- The files of a material that is named become the ones listed: file is an
-- upload, or the id of one that is there and stays; {code} alone leaves none.
-- Returns the codes of the materials that have changed.

CREATE OR REPLACE FUNCTION zwfw.case_put(c zwfw.cases, guide jsonb,
    list jsonb) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    changed  text[] := ARRAY[]::text[];
    material jsonb;
    key      text;
BEGIN
    FOR key IN SELECT DISTINCT e->>'code' FROM jsonb_array_elements(list) e
                ORDER BY 1
    LOOP
        SELECT m INTO material FROM jsonb_array_elements(guide->'materials') m
         WHERE m->>'code' = key;

        IF zwfw.case_files(c, material, ARRAY(
               SELECT e->'file' FROM jsonb_array_elements(list) e
                WHERE e->>'code' = key AND e ? 'file'))
        THEN
            changed := changed || key;
        END IF;
    END LOOP;

    RETURN changed;
END $$;

-- The files of one material; have they changed?

CREATE OR REPLACE FUNCTION zwfw.case_files(c zwfw.cases, material jsonb,
    list jsonb[]) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    file     jsonb;
    added    integer := 0;
    dropped  integer := zwfw.case_unkeep(c, material->>'code', ARRAY(
                            SELECT (f #>> '{}')::uuid FROM unnest(list) f
                             WHERE jsonb_typeof(f) = 'string'));
BEGIN
    FOREACH file IN ARRAY list LOOP
        IF jsonb_typeof(file) <> 'string' THEN
            PERFORM zwfw.case_keep(c, material, file);
            added := added + 1;
        END IF;
    END LOOP;

    RETURN added + dropped > 0;
END $$;

-- One more file.

CREATE OR REPLACE FUNCTION zwfw.case_keep(c zwfw.cases, material jsonb,
    file jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    row_id  uuid := gen_random_uuid();
BEGIN
    INSERT INTO zwfw.case_materials (id, case_id, owner, body, code, address,
                                     name, size, type, sm3, at)
    VALUES (row_id, c.id, c.owner, CASE WHEN c.state <> 'draft' THEN c.body
            END, material->>'code', zwfw.keep_file(file, 'case_materials', row_id),
            file->>'name', (file->>'size')::bigint, file->>'type',
            file->>'sm3',
            -- in the order in which they were chosen, not all at once
            zwfw.now() + (clock_timestamp() - pg_catalog.now()));
END $$;

-- All others of a material go.  What was handed in stays on record.

CREATE OR REPLACE FUNCTION zwfw.case_unkeep(c zwfw.cases, key text,
    kept uuid[]) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    gone  uuid[];
BEGIN
    IF c.state <> 'draft' THEN
        UPDATE zwfw.case_materials m SET dropped_at = zwfw.now()
         WHERE m.case_id = c.id AND m.code = key AND m.dropped_at IS NULL
           AND NOT m.id = ANY (kept);
        RETURN (SELECT count(*) FROM zwfw.case_materials m
                 WHERE m.case_id = c.id AND m.code = key
                   AND m.dropped_at = zwfw.now());
    END IF;

    WITH d AS (
        DELETE FROM zwfw.case_materials m
         WHERE m.case_id = c.id AND m.code = coalesce(key, m.code)
           AND NOT m.id = ANY (kept)
        RETURNING m.id)
    SELECT array_agg(d.id) INTO gone FROM d;

    PERFORM zwfw.drop_file('case_materials', g) FROM unnest(gone) g;

    RETURN coalesce(cardinality(gone), 0);
END $$;

-- What is handed in now, for the event: names, digests.

CREATE OR REPLACE FUNCTION zwfw.case_listed(c zwfw.cases, guide jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('code', m->'code',
                       'name', m->'name', 'count', f.n, 'sm3', f.sm3)
                       ORDER BY i), '[]')
              FROM jsonb_array_elements(guide->'materials')
                   WITH ORDINALITY AS e (m, i),
                   LATERAL (SELECT count(*) AS n,
                                   jsonb_agg(k.sm3 ORDER BY k.at, k.id) AS sm3
                              FROM zwfw.case_materials k
                             WHERE k.case_id = c.id AND k.code = m->>'code'
                               AND k.dropped_at IS NULL) f
             WHERE f.n > 0);
END $$;
