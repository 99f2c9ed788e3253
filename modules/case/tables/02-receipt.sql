-- 行政许可法 32: who is told nothing within five working days counts as
-- accepted from the day on which the body got the materials.  What is handed
-- in online is there at once (电子签名法 11): a clerk who takes a case in does
-- not make the limit begin, and a case that nobody takes in is accepted too.

-- handed_at: the materials came, the last time; notice_due: until when the
-- body may speak, NULL: it has, or it is not its turn.

ALTER TABLE zwfw.cases ADD COLUMN handed_at timestamptz,
                       ADD COLUMN notice_due date;

UPDATE zwfw.cases SET handed_at = submitted_at,
       notice_due = zwfw.deadline(submitted_at, 5)
 WHERE state = 'submitted';
UPDATE zwfw.cases SET handed_at = received_at, notice_due = due
 WHERE state = 'received';

ALTER TABLE zwfw.cases ADD CHECK (state NOT IN ('submitted', 'received')
    OR (handed_at, notice_due) IS NOT NULL);

DROP INDEX zwfw.cases_silent;
CREATE INDEX cases_silent ON zwfw.cases (notice_due)
    WHERE notice_due IS NOT NULL;

-- A clock more: take, the limit that runs since the materials came is the one
-- that is shown.

ALTER TABLE zwfw.case_moves DROP CONSTRAINT case_moves_clock_check,
    ADD CHECK (clock IN ('keep', 'receive', 'take', 'notice', 'correct',
               'promise', 'close', 'pause', 'resume', 'extend', 'stop'));

UPDATE zwfw.case_moves SET clock = 'take'
 WHERE from_state = 'submitted' AND act = 'receive';

INSERT INTO zwfw.case_moves VALUES
    ('submitted', 'deem', 'accepted', 'system', 'promise', false,
        'acceptance_notice');
