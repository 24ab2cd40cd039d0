-- title: insert with returning
INSERT INTO customers (id, name, city) VALUES (50, 'New', 'Bern') RETURNING *;
-- title: insert from a query with returning
INSERT INTO customers2 (id, score) SELECT id + 50, id FROM customers WHERE email LIKE 'a%' RETURNING id, email, score AS s, ssn || 'x';
-- title: update with returning
UPDATE customers SET name = email WHERE id < 4 RETURNING id, name, email, upper(ssn), (SELECT customers.phone), score + 1 AS n;
-- title: update with an alias
UPDATE customers AS c SET name = c.email, ssn = c.ssn WHERE c.ssn LIKE '***%' RETURNING name, ssn;
-- title: update from
UPDATE orders SET note = c.email FROM customers AS c WHERE c.id = orders.customer_id AND c.phone = '[redacted]';
-- title: update of a sensitive table from another
UPDATE customers SET name = o.note, email = o.note, city = customers.email FROM orders AS o WHERE o.customer_id = customers.id AND o.id > 104 AND o.id < 107;
-- title: update from a common table expression
WITH c AS (SELECT id, email FROM customers WHERE id < 4) UPDATE customers SET name = c.email FROM c WHERE c.id = customers.id;
-- title: update of several columns at once
UPDATE customers SET (name, city) = (SELECT email, ssn FROM customers2 WHERE customers2.id = customers.id) WHERE id < 4;
-- title: delete with returning
DELETE FROM customers WHERE email LIKE 'a%' RETURNING *;
-- title: upsert
INSERT INTO customers (id, name, email) VALUES (1, 'New', 'n@x.example'), (60, 'Sixty', 's@x.example') ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email;
-- title: upsert that writes the mask back
INSERT INTO customers (id, name, email, phone) VALUES (1, 'New', 'a***@***.example', '[redacted]') ON CONFLICT (id) DO UPDATE SET name = excluded.name || customers.ssn, email = excluded.email, phone = excluded.phone WHERE customers.email LIKE 'a%' RETURNING id, email, phone;
-- title: upsert that does nothing
INSERT INTO customers (id, name, email) VALUES (1, 'New', 'n@x.example') ON CONFLICT (id) DO NOTHING;
-- title: upsert from a query
INSERT INTO customers (id, name, city) SELECT id, email, 'x' FROM customers2 WHERE ssn LIKE '***%' ON CONFLICT (id) DO UPDATE SET name = excluded.name, city = customers.email;
-- title: replace of unmasked columns
INSERT OR REPLACE INTO customers2 (id, score) VALUES (1, 5);
-- title: insert or ignore
INSERT OR IGNORE INTO customers (id, email) VALUES (1, 'n@x.example'), (70, 's@x.example');
-- title: generated column of a masked one
UPDATE generated_mails SET city = domain WHERE domain LIKE '%***%' RETURNING id, city, domain;
-- title: generated column in a star
DELETE FROM generated_mails RETURNING *;
-- title: string that is called like a column
UPDATE customers SET name = 'email' WHERE city <> 'ssn' AND email LIKE 'a%';
-- title: update or ignore
UPDATE OR IGNORE customers SET name = email, phone = '+1' WHERE ssn LIKE '***%';
-- title: replace
REPLACE INTO orders (id, note) SELECT id + 100, email FROM customers WHERE ssn LIKE '***%';
-- title: iif
UPDATE customers SET email = iif(city = 'Oslo', 'new@x.example', email), phone = iif(email LIKE 'a%', phone, NULL);
-- title: names in single quotes
UPDATE customers SET name = 'customers'.'ssn' WHERE 'customers'.'email' LIKE 'a%' AND id < 6;
-- title: natural joins and USING beside the target
UPDATE customers SET name = o.note FROM orders o NATURAL JOIN (SELECT id, number AS email FROM cards) d JOIN employees2 e USING (id) WHERE o.id = customers.id + 100 OR d.email = customers.ssn;
-- title: a value of COALESCE that is always the first
UPDATE customers SET salary = COALESCE(3, salary), email = COALESCE('z@x.example', email) WHERE id = 1;
-- title: an expression called like the target, in a value
UPDATE customers SET name = (WITH customers AS (SELECT note AS email FROM orders WHERE id = 101) SELECT customers.email FROM customers), email = (WITH customers AS (SELECT 'q@x.example' AS email) SELECT email FROM customers) WHERE id = 1;
-- title: a table called by a string
UPDATE 'customers' SET name = 'x' WHERE 'customers'.'email' LIKE 'a*%' RETURNING id, 'customers'.email;
-- title: a list of values
UPDATE customers SET (email, name) = ((SELECT note FROM orders WHERE id = 101), email) WHERE id = 1;
-- title: a list of values that keeps
UPDATE customers SET (name, email) = (name || 'x', CASE WHEN id = 1 THEN 'w@x.example' ELSE email END), city = 'y' WHERE id < 3;
-- title: a list of values in an upsert
INSERT INTO customers (id, name, email) VALUES (1, 'New', 'a***@***.example') ON CONFLICT (id) DO UPDATE SET (name, email) = (excluded.name, excluded.email);
-- title: unnamed query returned, and a name in another letter case
UPDATE customers SET name = 'x' WHERE id < 4 RETURNING (SELECT max(email) FROM customers2), SCORE, customers.SSN;
-- title: replace of sensitive columns
INSERT OR REPLACE INTO customers2 (id, email, ssn, score) VALUES (1, 'a***@***.example', '[redacted]', 5);
-- title: replace of sensitive columns of several rows
insert or replace into customers2 VALUES (1, 'a***@***.example', '[redacted]', 5), (3, 'new@x.example', 'abc', 6), (77, 'c***@***.example', NULL, 1);
-- title: replace of sensitive columns from a query
REPLACE INTO customers2 (email, score, id) WITH n AS (SELECT id, note FROM orders) SELECT note, (SELECT count(*) FROM customers WHERE email LIKE 'a*%'), id - 100 FROM n ORDER BY id DESC;
-- title: replace that returns
REPLACE INTO customers2 (id, email, ssn) VALUES (1, 'a***@***.example', NULL) RETURNING id, email, ssn, score;
-- title: a query's row assigned to a list
UPDATE customers SET (email, name) = (SELECT note, customers.email FROM orders WHERE orders.id = customers.id + 100) WHERE id < 4;
-- title: a query's row assigned to a list of one
UPDATE customers AS c SET (email) = (SELECT o.note FROM orders o WHERE o.id > c.id + 100 ORDER BY o.id DESC) WHERE id < 4;
-- title: a query without a row assigned to a list
UPDATE customers SET (salary, name) = (SELECT o.total, o.note FROM orders o WHERE o.customer_id = customers.id AND customers.email LIKE 'a%' ORDER BY o.id DESC LIMIT 1), city = 'q' WHERE id < 9;
-- title: a query's row that writes the mask back
UPDATE customers SET (phone, name) = (SELECT '[redacted]', 'x') WHERE id < 3;
-- title: a query's row in an upsert
INSERT INTO customers (id, name, email) VALUES (1, 'New', 'a***@***.example') ON CONFLICT (id) DO UPDATE SET (email, name) = (SELECT excluded.email, customers.ssn);
