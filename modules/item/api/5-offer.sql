-- What becomes of offered items; drafts as their writers and judges see them.


-- An item that is offered goes from some states to another, by its code and
-- the version that was seen.  Everybody sees it, so another body's is
-- not_allowed, not item_not_found.  Errors: item_not_found, not_allowed,
-- changed_meanwhile, wrong_state.

CREATE OR REPLACE FUNCTION zwfw.item_turn(act text, args jsonb, body jsonb,
    states text[], target text) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
    i  zwfw.items;
BEGIN
    PERFORM zwfw.need_role('item_editor');

    SELECT * INTO i FROM zwfw.items o
     WHERE o.code = args->>'code' AND o.state IN ('in_use', 'suspended')
       FOR UPDATE;
    IF FOUND AND zwfw.item_judge_of(i.body) IS NULL THEN
        PERFORM zwfw.fail('not_allowed', 403);
    ELSIF i.version IS DISTINCT FROM (body->>'version')::integer
        AND i.id IS NOT NULL
    THEN
        PERFORM zwfw.fail('changed_meanwhile', 409, 'version');
    END IF;

    i := zwfw.item_seen(i, i.revision::text, states);
    PERFORM zwfw.act_as('item_editor', zwfw.item_judge_of(i.body));
    UPDATE zwfw.items o SET state = target, reason = item_turn.body->>'reason',
           revision = o.revision + 1, updated_at = zwfw.now()
     WHERE o.id = i.id;
    PERFORM zwfw.item_changed(i.code);

    RETURN zwfw.item_done(act, i.id);
END $$;

-- GET item/{code}/suspend and cancel: the version that is offered, before it is
-- taken away or given back.  Errors: item_not_found, not_allowed.

CREATE OR REPLACE FUNCTION api.item_offered(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    i  items;
BEGIN
    PERFORM need_role('item_editor');

    SELECT * INTO i FROM items o
     WHERE o.code = args->>'code' AND o.state IN ('in_use', 'suspended');
    IF NOT FOUND THEN
        PERFORM fail('item_not_found', 404);
    ELSIF item_judge_of(i.body) IS NULL THEN
        PERFORM fail('not_allowed', 403);
    END IF;

    RETURN json_strip_nulls(json_build_object('id', i.id, 'code', i.code,
        'version', i.version, 'name', i.name, 'state', i.state,
        'reason', i.reason, 'can', item_can(i),
        'body', (SELECT b.name FROM bodies b WHERE b.id = i.body)));
END $$;

ALTER FUNCTION api.item_offered OWNER TO zwfw_staff;
SELECT zwfw.describe('item_offered', '{"type":"object",
    "additionalProperties":false,
    "required":["id","code","version","name","state","can","body"],
    "properties":{"id":{"type":"string","format":"uuid"},
        "code":{"type":"string"}, "version":{"type":"integer"},
        "name":{"type":"string"}, "state":{"enum":["in_use","suspended"]},
        "reason":{"type":"string"}, "body":{"type":"string"},
        "can":{"type":"object","additionalProperties":{"enum":[true]}}}}');

-- POST item/{code}/suspend with version and reason: still shown, nobody may
-- apply.  Errors: those of item_turn, missing.

CREATE OR REPLACE FUNCTION api.item_suspend(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    PERFORM need_reason(body);
    RETURN item_turn('item_suspend', args, body, '{in_use}', 'suspended');
END $$;

ALTER FUNCTION api.item_suspend OWNER TO zwfw_staff;
SELECT zwfw.describe('item_suspend', zwfw.item_done_schema());

-- POST item/{code}/resume with version.  Errors: those of item_turn.

CREATE OR REPLACE FUNCTION api.item_resume(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    RETURN item_turn('item_resume', args, body, '{suspended}', 'in_use');
END $$;

ALTER FUNCTION api.item_resume OWNER TO zwfw_staff;
SELECT zwfw.describe('item_resume', zwfw.item_done_schema());

-- POST item/{code}/cancel with version and reason: for good; a later version
-- may follow.  Errors: those of item_turn, missing.

CREATE OR REPLACE FUNCTION api.item_cancel(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
BEGIN
    PERFORM need_reason(body);
    RETURN item_turn('item_cancel', args, body, '{in_use,suspended}',
                     'cancelled');
END $$;

ALTER FUNCTION api.item_cancel OWNER TO zwfw_staff;
SELECT zwfw.describe('item_cancel', zwfw.item_done_schema());


-- One version of the job below is put into use, when it still holds: that its
-- day has gone by is no fault of it.  false: it is held, and told.

CREATE OR REPLACE FUNCTION zwfw.item_begin(i zwfw.items) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    i.effective_on := zwfw.today();
    PERFORM zwfw.item_check(i);
    PERFORM zwfw.item_publish(i.id);
    PERFORM zwfw.item_done('item_switch', i.id);

    RETURN true;

EXCEPTION WHEN OTHERS THEN
    UPDATE zwfw.items o
       SET held_at = zwfw.now(),
           held_code = CASE WHEN SQLSTATE LIKE 'ZW%' THEN SQLERRM END
     WHERE o.id = i.id;

    RETURN zwfw.row_failed('item_switch', i.id, SQLSTATE, SQLERRM);
END $$;

-- A job, each second: versions whose day has come are put into use.  One that
-- fails, as its entry of the directory was cancelled meanwhile, stops no other;
-- it stays approved and is tried each hour, until an editor sends it back.

CREATE OR REPLACE FUNCTION api.item_switch(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = zwfw, pg_temp AS $$
DECLARE
    i          items;
    published  integer := 0;
    failed     integer := 0;
BEGIN
    FOR i IN
        SELECT * FROM items o
         WHERE o.state = 'approved' AND o.effective_on <= today()
           AND (o.held_at IS NULL OR o.held_at < o.updated_at
                OR o.held_at <= zwfw.now() - interval '1 hour')
         ORDER BY o.effective_on, o.code
           FOR UPDATE SKIP LOCKED
    LOOP
        EXIT WHEN published = 100;

        IF item_begin(i) THEN
            published := published + 1;
        ELSE
            failed := failed + 1;
        END IF;
    END LOOP;

    RETURN json_build_object('published', published, 'failed', failed);
END $$;

ALTER FUNCTION api.item_switch OWNER TO zwfw_system;
SELECT zwfw.describe('item_switch', '{"type":"object",
    "additionalProperties":false, "required":["published","failed"],
    "properties":{"published":{"type":"integer"},
        "failed":{"type":"integer"}}}');


-- The form of a draft: all columns that its writer sets, and the guide.

CREATE OR REPLACE FUNCTION zwfw.item_form(i zwfw.items) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN zwfw.shape_form(to_jsonb(i), jsonb_build_object('guide',
               zwfw.item_shape()) || '{"name!": "text",
                   "project_type!": "text", "anticipate_day!": "integer",
                   "anticipate_type!": "text", "promise_day!": "integer",
                   "promise_type!": "text", "fee!": "boolean",
                   "online!": "boolean", "real_level!": "integer",
                   "effective_on": "text", "objects!": ["text"],
                   "topics": ["text"], "keywords": ["text"]}', '');
END $$;

-- What the asking person may do with a version now.

CREATE OR REPLACE FUNCTION zwfw.item_can(i zwfw.items) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    writer  boolean := i.body = ANY (zwfw.bodies_of('item_manager'))
                       AND i.state = 'draft';
    own     boolean := zwfw.me() = ANY (i.authors);
    editor  boolean := zwfw.item_judge_of(i.body) IS NOT NULL;
BEGIN
    RETURN (SELECT coalesce(jsonb_object_agg(act, true), '{}')
              FROM (VALUES ('save', writer), ('submit', writer),
        ('drop', writer AND own),
        ('renew', i.body = (zwfw.bodies_of('item_manager'))[1]
            AND i.state IN ('in_use', 'suspended', 'cancelled')
            AND NOT EXISTS (SELECT FROM zwfw.items o WHERE o.code = i.code
                AND (o.version > i.version
                     OR o.state IN ('draft', 'pending', 'approved')))),
        ('approve', editor AND i.state = 'pending' AND NOT own),
        ('reject', editor AND i.state IN ('pending', 'approved')),
        ('suspend', editor AND i.state = 'in_use'),
        ('resume', editor AND i.state = 'suspended'),
        ('cancel', editor AND i.state IN ('in_use', 'suspended')))
                   AS c (act, allowed)
             WHERE allowed);
END $$;

-- GET item/drafts/{id}: any version of the asking person's body, or of one
-- below it, with what differs from the version before, what may be done, the
-- form for whoever may write and all that was written for whoever may not.  Errors: item_not_found.

CREATE OR REPLACE FUNCTION api.item_draft_show(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    i    items;
    v    item_versions;
    doc  jsonb;
    can  jsonb;
BEGIN
    SELECT o.* INTO i FROM items o JOIN bodies b ON b.id = o.body
     WHERE o.id = (args->>'id')::uuid AND ARRAY[b.id, b.parent]
           && bodies_of('item_manager', 'item_editor');
    IF NOT FOUND THEN
        PERFORM fail('item_not_found', 404);
    END IF;

    SELECT o.* INTO v FROM item_versions o
     WHERE o.code = i.code AND o.version < i.version
     ORDER BY o.version DESC LIMIT 1;
    doc := item_document(i);
    can := item_can(i);

    RETURN (doc || jsonb_strip_nulls(jsonb_build_object('id', i.id,
        'state', i.state, 'revision', i.revision, 'reason', i.reason,
        'why', CASE WHEN i.reason IS NOT NULL THEN i.state END,
        'held', CASE WHEN i.state = 'approved' AND i.held_at >= i.updated_at
                THEN jsonb_build_object('at', i.held_at,
                                        'code', i.held_code) END,
        'updated_at', i.updated_at, 'own', me() = ANY (i.authors),
        'before', v.version, 'can', can,
        'edit', CASE WHEN can ? 'save' THEN item_form(i) END,
        'members', CASE WHEN NOT can ? 'save' THEN item_members(doc) END,
        'changes', item_changes(v.document::jsonb, doc))))::json;
END $$;

ALTER FUNCTION api.item_draft_show OWNER TO zwfw_staff;
SELECT zwfw.describe('item_draft_show', zwfw.item_schema('{
    "id":{"type":"string","format":"uuid"}, "state":{"type":"string"},
    "revision":{"type":"integer"}, "reason":{"type":"string"},
    "why":{"type":"string"},
    "held":{"type":"object", "additionalProperties":false,
        "required":["at"], "properties":{
            "at":{"type":"string","format":"date-time"},
            "code":{"type":"string"}}},
    "updated_at":{"type":"string","format":"date-time"},
    "own":{"type":"boolean"}, "before":{"type":"integer"},
    "can":{"type":"object","additionalProperties":{"enum":[true]}},
    "edit":{"type":"object"},
    "members":{"type":"array","items":{"type":"object",
        "required":["field","new"], "additionalProperties":false,
        "properties":{"field":{"type":"string"}, "row":{"type":"string"},
            "new":{"type":"string"}, "now":{"type":"object"}}}},
    "changes":{"type":"array","items":{"type":"object",
        "required":["field"], "additionalProperties":false,
        "properties":{"field":{"type":"string"}, "row":{"type":"string"},
            "old":{"type":"string"}, "was":{"type":"object"},
            "new":{"type":"string"}, "now":{"type":"object"}}}}}',
    '["id","state","revision","updated_at","own","can","changes"]', true));


-- What the asking person's bodies offer and write, by the latest change; state:
-- a page of each body, merged.  Errors: bad_value, bad_cursor.

CREATE OR REPLACE FUNCTION api.item_own_list(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    c      text[] := after(args, 'timestamptz', 'uuid');
    lim    integer := lim(args);
    mine   uuid[] := bodies_of('item_manager', 'item_editor');
    items  json[];
    keys   jsonb[];
    total  bigint;
BEGIN
    PERFORM item_need('state', args);

    SELECT array_agg(item_draft_row(f.i)),
           array_agg(jsonb_build_array((f.i).updated_at, (f.i).id))
      INTO items, keys
      FROM (SELECT o.i FROM unnest(mine) b, LATERAL (
                       SELECT i FROM zwfw.items i
                        WHERE i.body = b AND (args->>'state' IS NULL
                              OR i.state = args->>'state')
                          AND (i.updated_at, i.id)
                              < (coalesce(c[1]::timestamptz, 'infinity'),
                                 coalesce(c[2], repeat('f', 32))::uuid)
                        ORDER BY i.updated_at DESC, i.id DESC
                        LIMIT lim + 1) o
             ORDER BY (o.i).updated_at DESC, (o.i).id DESC LIMIT lim + 1) f;

    SELECT count(*) INTO total
      FROM (SELECT FROM zwfw.items i
             WHERE i.body = ANY (mine)
               AND (args->>'state' IS NULL OR i.state = args->>'state')
             LIMIT 1001) f;

    RETURN list(items, keys, lim, total, 1000);
END $$;

ALTER FUNCTION api.item_own_list OWNER TO zwfw_staff;
SELECT zwfw.describe('item_own_list',
                     zwfw.list_schema(zwfw.item_draft_schema()));


-- What waits for the asking editor, the oldest first: a page of each body,
-- merged.

CREATE OR REPLACE FUNCTION api.item_pending_list(args jsonb, body jsonb)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = zwfw, pg_temp AS $$
DECLARE
    c      text[] := after(args, 'timestamptz', 'uuid');
    lim    integer := lim(args);
    mine   uuid[] := bodies_of('item_editor');
    below  uuid[] := ARRAY(SELECT b.id FROM bodies b
                            WHERE b.id = ANY (mine) OR b.parent = ANY (mine));
    items  json[];
    keys   jsonb[];
    total  bigint;
BEGIN
    PERFORM need_role('item_editor');

    SELECT array_agg(item_draft_row(f.i)),
           array_agg(jsonb_build_array((f.i).updated_at, (f.i).id))
      INTO items, keys
      FROM (SELECT o.i FROM unnest(below) b, LATERAL (
                       SELECT i FROM zwfw.items i
                        WHERE i.state = 'pending' AND i.body = b
                          AND (i.updated_at, i.id)
                              > (coalesce(c[1]::timestamptz, '-infinity'),
                                 coalesce(c[2], repeat('0', 32))::uuid)
                        ORDER BY i.updated_at, i.id LIMIT lim + 1) o
             ORDER BY (o.i).updated_at, (o.i).id LIMIT lim + 1) f;

    SELECT count(*) INTO total
      FROM (SELECT FROM unnest(below) b, zwfw.items i
             WHERE i.state = 'pending' AND i.body = b LIMIT 1001) f;

    RETURN list(items, keys, lim, total, 1000);
END $$;

ALTER FUNCTION api.item_pending_list OWNER TO zwfw_staff;
SELECT zwfw.describe('item_pending_list',
                     zwfw.list_schema(zwfw.item_draft_schema()));
