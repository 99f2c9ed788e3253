-- The limits of a case, in working days of the calendar.


-- The last day of a period that begins on a day: working days, or days (2).

CREATE OR REPLACE FUNCTION zwfw.case_until(since timestamptz, guide jsonb,
    kind text) RETURNS date
LANGUAGE plpgsql STABLE AS $$
DECLARE
    n    integer := (guide->>(kind || '_day'))::integer;
    day  date := (since AT TIME ZONE 'Asia/Shanghai')::date;
BEGIN
    IF guide->>(kind || '_type') = '2' THEN
        RETURN zwfw.deadline(day + n, 0);
    END IF;

    RETURN zwfw.deadline(day, n);
END $$;

-- Accepted on a day: the promised and the legal time begin.

CREATE OR REPLACE FUNCTION zwfw.case_promise(c zwfw.cases, since timestamptz)
RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
DECLARE
    guide  jsonb := zwfw.case_guide(c);
BEGIN
    c.accepted_at := since;
    c.promise_due := zwfw.case_until(since, guide, 'promise');
    c.legal_due := greatest(zwfw.case_until(since, guide, 'anticipate'),
                            c.promise_due);
    c.due := c.promise_due;
    RETURN c;
END $$;

-- A limit as the calendar counts it now: one that was over when the notice was
-- loaded stays, and none is over before.

CREATE OR REPLACE FUNCTION zwfw.case_limit(last date, counted date,
    loaded date) RETURNS date
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN last >= loaded
           THEN greatest(counted, zwfw.deadline(loaded, 0)) ELSE last END;
END $$;

-- The limits of a case, counted anew if a notice was loaded since they were.
-- An applicant who was given a day to correct has no less.

CREATE OR REPLACE FUNCTION zwfw.case_recounted(c zwfw.cases)
RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
DECLARE
    p       zwfw.cases;
    loaded  date := (SELECT min(k.loaded_on) FROM zwfw.calendars k
                      WHERE k.version > c.calendar);
BEGIN
    c.calendar := zwfw.calendar_version();

    IF loaded IS NULL THEN
        RETURN c;
    ELSIF c.state IN ('submitted', 'received') THEN
        c.notice_due := zwfw.case_limit(c.notice_due,
                            zwfw.deadline(c.handed_at, 5), loaded);
        c.due := CASE c.state WHEN 'received' THEN c.notice_due
                 ELSE zwfw.case_limit(c.due,
                          zwfw.deadline(c.submitted_at, 2), loaded) END;
    ELSIF c.state = 'correction' THEN
        c.correct_due := greatest(c.correct_due, (
            SELECT zwfw.case_limit(c.correct_due, zwfw.deadline(e.at, 30),
                                   loaded)
              FROM zwfw.case_events e
             WHERE e.case_id = c.id AND e.act = 'correct'
             ORDER BY e.seq DESC LIMIT 1));
    ELSIF c.state IN ('accepted', 'processing') THEN
        p := zwfw.case_promise(c, c.accepted_at);
        c.promise_due := zwfw.case_limit(c.promise_due, p.promise_due, loaded);
        c.legal_due := zwfw.case_limit(c.legal_due, p.legal_due, loaded);
        c.due := c.promise_due;
    END IF;

    RETURN c;
END $$;

-- The limits that a move starts and ends, in working days: 2 to receive, 5 to
-- say what is missing, both since the materials came; 30 to correct, 10 to
-- hand over the decision.

CREATE OR REPLACE FUNCTION zwfw.case_clock(c zwfw.cases, m zwfw.case_moves)
RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
DECLARE
    t  timestamptz := zwfw.now();
BEGIN
    c := zwfw.case_recounted(c);
    c.correct_due := NULL;

    IF m.clock IN ('receive', 'notice') THEN
        c.handed_at := t;
        c.notice_due := zwfw.deadline(t, 5);
    ELSIF m.clock NOT IN ('take', 'keep') THEN
        c.notice_due := NULL;
    END IF;

    CASE m.clock
    WHEN 'receive' THEN
        c.submitted_at := t;
        c.due := zwfw.deadline(t, 2);
    WHEN 'take', 'notice' THEN
        c.received_at := t;
        c.due := c.notice_due;
    WHEN 'correct' THEN
        c.due := 'infinity';
        c.correct_due := zwfw.deadline(t, 30);
    WHEN 'promise' THEN
        c.deemed := m.act = 'deem';
        c := zwfw.case_promise(c, CASE WHEN c.deemed THEN c.handed_at
                                  ELSE t END);
    WHEN 'close' THEN
        c.decided_at := t;
        c.due := zwfw.deadline(t, 10);
    WHEN 'pause', 'stop' THEN
        c.due := 'infinity';
        c.ended_at := CASE m.clock WHEN 'stop' THEN t END;
    WHEN 'keep' THEN
        NULL;
    END CASE;

    RETURN c;
END $$;


-- The days that the paper of a move names: what it says, it says for good.

CREATE OR REPLACE FUNCTION zwfw.case_days(c zwfw.cases, m zwfw.case_moves)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE WHEN m.clock IN ('take', 'notice')
                THEN jsonb_build_object('due', c.notice_due)
                WHEN m.clock = 'correct'
                THEN jsonb_build_object('due', c.correct_due)
                WHEN m.clock = 'promise'
                THEN jsonb_build_object('due', c.promise_due,
                                        'legal_due', c.legal_due)
                ELSE '{}' END;
END $$;


-- The limit that runs; late: working days beyond it.

CREATE OR REPLACE FUNCTION zwfw.case_deadline(c zwfw.cases) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    last   date := coalesce(c.correct_due, nullif(c.due, 'infinity'));
    today  date := zwfw.today();
    sure   boolean;
    rest   integer;
    s      zwfw.case_states;
BEGIN
    SELECT * INTO s FROM zwfw.case_states o WHERE o.code = c.state;

    IF last IS NULL THEN
        RETURN CASE s.clock WHEN 'paused' THEN '{"paused": true}'::jsonb END;
    END IF;

    SELECT d.n - t.n, NOT d.provisional INTO rest, sure
      FROM zwfw.days d, zwfw.days t WHERE d.day = last AND t.day = today;

    RETURN jsonb_strip_nulls(jsonb_build_object('kind', s.due, 'date', last,
               'weekday', extract(isodow FROM last),
               'remaining', greatest(rest, 0), 'overdue', last < today,
               'late', nullif(greatest(-rest, 0), 0),
               'today', CASE WHEN last = today THEN true END,
               'paused', CASE WHEN s.clock = 'paused' THEN true END,
               'provisional', CASE WHEN NOT sure THEN true END));
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_deadline_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"object", "additionalProperties":false, "properties":{
        "kind":{"enum":["receive","notice","correct","promise","close"]},
        "date":{"type":"string","format":"date"},
        "weekday":{"type":"integer"}, "today":{"enum":[true]},
        "remaining":{"type":"integer"}, "overdue":{"type":"boolean"},
        "late":{"type":"integer"}, "paused":{"enum":[true]},
        "provisional":{"enum":[true]}}}'
$$;

-- Until when the body may still speak, before the case counts as accepted.
-- risk: today or on the next working day.

CREATE OR REPLACE FUNCTION zwfw.case_silent(c zwfw.cases) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    rest  integer := zwfw.working_days_between(zwfw.today(), c.notice_due);
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object('date', c.notice_due,
               'weekday', extract(isodow FROM c.notice_due),
               'remaining', rest, 'risk', CASE WHEN rest < 2 THEN true END,
               'today', CASE WHEN c.notice_due = zwfw.today() THEN true END))
     WHERE c.notice_due IS NOT NULL;
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_silent_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"object", "additionalProperties":false,
        "required":["date","weekday","remaining"], "properties":{
        "date":{"type":"string","format":"date"},
        "weekday":{"type":"integer"}, "remaining":{"type":"integer"},
        "risk":{"enum":[true]}, "today":{"enum":[true]}}}'
$$;
