-- What cases are called in the audit trail.

INSERT INTO zwfw.audit_names VALUES ('case', 'case_names');
