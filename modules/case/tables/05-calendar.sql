-- A notice of holidays moves the limits that run: when days are numbered anew,
-- each open case is counted again (GB/T 39047, 5.2.2.3).

CREATE FUNCTION zwfw.case_recounted(c zwfw.cases) RETURNS zwfw.cases
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN c;
END $$;

CREATE FUNCTION zwfw.case_recount() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    UPDATE cases o
       SET due = n.due, notice_due = n.notice_due, correct_due = n.correct_due,
           promise_due = n.promise_due, legal_due = n.legal_due
      FROM cases c, case_recounted(c) n
     WHERE o.id = c.id
       AND c.state IN (SELECT s.code FROM case_states s WHERE s.open)
       AND (c.due, c.notice_due, c.correct_due, c.promise_due, c.legal_due)
           IS DISTINCT FROM (n.due, n.notice_due, n.correct_due,
                             n.promise_due, n.legal_due);

    RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION zwfw.case_recount() FROM PUBLIC;

CREATE TRIGGER case_recount AFTER UPDATE OF n ON zwfw.days
    FOR EACH STATEMENT EXECUTE FUNCTION zwfw.case_recount();
