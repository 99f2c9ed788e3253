-- What lies in the folder of files, and which rows use it.  nginx removes
-- content that no row uses a day after it came.

CREATE TABLE zwfw.files (
    address  text PRIMARY KEY CHECK (address ~ '^[0-9a-f]{64}$'),
    sm3      text NOT NULL CHECK (sm3 ~ '^[0-9a-f]{64}$'),
    size     bigint NOT NULL CHECK (size > 0),
    type     text NOT NULL,             -- media type
    at       timestamptz NOT NULL
);

CREATE TABLE zwfw.file_uses (
    used_by  text NOT NULL,             -- table: 'case_materials'
    row_id   uuid NOT NULL,
    address  text NOT NULL REFERENCES zwfw.files,
    PRIMARY KEY (used_by, row_id, address)
);

CREATE INDEX file_uses_address ON zwfw.file_uses (address);

ALTER TABLE zwfw.files ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON zwfw.files TO zwfw_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON zwfw.files TO zwfw_system;

ALTER TABLE zwfw.file_uses ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON zwfw.file_uses TO zwfw_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON zwfw.file_uses TO zwfw_system;
