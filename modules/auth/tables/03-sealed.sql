-- What nginx seals in the tables of accounts.

CREATE INDEX users_email_key ON zwfw.users (zwfw.key_of(email), id);

INSERT INTO zwfw.sealed_columns VALUES ('users.email', 'email_index');
