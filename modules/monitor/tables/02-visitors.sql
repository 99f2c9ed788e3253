-- Visitors of a day (UV) beside its visits (PV): who was seen, forgotten soon,
-- and how many there were, kept.  A visitor is another one each day, so days
-- do not add up to visitors of a month.


CREATE TABLE zwfw.visit_visitors (
    day      date NOT NULL,
    visitor  uuid NOT NULL,             -- pseudonym of this day
    PRIMARY KEY (day, visitor)
);

ALTER TABLE zwfw.visit_visitors ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON zwfw.visit_visitors TO zwfw_system USING (true);
GRANT SELECT, INSERT, DELETE ON zwfw.visit_visitors TO zwfw_system;


CREATE TABLE zwfw.visit_days (
    day       date PRIMARY KEY,
    visits    bigint NOT NULL,
    visitors  bigint NOT NULL           -- of those who do not object
);

GRANT SELECT ON zwfw.visit_days TO zwfw_staff;
GRANT SELECT, INSERT, UPDATE ON zwfw.visit_days TO zwfw_system;


-- what is there already

INSERT INTO zwfw.visit_visitors
SELECT DISTINCT (v.at AT TIME ZONE 'Asia/Shanghai')::date, v.visitor
  FROM zwfw.visits v WHERE v.visitor IS NOT NULL;

INSERT INTO zwfw.visit_days
SELECT h.day, h.visits, coalesce(n.visitors, 0)
  FROM (SELECT (hour AT TIME ZONE 'Asia/Shanghai')::date AS day,
               sum(visits) AS visits
          FROM zwfw.visit_hours GROUP BY 1) h
       LEFT JOIN (SELECT day, count(*) AS visitors
                    FROM zwfw.visit_visitors GROUP BY 1) n USING (day);
