-- What nginx seals in the tables of cases.

CREATE INDEX cases_id_number_key ON zwfw.cases (zwfw.key_of(id_number), id);
CREATE INDEX cases_phone_key ON zwfw.cases (zwfw.key_of(phone), id);

INSERT INTO zwfw.sealed_columns VALUES ('cases.id_number'), ('cases.phone');
