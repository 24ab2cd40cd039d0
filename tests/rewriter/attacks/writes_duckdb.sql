-- title: RETURNING
UPDATE customers SET name = 'x' WHERE id = 1 RETURNING ssn;
SELECT 1;
-- title: RETURNING *
DELETE FROM customers WHERE id = 1 RETURNING *;
SELECT 1;
-- title: RETURNING columns by a pattern
DELETE FROM customers WHERE id = 1 RETURNING COLUMNS('ss.*');
SELECT 1;
-- title: RETURNING a changed star
DELETE FROM customers WHERE id = 1 RETURNING * EXCLUDE (id);
SELECT 1;
-- title: RETURNING a function as a method
DELETE FROM customers WHERE id = 1 RETURNING ssn.upper(), customers.ssn.lower();
SELECT 1;
-- title: RETURNING the row
DELETE FROM customers WHERE id = 1 RETURNING customers;
SELECT 1;
-- title: UPDATE … FROM the table itself
UPDATE customers SET name = c.ssn FROM customers c WHERE c.id = customers.id AND c.id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: an upsert's value
INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = customers.ssn;
SELECT name FROM customers WHERE id = 1;
-- title: INSERT … BY NAME
INSERT INTO orders BY NAME SELECT 900 AS id, ssn AS note FROM customers WHERE id = 1;
SELECT note FROM orders WHERE id = 900;
-- title: FROM first
INSERT INTO orders (id, note) FROM customers SELECT id + 900, ssn;
SELECT note FROM orders WHERE id > 900;
-- title: MERGE
MERGE INTO orders USING customers c ON orders.id = c.id + 100 WHEN MATCHED THEN UPDATE SET note = c.ssn;
SELECT note FROM orders;
-- title: MERGE into the table
MERGE INTO customers USING (SELECT 1 AS i) v ON customers.id = v.i WHEN MATCHED AND customers.ssn LIKE '123%' THEN UPDATE SET name = customers.ssn;
SELECT name FROM customers WHERE id = 1;
-- title: the row behind its schema
UPDATE customers SET name = main.customers WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: the row behind its database
UPDATE customers SET name = memory.customers WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: the row behind its database and schema
DELETE FROM customers WHERE id = 1 RETURNING memory.main.customers;
SELECT 1;
-- title: a lambda that reads the target
UPDATE customers SET name = list_transform(['a'], lambda x: ssn)[1] WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a list that reads the target behind its schema
UPDATE customers SET name = [main.customers.ssn FOR ssn IN ['a']][1] WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a method of a column in brackets
UPDATE customers SET name = (ssn).substring(1, 11) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: columns by pattern in a query that lacks them
UPDATE customers SET name = (SELECT COLUMNS('ssn') FROM (SELECT main.customers.ssn) AS q) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
