-- Limits are counted anew by a job, a number of cases at a time, each under its
-- lock: a notice that is loaded waits for nobody, and nobody for it.

DROP TRIGGER case_recount ON zwfw.days;
DROP FUNCTION zwfw.case_recount();

-- The version of the calendar by which the limits of a case were counted.

ALTER TABLE zwfw.cases ADD COLUMN calendar integer NOT NULL DEFAULT 0;

CREATE INDEX cases_calendar ON zwfw.cases (calendar) WHERE open;
