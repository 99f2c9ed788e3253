-- The audit trail says who of the staff it was, and is searched by name.

CREATE OR REPLACE VIEW zwfw.staff_names AS
    SELECT u.id, u.name FROM zwfw.users u
     WHERE u.kind = 'staff' AND zwfw.has_role('operator');
