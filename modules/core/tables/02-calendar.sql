-- Working days: one row per calendar day, with the number of working days up
-- to and including it, so that a deadline is a look-up.

CREATE TABLE zwfw.days (
    day          date PRIMARY KEY,
    working      boolean NOT NULL,
    n            integer NOT NULL,      -- working days up to this one
    provisional  boolean NOT NULL,      -- no notice for this year yet
    source       text                   -- address of the notice
);

CREATE INDEX days_n ON zwfw.days (n) WHERE working;

-- The deviations from Monday to Friday, as the notices name them.

CREATE TABLE zwfw.holidays (
    day     date PRIMARY KEY,
    name    text NOT NULL,
    off     boolean NOT NULL,           -- false: a working weekend
    source  text NOT NULL
);

GRANT SELECT ON zwfw.days, zwfw.holidays
    TO zwfw_citizen, zwfw_staff, zwfw_system;


-- Judges and numbers all days by the holidays; a year is known when one of its
-- holidays is.  Returns how many days have become working or free.

CREATE FUNCTION zwfw.number_days() RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    changed  integer;
BEGIN
    UPDATE zwfw.days d SET working = NOT d.working
      FROM (SELECT day, coalesce(NOT h.off, extract(isodow FROM day) < 6)
                   AS working
              FROM zwfw.days LEFT JOIN zwfw.holidays h USING (day)) j
     WHERE j.day = d.day AND j.working <> d.working;
    GET DIAGNOSTICS changed = ROW_COUNT;

    UPDATE zwfw.days d SET provisional = j.source IS NULL, source = j.source
      FROM (SELECT day, coalesce(h.source, y.source) AS source
              FROM zwfw.days LEFT JOIN zwfw.holidays h USING (day)
              LEFT JOIN (SELECT extract(year FROM known.day) AS year,
                                min(known.source) AS source
                           FROM zwfw.holidays known GROUP BY 1) y
                ON y.year = extract(year FROM day)) j
     WHERE j.day = d.day AND j.source IS DISTINCT FROM d.source;

    UPDATE zwfw.days d SET n = j.n
      FROM (SELECT day, count(*) FILTER (WHERE working) OVER (ORDER BY day)
                   AS n FROM zwfw.days) j
     WHERE j.day = d.day AND j.n <> d.n;

    RETURN changed;
END $$;

-- Loads a year's notice, {"papers": [url], "days": [{name, date, isOffDay}]};
-- returns how many days have become working or free by it.

CREATE FUNCTION zwfw.load_calendar(year integer, doc jsonb) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    paper  text := doc->'papers'->>0;
BEGIN
    IF paper IS NULL OR coalesce(jsonb_array_length(doc->'days'), 0) = 0 THEN
        RAISE EXCEPTION 'calendar % names no notice or no day', year;
    END IF;

    LOCK TABLE zwfw.days IN SHARE ROW EXCLUSIVE MODE;

    DELETE FROM zwfw.holidays h WHERE extract(year FROM h.day) = year;
    INSERT INTO zwfw.holidays (day, name, off, source)
    SELECT (d->>'date')::date, d->>'name', (d->>'isOffDay')::boolean, paper
      FROM jsonb_array_elements(doc->'days') d
        ON CONFLICT (day) DO UPDATE
       SET name = excluded.name, off = excluded.off, source = excluded.source;

    RETURN zwfw.number_days();
END $$;

REVOKE EXECUTE ON FUNCTION zwfw.load_calendar(integer, jsonb),
                           zwfw.number_days()
    FROM zwfw_citizen, zwfw_staff, zwfw_system;


-- The day on which a period of n working days ends that begins on a day; the
-- first day is not counted, and a period of 0 ends on a working day.

CREATE FUNCTION zwfw.deadline(since date, n integer) RETURNS date
LANGUAGE plpgsql STABLE AS $$
DECLARE
    last  date;
BEGIN
    IF n > 0 THEN
        SELECT d.day INTO last FROM zwfw.days d
         WHERE d.working
           AND d.n = (SELECT f.n FROM zwfw.days f WHERE f.day = since)
                     + deadline.n;
    ELSE
        SELECT d.day INTO last FROM zwfw.days d
         WHERE d.working AND d.day >= since
         ORDER BY d.day LIMIT 1;
    END IF;

    IF last IS NULL THEN
        RAISE EXCEPTION 'no calendar from % on', since;
    END IF;

    RETURN last;
END $$;

CREATE FUNCTION zwfw.deadline(since timestamptz, n integer) RETURNS date
LANGUAGE sql STABLE AS $$
    SELECT zwfw.deadline((since AT TIME ZONE 'Asia/Shanghai')::date, n)
$$;

-- Working days after the first day up to and including the last one;
-- negative when the last day lies before.

CREATE FUNCTION zwfw.working_days_between(first date, last date)
RETURNS integer
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT d.n FROM zwfw.days d WHERE d.day = last)
           - (SELECT d.n FROM zwfw.days d WHERE d.day = first);
END $$;

-- Is the year of this day counted by weekday only?

CREATE FUNCTION zwfw.provisional(target date) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((SELECT d.provisional FROM zwfw.days d
                      WHERE d.day = target), true);
END $$;
