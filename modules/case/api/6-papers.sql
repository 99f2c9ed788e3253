-- The papers that come of a case: receipt, notices, decision; to print.


-- Number of the paper that came of a move.

CREATE OR REPLACE FUNCTION zwfw.case_paper(c zwfw.cases, e zwfw.case_events)
RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT c.number || '-' || lpad(e.seq::text, 2, '0')
$$;

-- The day that a receipt or a notice of correction names.  Older events do not
-- have it: the limit that runs, or what it is counted to have been.

CREATE OR REPLACE FUNCTION zwfw.case_said(c zwfw.cases, e zwfw.case_events)
RETURNS date
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((e.data->>'due')::date,
               CASE WHEN e.to_state = c.state AND e.act = 'correct'
               THEN c.correct_due WHEN e.to_state = c.state
               THEN c.notice_due END,
               CASE e.act WHEN 'correct' THEN zwfw.deadline(e.at, 30)
               WHEN 'receive' THEN zwfw.deadline(c.submitted_at, 5)
               ELSE zwfw.deadline(e.at, 5) END);
END $$;

-- What a receipt says beside its number and time: the window, until when the
-- body has to answer, and each material with the number of its copies.

CREATE OR REPLACE FUNCTION zwfw.case_slip(c zwfw.cases, e zwfw.case_events,
    guide jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF e.document IS DISTINCT FROM 'receipt' THEN
        RETURN '{}'::jsonb;
    END IF;

    RETURN jsonb_build_object(
        'case_number', c.number,
        'window', coalesce(e.data->'window', guide->'places'->0->'name'),
        'notice_due', zwfw.case_said(c, e),
        'materials', (SELECT coalesce(jsonb_agg(m - 'sm3'), '[]')
              FROM jsonb_array_elements(e.data->'materials') m));
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_slip_schema() RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"case_number":{"type":"string"}, "window":{"type":"string"},
             "notice_due":{"type":"string","format":"date"},
             "materials":{"type":"array","items":{"type":"object",
                 "additionalProperties":false,
                 "required":["code","name","count"],
                 "properties":{"code":{"type":"string"},
                     "name":{"type":"string"},
                     "count":{"type":"integer"}}}}}'::jsonb
$$;

-- The papers that came of a case, the newest first: is.<kind> is true; date:
-- until when is to be corrected.

CREATE OR REPLACE FUNCTION zwfw.case_papers(c zwfw.cases, guide jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'kind', e.document, 'is', jsonb_build_object(e.document, true),
                'number', zwfw.case_paper(c, e), 'at', e.at,
                'reason', e.reason, 'remedy', e.data->'remedy',
                'remark', e.data->'note', 'since', e.data->'since',
                'result', e.data->'result',
                'items', zwfw.case_labelled(e.data->'items', guide),
                'date', CASE e.act WHEN 'correct' THEN
                        zwfw.case_said(c, e) END)
                || zwfw.case_slip(c, e, guide)) ORDER BY e.seq DESC), '[]')
              FROM zwfw.case_events e
             WHERE e.case_id = c.id AND e.document IS NOT NULL);
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_papers_schema() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT '{"type":"array","items":{"type":"object",
        "additionalProperties":false, "required":["kind","is","number","at"],
        "properties":{"kind":{"type":"string"}, "number":{"type":"string"},
            "is":{"type":"object","additionalProperties":{"enum":[true]}},
            "at":{"type":"string","format":"date-time"},
            "reason":{"type":"string"}, "remedy":{"type":"string"},
            "remark":{"type":"string"},
            "since":{"type":"string","format":"date"},
            "date":{"type":"string","format":"date"},
            "result":{"type":"object", "additionalProperties":false,
                "properties":{"name":{"type":"string"},
                    "number":{"type":"string"},
                    "valid_until":{"type":"string","format":"date"}}},
            "items":' || zwfw.case_items_schema() || ','
        || substr(zwfw.case_slip_schema()::text, 2) || '}}'
$$;

-- GET case/{id}/receipt: all papers, to print, for the applicant and for staff
-- of the body, and the last receipt for what was handed in by itself.  A case
-- that was accepted by silence may have no receipt.  Errors: case_not_found,
-- wrong_state: there is no paper yet.

CREATE OR REPLACE FUNCTION zwfw.case_received(c zwfw.cases) RETURNS json
LANGUAGE plpgsql STABLE AS $$
DECLARE
    guide   jsonb := zwfw.case_guide(c);
    papers  jsonb := zwfw.case_papers(c, guide);
    e       zwfw.case_events;
    said    jsonb;
BEGIN
    SELECT * INTO e FROM zwfw.case_events o
     WHERE o.case_id = c.id AND o.document = 'receipt'
     ORDER BY o.seq DESC LIMIT 1;
    SELECT o.data INTO said FROM zwfw.case_events o
     WHERE o.case_id = c.id AND o.document = 'acceptance_notice';

    IF papers = '[]' THEN
        PERFORM zwfw.fail('no_paper_yet', 409);
    END IF;

    RETURN zwfw.case_subject(c.item, c.item_version, c.item_hash, guide)
        || jsonb_build_object('id', c.id, 'number', c.number,
               'submitted_at', c.submitted_at, 'state', c.state,
               'applicant', jsonb_build_object('name', c.name),
               'papers', papers, 'dates', jsonb_strip_nulls(
                   jsonb_build_object('accepted_at', c.accepted_at,
                   'promise_due', coalesce(said->>'due', c.promise_due::text),
                   'legal_due', coalesce(said->>'legal_due',
                                         c.legal_due::text))))
        || CASE WHEN e.seq IS NULL THEN '{}' ELSE jsonb_build_object(
               'receipt', zwfw.case_paper(c, e), 'at', e.at)
               || zwfw.case_slip(c, e, guide) END;
END $$;

CREATE OR REPLACE FUNCTION zwfw.case_received_staff(target text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN case_received(case_of_body(target));
END $$;

ALTER FUNCTION zwfw.case_received_staff OWNER TO zwfw_staff;

CREATE OR REPLACE FUNCTION api.case_receipt(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
BEGIN
    IF my_body() IS NOT NULL THEN
        RETURN case_received_staff(args->>'id');
    END IF;

    RETURN case_received(case_own(args->>'id'));
END $$;

ALTER FUNCTION api.case_receipt OWNER TO zwfw_citizen;
SELECT zwfw.describe('case_receipt', jsonb_build_object('type', 'object',
    'additionalProperties', false, 'required', '["id","number",
        "submitted_at","state","item","body","applicant","papers",
        "dates"]'::jsonb,
    'properties', zwfw.case_subject_schema() || zwfw.case_person_schema()
        || jsonb_build_object('papers', zwfw.case_papers_schema()::jsonb)
        || '{"id":{"type":"string","format":"uuid"},
             "dates":{"type":"object", "additionalProperties":false,
                 "properties":{
                     "accepted_at":{"type":"string","format":"date-time"},
                     "promise_due":{"type":"string","format":"date"},
                     "legal_due":{"type":"string","format":"date"}}},
             "number":{"type":"string"}, "receipt":{"type":"string"},
             "at":{"type":"string","format":"date-time"},
             "submitted_at":{"type":"string","format":"date-time"},
             "state":{"type":"string"}}'::jsonb
        || zwfw.case_slip_schema())::text);
