-- reason: SEVERAL_STATEMENTS
SELECT 1; SELECT 2;
-- reason: STATEMENT_KIND
COPY customers TO STDOUT;
-- reason: STATEMENT_KIND
DO $$ BEGIN END $$;
-- reason: STATEMENT_KIND
PREPARE p AS SELECT ssn FROM customers;
-- reason: STATEMENT_KIND
EXECUTE p;
-- reason: STATEMENT_KIND
EXPLAIN ANALYZE SELECT ssn FROM customers;
-- reason: STATEMENT_KIND
CREATE TABLE copy AS SELECT * FROM customers;
-- reason: STATEMENT_KIND
ALTER TABLE customers ADD COLUMN x int;
-- reason: STATEMENT_KIND
SELECT * INTO copy FROM customers;
-- reason: STATEMENT_KIND
SET search_path = crm;
-- reason: STATEMENT_KIND
SET standard_conforming_strings = off;
-- reason: STATEMENT_KIND
SELECT id FROM (WITH gone AS (DELETE FROM orders RETURNING id) SELECT id FROM gone) AS g;
-- reason: STATEMENT_KIND
CALL leak();
-- reason: WRITE
UPDATE customers SET ssn = upper(ssn);
-- reason: WRITE
UPDATE customers SET ssn = name || ssn;
-- reason: WRITE
UPDATE customers SET ssn = (SELECT max(c.ssn) FROM customers c);
-- reason: WRITE
UPDATE customers SET ssn = c.ssn FROM customers c WHERE c.id = customers.id + 1;
-- reason: WRITE
UPDATE customers SET ssn = c.s FROM (SELECT id, ssn AS s FROM customers) c WHERE c.id = customers.id + 1;
-- reason: WRITE
UPDATE customers SET ssn = c.s FROM (SELECT id, c::text AS s FROM customers c) c WHERE c.id = customers.id + 1;
-- reason: WRITE
UPDATE customers SET ssn = customers::text;
-- reason: WRITE
UPDATE customers SET (ssn, name) = (SELECT c.ssn, c.name FROM customers c WHERE c.id = 2);
-- reason: WRITE
UPDATE customers SET (name, ssn) = (SELECT c.name, c.ssn FROM customers c WHERE c.id = 2);
-- reason: WRITE
UPDATE customers SET (ssn, name) = (VALUES ('1', '2'));
-- reason: WRITE
UPDATE customers SET (ssn, name) = (name || ssn, '2');
-- reason: WRITE
WITH c AS (SELECT max(ssn) AS s FROM customers) UPDATE customers SET ssn = c.s FROM c;
-- reason: WRITE
INSERT INTO customers (id, ssn) SELECT id + 10, ssn FROM customers;
-- reason: WRITE
INSERT INTO customers SELECT * FROM customers;
-- reason: WRITE
INSERT INTO customers (id, ssn) VALUES (9, (SELECT max(ssn) FROM customers));
-- reason: WRITE
INSERT INTO customers (id, name) SELECT id, ssn FROM customers ON CONFLICT (id) DO UPDATE SET ssn = excluded.name;
-- reason: WRITE
MERGE INTO customers c USING customers d ON c.id = d.id + 1 WHEN MATCHED THEN UPDATE SET ssn = d.ssn;
-- reason: WRITE
MERGE INTO customers c USING customers d ON c.id = d.id + 10 WHEN NOT MATCHED THEN INSERT (id, ssn) VALUES (d.id, d.ssn);
-- reason: WRITE
UPDATE customers SET name = 'x' RETURNING old.ssn;
-- reason: WRITE
WITH customers AS (SELECT '1' AS ssn) UPDATE customers SET name = 'x' WHERE ssn = '1';
-- reason: FUNCTION
SELECT query_to_xml('SELECT 1', true, true, '');
-- reason: FUNCTION
SELECT pg_read_file('/etc/passwd');
-- reason: FUNCTION
SELECT lo_get(1);
-- reason: FUNCTION
SELECT set_config('search_path', 'crm', false);
-- reason: FUNCTION
SELECT public.lower('X');
-- reason: FUNCTION
SELECT never_heard_of(1);
-- reason: SYSTEM_CATALOG
SELECT * FROM pg_stats;
-- reason: SYSTEM_CATALOG
SELECT query FROM pg_stat_ssl;
-- reason: SYSTEM_CATALOG
SELECT passwd FROM pg_user_mappings;
-- reason: UNKNOWN_RELATION
SELECT * FROM nowhere;
-- reason: UNPARSEABLE
SELECT FROM WHERE;
-- reason: UNPARSEABLE
SELECT (((1);
-- reason: LEXICAL
SELECT U&"s\0073n" FROM customers;
-- reason: LEXICAL
SELECT 'open FROM customers;
-- reason: LEXICAL
SELECT 1 /* open;
-- reason: LEXICAL
SELECT 1a;
-- reason: LEXICAL
SELECT ssn\ FROM customers;
-- reason: WRITE
UPDATE customers SET name = 'x' RETURNING to_jsonb(old), (SELECT new.ssn);
-- reason: WRITE
DELETE FROM customers RETURNING old.*;
-- reason: CONSTRUCT
SELECT id FROM customers TABLESAMPLE BERNOULLI ((SELECT count(ssn) FROM customers));
