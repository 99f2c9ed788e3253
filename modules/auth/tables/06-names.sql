-- Staff is found by name in the audit trail; functions say who people are.

DROP VIEW IF EXISTS zwfw.staff_names;

CREATE INDEX users_staff ON zwfw.users (name, id) WHERE kind = 'staff';

INSERT INTO zwfw.audit_names VALUES
    ('person', 'auth_people', 'auth_seek'), ('user', 'auth_people', NULL);
