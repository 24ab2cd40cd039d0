-- title: RETURNING
UPDATE customers SET name = 'x' WHERE id = 1 RETURNING ssn;
SELECT 1;
-- title: RETURNING *
DELETE FROM customers WHERE id = 1 RETURNING *;
SELECT 1;
-- title: RETURNING the whole row
UPDATE customers c SET name = 'x' WHERE id = 1 RETURNING c;
SELECT 1;
-- title: RETURNING a function of the whole row
UPDATE customers c SET name = 'x' WHERE id = 1 RETURNING to_jsonb(c), (c).ssn, row(c.*);
SELECT 1;
-- title: RETURNING a function as an attribute
UPDATE customers c SET name = 'x' WHERE id = 1 RETURNING c.to_jsonb;
SELECT 1;
-- title: RETURNING a row that is put together
UPDATE customers c SET name = 'x' WHERE id = 1 RETURNING row(c.*)::text;
SELECT 1;
-- title: RETURNING in a subquery
UPDATE customers SET name = 'x' WHERE id = 1 RETURNING (SELECT customers.ssn), (SELECT s FROM (SELECT customers.ssn AS s) q);
SELECT 1;
-- title: RETURNING an array and a lateral query
UPDATE customers SET name = 'x' WHERE id = 1 RETURNING ARRAY[ssn], ARRAY(SELECT l.s FROM (VALUES (1)) v, LATERAL (SELECT customers.ssn AS s) l);
SELECT 1;
-- title: the qualified name
UPDATE public.customers SET name = public.customers.ssn WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a quoted name
UPDATE customers SET "name" = "customers"."ssn" WHERE "id" = 1;
SELECT name FROM customers WHERE id = 1;
-- title: the whole row into an unmasked column
UPDATE customers c SET name = left(c::text, 50) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: several columns at once
UPDATE customers SET (name, city) = (ssn, 'x') WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: several columns from a row
UPDATE customers SET (name, city) = ROW (ssn, 'x') WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: several columns from a query
UPDATE customers SET (name, city) = (SELECT c.ssn, 'x' FROM customers c WHERE c.id = customers.id) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: UPDATE … FROM the table itself
UPDATE customers SET name = c.ssn FROM customers c WHERE c.id = customers.id AND c.id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: UPDATE … FROM with a predicate on the target
UPDATE orders SET note = 'raw ' FROM customers WHERE customers.id = 1 AND orders.id = 101 AND customers.ssn LIKE '123%';
SELECT note FROM orders WHERE id = 101;
-- title: a join condition
UPDATE orders SET note = 'raw ' FROM customers c JOIN (VALUES ('123-45-6001')) v(s) ON c.ssn = v.s WHERE orders.id = 101;
SELECT note FROM orders WHERE id = 101;
-- title: a sibling that hides the target from a derived table
UPDATE customers SET name = 'raw ' WHERE EXISTS (SELECT 1 FROM (SELECT 1 WHERE customers.ssn LIKE '123%') x, (SELECT 'y' AS ssn) AS customers) AND id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: an inner table that lacks the column
UPDATE customers SET name = 'raw ' WHERE EXISTS (SELECT 1 FROM orders customers2 WHERE customers2.id = 101 AND ssn LIKE '123%') AND id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: DELETE … USING
DELETE FROM orders USING customers c WHERE orders.id = 101 AND c.ssn = '123-45-6001';
SELECT 'raw ' WHERE NOT EXISTS (SELECT 1 FROM orders WHERE id = 101);
-- title: a data-modifying expression that hands on
WITH gone AS (DELETE FROM customers WHERE id = 1 RETURNING *) INSERT INTO orders (id, note) SELECT 900, ssn FROM gone;
SELECT note FROM orders WHERE id = 900;
-- title: a data-modifying expression that is read
WITH gone AS (UPDATE customers SET name = 'x' WHERE id = 1 RETURNING ssn AS s) SELECT s FROM gone;
SELECT 1;
-- title: an upsert's predicate
INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'raw ' WHERE customers.ssn LIKE '123%';
SELECT name FROM customers WHERE id = 1;
-- title: an upsert's value
INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = customers.ssn;
SELECT name FROM customers WHERE id = 1;
-- title: an upsert's alias
INSERT INTO customers AS excluded2 (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = excluded2.ssn RETURNING excluded2.ssn;
SELECT name FROM customers WHERE id = 1;
-- title: an upsert's subquery
INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = (SELECT customers.ssn FROM orders LIMIT 1);
SELECT name FROM customers WHERE id = 1;
-- title: the condition of MERGE
-- needs: 15
MERGE INTO customers c USING (VALUES ('123-45-6001')) v(s) ON c.ssn = v.s WHEN MATCHED THEN UPDATE SET name = 'raw ';
SELECT name FROM customers WHERE id = 1;
-- title: a branch of MERGE
-- needs: 15
MERGE INTO customers c USING (VALUES (1)) v(i) ON c.id = v.i WHEN MATCHED AND c.ssn LIKE '123%' THEN UPDATE SET name = c.ssn;
SELECT name FROM customers WHERE id = 1;
-- title: the source of MERGE
-- needs: 15
MERGE INTO orders o USING customers c ON o.id = c.id + 100 WHEN MATCHED THEN UPDATE SET note = c.ssn WHEN NOT MATCHED THEN INSERT (id, note) VALUES (c.id, c.ssn);
SELECT note FROM orders;
-- title: a generated column
UPDATE generated_mails SET city = domain WHERE id = 1;
SELECT city FROM generated_mails WHERE id = 1 AND city LIKE 'first%';
-- title: a generated column returned
UPDATE generated_mails SET city = 'x' WHERE id = 1 RETURNING domain;
SELECT 1;
-- title: a partition
UPDATE events_a SET kind = kind RETURNING secret;
SELECT 1;
-- title: the parent of partitions
UPDATE events SET id = id RETURNING tableoid, secret;
SELECT 1;
-- title: an error that shows the cell
UPDATE orders SET customer_id = (SELECT ssn FROM customers WHERE id = 1)::int;
SELECT 1;
-- title: a value of the same table's other row
UPDATE customers SET email = CASE WHEN true THEN c.ssn END, name = c.ssn FROM customers c WHERE c.id = 2 AND customers.id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: the text of the guard
UPDATE customers SET name = (SELECT CASE WHEN unmask_new.v IS NOT DISTINCT FROM 'x' THEN customers."ssn" ELSE customers."ssn" END FROM (SELECT 'x' AS v) AS unmask_new) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a cursor's row
UPDATE customers SET name = ssn WHERE ctid = (SELECT ctid FROM customers c WHERE c.ssn = '123-45-6006');
SELECT name FROM customers WHERE id = 6;
-- title: a star of the target that is a row
UPDATE customers c SET name = 'raw ' WHERE c.* IS NOT NULL AND (c.*)::text LIKE '%123-45%';
SELECT max(name) FROM customers WHERE name = 'raw ';
-- title: a row of a star, cast
UPDATE customers c SET name = left(row(c.*)::text, 50) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a field of a star
UPDATE customers SET name = (customers.*).ssn WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a field of a star, returned
UPDATE customers SET name = 'x' WHERE id = 1 RETURNING (SELECT s FROM (SELECT (customers.*).ssn AS s) q);
SELECT 1;
-- title: the schema-qualified name beside a row
UPDATE customers SET name = (SELECT public.customers.ssn WHERE (customers.*) IS NOT NULL) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a schema-qualified star beside a row
UPDATE customers SET name = left((SELECT row(public.customers.*)::text WHERE customers.* IS NOT NULL), 50) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: an array of the target
UPDATE customers SET name = (SELECT x FROM unnest(ARRAY[customers.ssn]) AS x) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: an expression called like the target that reads it
UPDATE customers SET name = (WITH customers AS (SELECT customers.ssn AS email) SELECT email FROM customers) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a type called like the target, and its column
UPDATE customers SET name = COALESCE((NULL::customers).name, ssn) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a field of a star in an upsert
INSERT INTO customers (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = (customers.*).ssn WHERE customers.* IS NOT NULL;
SELECT name FROM customers WHERE id = 1;
-- title: the text of a masked row, and more
UPDATE customers c SET name = 'raw ' WHERE (SELECT true FROM (SELECT c.id) AS c) AND (c.*).ssn LIKE '123%';
SELECT max(name) FROM customers WHERE name = 'raw ';
-- title: a natural join of what is joined, and the target
UPDATE customers SET name = ssn FROM orders NATURAL JOIN (SELECT 101 AS id) x WHERE customers.id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a row in MERGE
-- needs: 15
MERGE INTO customers c USING (VALUES (1)) AS v(id) ON c.id = v.id AND (c.*).ssn LIKE '123%' WHEN MATCHED AND c.* IS NOT NULL THEN UPDATE SET name = 'raw ';
SELECT max(name) FROM customers WHERE name = 'raw ';
-- title: a list of values, in another order
UPDATE customers SET (email, name) = ('x', CASE WHEN true THEN ssn ELSE name END) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a list that stores a sensitive column in another
UPDATE customers SET (email, name) = ROW (name, COALESCE(ssn, email)) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
