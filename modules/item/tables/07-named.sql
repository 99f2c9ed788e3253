-- Offered items by the beginning of their names, byte by byte: who asks without
-- a region gets these first.

CREATE INDEX items_named ON zwfw.items (folded COLLATE "C", heat DESC, id)
    WHERE state IN ('in_use', 'suspended');

DROP FUNCTION IF EXISTS zwfw.item_row(uuid);
