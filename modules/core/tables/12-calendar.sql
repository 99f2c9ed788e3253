-- Which notices were loaded, one row for each load: who has counted days knows
-- by the version whether they are to be counted anew.

CREATE TABLE zwfw.calendars (
    version    integer PRIMARY KEY,
    year       integer NOT NULL,
    source     text NOT NULL,           -- address of the notice
    changed    integer NOT NULL,        -- days that became working or free
    loaded_on  date NOT NULL
);

GRANT SELECT ON zwfw.calendars TO zwfw_citizen, zwfw_staff, zwfw_system;

-- The version of the calendar; 0: that of the migration.

CREATE FUNCTION zwfw.calendar_version() RETURNS integer
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((SELECT max(k.version) FROM zwfw.calendars k), 0);
END $$;

-- What is wrong with a year's notice, "days.3.date: ..."; NULL: nothing.  A
-- notice may name days of the December before.

CREATE FUNCTION zwfw.calendar_fault(year integer, doc jsonb) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    list  jsonb := CASE jsonb_typeof(doc->'days') WHEN 'array'
                   THEN doc->'days' ELSE '[]' END;
BEGIN
    RETURN (
        SELECT x.field || ': ' || x.fault
          FROM (VALUES
                (1, 0, 'year', coalesce('it is not ' || year, 'it is none'),
                 doc->'year' = to_jsonb(year)),
                (2, 0, 'year', 'there are no days of it',
                 EXISTS (SELECT FROM zwfw.days k
                          WHERE extract(year FROM k.day) = year)),
                (3, 0, 'papers', 'no address of a notice',
                 doc->'papers'->>0 ~ '^https?://[^[:space:]]+$'),
                (4, 0, 'days', 'no list of days', list <> '[]')
                UNION ALL
               SELECT 5, n, 'days.' || n - 1 || '.' || v.name, v.fault, v.good
                 FROM jsonb_array_elements(list) WITH ORDINALITY AS e (d, n),
                      LATERAL (VALUES
                          ('date', 'no day of the year or the December before',
                           EXISTS (SELECT FROM zwfw.days k
                                    WHERE extract(year FROM k.day) = year
                                          AND to_char(k.day, 'YYYY-MM-DD')
                                              = d->>'date')
                           OR d->>'date' ~ ('^' || year - 1 || '-12-'
                                            '(0[1-9]|[12][0-9]|3[01])$')),
                          ('date', 'named before', NOT EXISTS (
                               SELECT FROM jsonb_array_elements(list)
                                           WITH ORDINALITY AS o (d, n)
                                WHERE o.n < e.n AND o.d->'date' = e.d->'date')),
                          ('name', 'it has none',
                           trim(d->>'name') <> ''),
                          ('isOffDay', 'neither true nor false',
                           jsonb_typeof(d->'isOffDay') = 'boolean'))
                      AS v (name, fault, good))
               AS x (part, n, field, fault, good)
         WHERE x.good IS NOT TRUE ORDER BY x.part, x.n LIMIT 1);
END $$;

-- Loads a year's notice, {"year", "papers": [url], "days": [{name, date,
-- isOffDay}]}, in place of the one before; returns how many days have become
-- working or free by it.

CREATE OR REPLACE FUNCTION zwfw.load_calendar(year integer, doc jsonb)
RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    paper    text := doc->'papers'->>0;
    fault    text := zwfw.calendar_fault(year, doc);
    changed  integer;
BEGIN
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'calendar %: %', year, fault;
    END IF;

    LOCK TABLE zwfw.days IN SHARE ROW EXCLUSIVE MODE;

    -- not what the notice of the next year says of this December
    DELETE FROM zwfw.holidays h
     WHERE extract(year FROM h.day) = load_calendar.year
           AND NOT EXISTS (SELECT FROM zwfw.calendars k
                            WHERE k.source = h.source
                              AND k.year <> load_calendar.year)
        OR EXISTS (SELECT FROM zwfw.calendars k
                    WHERE k.source = h.source
                      AND k.year = load_calendar.year);
    INSERT INTO zwfw.holidays (day, name, off, source)
    SELECT (d->>'date')::date, d->>'name', (d->>'isOffDay')::boolean, paper
      FROM jsonb_array_elements(doc->'days') d
        ON CONFLICT (day) DO UPDATE
       SET name = excluded.name, off = excluded.off, source = excluded.source;

    changed := zwfw.number_days();
    INSERT INTO zwfw.calendars (version, year, source, changed, loaded_on)
    VALUES (zwfw.calendar_version() + 1, year, paper, changed, zwfw.today());
    RETURN changed;
END $$;
