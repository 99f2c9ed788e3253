-- What items are called in the audit trail.

INSERT INTO zwfw.audit_names VALUES ('item', 'item_names');
