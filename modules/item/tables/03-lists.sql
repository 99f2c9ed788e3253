-- Names as they are compared with what was asked, and what waits for an
-- editor, by body.

ALTER TABLE zwfw.items
    ADD folded text GENERATED ALWAYS AS (zwfw.fold(name)) STORED;

DROP INDEX zwfw.items_pending;
CREATE INDEX items_pending ON zwfw.items (body, updated_at, id)
    WHERE state = 'pending';
