-- title: insert with returning
INSERT INTO customers (id, name, city) VALUES (50, 'New', 'Bern') RETURNING *;
-- title: insert from a query with returning
INSERT INTO customers2 (id, score) SELECT id + 50, id FROM customers WHERE email LIKE 'a%' RETURNING id, email, score AS s, ssn || 'x';
-- title: update with returning
-- title: update with an alias
UPDATE customers AS c SET name = c.email, ssn = c.ssn WHERE c.ssn LIKE '***%' RETURNING name, ssn;
-- title: update from
UPDATE orders SET note = c.email FROM customers AS c WHERE c.id = orders.customer_id AND c.phone = '[redacted]';
-- title: update of a sensitive table from another
UPDATE customers SET name = o.note, email = o.note, city = customers.email FROM orders AS o WHERE o.customer_id = customers.id AND o.id > 104 AND o.id < 107;
-- title: update from a common table expression
WITH c AS (SELECT id, email FROM customers WHERE id < 4) UPDATE customers SET name = c.email FROM c WHERE c.id = customers.id;
-- title: delete with returning
DELETE FROM customers WHERE email LIKE 'a%' RETURNING *;
-- title: columns returned in another letter case, and the whole row
UPDATE customers SET city = 'x' WHERE id < 3 RETURNING EMAIL, customers, customers.Id;
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
-- title: string that is called like a column
UPDATE customers SET name = 'email' WHERE city <> 'ssn' AND email LIKE 'a%';
-- title: a parameter of a lambda that is called like a column
UPDATE customers SET name = list_transform(['a', 'b'], lambda ssn: upper(ssn) || city)[1], city = [email FOR email IN ['q'] IF email <> ssn][1] WHERE id < 3;
-- title: methods of columns
UPDATE customers SET name = (ssn).substring(1, 6) || email.upper() WHERE phone.upper() = '[REDACTED]' AND id < 3;
-- title: columns by pattern in a query
UPDATE customers SET city = 'x' WHERE EXISTS (SELECT COLUMNS('.*e.*') FROM employees2) AND email LIKE 'a%';
-- title: natural joins beside the target
DELETE FROM customers USING orders o NATURAL JOIN (SELECT id, number AS email FROM cards) k WHERE customers.id = o.id - 100 OR customers.ssn = k.email;
-- title: an expression called like the target, in a value
UPDATE customers SET name = (WITH customers AS (SELECT note AS email FROM orders WHERE id = 101) SELECT customers.email FROM customers) WHERE id = 1;
-- title: two tables of one name, masked in other columns
UPDATE parcels SET note = (SELECT s.note FROM shop.parcels s WHERE s.id = parcels.id) WHERE parcels.code LIKE '%red%';
-- title: a list of values
UPDATE customers SET (email, name) = ((SELECT note FROM orders WHERE id = 101), email) WHERE id = 1;
-- title: a value of a type that is named before it
UPDATE customers SET born = DATE '1999-09-05', created = TIMESTAMP '2001-02-03 04:05:06' WHERE id < 4;
-- title: replace of sensitive columns
INSERT OR REPLACE INTO customers2 (id, email, ssn, score) VALUES (1, 'a***@***.example', '[redacted]', 5);
-- title: replace of sensitive columns of several rows
insert or replace into customers2 VALUES (1, 'a***@***.example', '[redacted]', 5), (3, 'new@x.example', 'abc', 6), (77, 'c***@***.example', NULL, 1);
-- title: replace of sensitive columns from a query
INSERT OR REPLACE INTO customers2 (email, score, id) SELECT note, 7, id - 100 FROM orders ORDER BY id DESC;
-- title: replace of every sensitive column
INSERT OR REPLACE INTO customers (id, name, email, ssn, phone, born, salary, score) VALUES (1, 'x', 'a***@***.example', '***-**-6001', '[redacted]', '1975-01-01', NULL, 0);
-- title: replace that returns
INSERT OR REPLACE INTO customers2 (id, email, ssn) VALUES (1, 'a***@***.example', NULL) RETURNING id, email, ssn, score;
-- title: a column that is called like its table
UPDATE remarks SET remarks = 'x' WHERE remarks LIKE 'a*%' RETURNING id;
-- title: a column that is called like its table, in an upsert
INSERT INTO remarks VALUES (1, 'a***') ON CONFLICT (id) DO UPDATE SET remarks = excluded.remarks;
