-- title: RETURNING
UPDATE customers SET name = 'x' WHERE id = 1 RETURNING ssn;
SELECT 1;
-- title: RETURNING *
DELETE FROM customers WHERE id = 1 RETURNING *;
SELECT 1;
-- title: RETURNING in a subquery
UPDATE customers SET name = 'x' WHERE id = 1 RETURNING (SELECT ssn), (SELECT s FROM (SELECT customers.ssn AS s) q);
SELECT 1;
-- title: a name in quotes of every kind
UPDATE customers SET name = "ssn" || [ssn] || `ssn` || customers.'ssn' WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a name in another case
UPDATE CUSTOMERS SET NAME = SSN WHERE ID = 1 RETURNING Customers.Ssn;
SELECT name FROM customers WHERE id = 1;
-- title: several columns at once
UPDATE customers SET (name, city) = (SELECT ssn, 'x') WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: UPDATE … FROM the table itself
UPDATE customers SET name = c.ssn FROM customers c WHERE c.id = customers.id AND c.id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: an inner table of the same name that lacks the column
UPDATE customers SET name = 'raw ' WHERE id = 1 AND EXISTS (SELECT 1 FROM orders AS customers WHERE customers.ssn LIKE '123%');
SELECT name FROM customers WHERE id = 1;
-- title: an upsert's predicate
INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'raw ' WHERE ssn LIKE '123%';
SELECT name FROM customers WHERE id = 1;
-- title: an upsert's value
INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = ssn RETURNING ssn;
SELECT name FROM customers WHERE id = 1;
-- title: x IN table
UPDATE orders SET note = 'raw ' WHERE id = 101 AND 'alpha' IN codes;
SELECT note FROM orders WHERE id = 101;
-- title: a generated column
UPDATE generated_mails SET city = 'raw ' WHERE domain = '@first.example';
SELECT city FROM generated_mails WHERE id = 1;
-- title: the main database's name
UPDATE main.customers SET name = main.customers.ssn WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: names in single quotes
UPDATE customers SET name = 'customers'.'ssn' WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: names in single quotes behind the schema
UPDATE customers SET name = 'main'.'customers'.'ssn' WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: an expression called like the target that reads it
UPDATE customers SET name = (WITH customers AS (SELECT main.customers.ssn AS email) SELECT email FROM customers) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
