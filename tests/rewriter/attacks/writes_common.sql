-- title: a secret into an unmasked column
UPDATE customers SET name = ssn WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a secret into another table by a correlated subquery
UPDATE orders SET note = (SELECT ssn FROM customers WHERE customers.id = orders.customer_id) WHERE id = 101;
SELECT note FROM orders WHERE id = 101;
-- title: a secret into another table by INSERT … SELECT
INSERT INTO orders (id, note) SELECT id + 900, ssn FROM customers;
SELECT note FROM orders WHERE id > 900;
-- title: a secret within an expression
UPDATE customers SET name = coalesce(substr(email, 1), 'x') WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a predicate of UPDATE
UPDATE customers SET name = 'raw ' WHERE ssn = '123-45-6001';
SELECT name FROM customers WHERE id = 1;
-- title: a predicate of DELETE
DELETE FROM customers WHERE ssn LIKE '123%' AND id = 1;
SELECT 'raw ' WHERE NOT EXISTS (SELECT 1 FROM customers WHERE id = 1);
-- title: a predicate in a subquery on the target
-- except: MySQL
UPDATE customers SET name = 'raw ' WHERE id = (SELECT min(c.id) FROM customers c WHERE c.ssn LIKE '123%');
SELECT name FROM customers WHERE id = 1;
-- title: a predicate on the target in a correlated subquery
UPDATE customers SET name = 'raw ' WHERE EXISTS (SELECT 1 FROM orders WHERE orders.customer_id = customers.id AND ssn LIKE '123%');
SELECT name FROM customers WHERE id = 1;
-- title: a condition in an assigned value
UPDATE customers SET name = CASE WHEN ssn LIKE '123%' THEN 'raw ' ELSE 'no' END WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a condition in the value for a sensitive column
UPDATE customers SET email = CASE WHEN ssn LIKE '123%' THEN 'raw @x.example' ELSE email END, name = CASE WHEN ssn LIKE '123%' THEN 'raw ' ELSE 'no' END WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: the order of values that are compared
UPDATE customers SET name = 'raw ' WHERE email > 'ana' AND email < 'ana1z' AND id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a case that leads elsewhere on its way back
UPDATE customers SET name = (CASE WHEN id = 1 THEN email ELSE 'x' END) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a union
INSERT INTO orders (id, note) SELECT 900, 'x' UNION ALL SELECT id + 900, email FROM customers;
SELECT note FROM orders WHERE id > 900;
-- title: a common table expression with the table's name
INSERT INTO orders (id, note) WITH customers2 AS (SELECT id, ssn FROM customers) SELECT id + 900, ssn FROM customers2;
SELECT note FROM orders WHERE id > 900;
-- title: whether a value is NULL that its mask does not tell
UPDATE customers SET salary = COALESCE(salary, 99), name = CASE WHEN salary IS NULL THEN 'no' ELSE 'raw ' END WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
