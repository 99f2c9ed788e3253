-- An approved version that does not hold on its day is not put into use: since
-- when, and by which rule.  NULL: no rule, but a fault.

ALTER TABLE zwfw.items ADD COLUMN held_at timestamptz,
                       ADD COLUMN held_code text;
