-- title: insert of a row
INSERT INTO customers (id, name, email, city) VALUES (50, 'New', 'new@x.example', 'Bern');
-- title: insert without a column list
INSERT INTO customers2 VALUES (50, 'new@x.example', '111-22-3333', 5);
-- title: insert of several rows, one with a subquery
INSERT INTO orders (id, customer_id, note) VALUES (500, 1, 'a'), (501, 2, (SELECT max(email) FROM customers));
-- title: insert of a sensitive column that gets its default
INSERT INTO customers2 (id, score) VALUES (51, 7);
-- title: insert of masks into an unmasked column
INSERT INTO orders (id, customer_id, note) SELECT id + 500, id, email FROM customers WHERE ssn LIKE '***-**-6%';
-- title: insert from the table itself
INSERT INTO customers (id, name, city) SELECT id + 100, email, city FROM customers WHERE email LIKE 'a%';
-- title: insert of unmasked columns into a sensitive one
INSERT INTO customers2 (id, email, score) SELECT o.id + 100, o.note, 1 FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.ssn IS NOT NULL;
-- title: insert from a union
INSERT INTO orders (id, note) SELECT id + 600, ssn FROM customers WHERE id < 3 UNION ALL SELECT id + 700, email FROM customers2;
-- title: insert from a common table expression
INSERT INTO orders (id, note) WITH c AS (SELECT id, email FROM customers WHERE id < 4) SELECT id + 600, email FROM c;
-- title: update of an unmasked column
UPDATE customers SET name = 'x' WHERE id = 3;
-- title: update by a masked column
UPDATE customers SET name = 'x', city = 'y' WHERE email LIKE 'a%' AND phone = '[redacted]';
-- title: update by a raw value finds nothing
UPDATE customers SET name = 'x' WHERE ssn = '123-45-6001';
-- title: update that copies a mask
UPDATE customers SET name = email, city = upper(ssn) WHERE id < 5;
-- title: update of sensitive columns
UPDATE customers SET email = 'other@x.example', phone = '+41 0', born = '1990-05-06' WHERE id IN (1, 2);
-- title: update with an expression
UPDATE customers2 SET email = upper('a@x.example'), score = 77 WHERE score >= 20;
-- title: update that writes the mask back
UPDATE customers SET email = 'a***@***.example', phone = '[redacted]', ssn = '***-**-6001', score = 0, born = '1975-01-01' WHERE id = 1;
-- title: update to NULL
UPDATE customers SET email = NULL, ssn = NULL WHERE id = 5;
-- title: update of a column by itself
UPDATE customers SET email = email, ssn = customers.ssn, name = 'x';
-- title: update that keeps what is there
UPDATE customers SET email = COALESCE(NULL, email), phone = CASE WHEN city = 'Oslo' THEN '1' WHEN email LIKE 'b%' THEN '2' ELSE phone END;
-- title: update with a subquery on another table
UPDATE orders SET note = (SELECT c.email FROM customers c WHERE c.id = orders.customer_id) WHERE id < 108;
-- title: update with a subquery that is correlated to the target
UPDATE customers SET name = (SELECT max(o.note) FROM orders o WHERE o.customer_id = customers.id AND customers.ssn LIKE '***%') WHERE id < 9;
-- title: update with a subquery that has the same column
UPDATE customers SET name = 'x' WHERE EXISTS (SELECT 1 FROM customers2 c WHERE c.id = customers.id AND c.email = customers.email);
-- title: update with an unqualified column that only the target has
UPDATE customers SET city = 'x' WHERE 3 < (SELECT count(*) FROM orders WHERE customer_id < 4 AND phone IS NOT NULL);
-- title: update with an unqualified column of the inner table
UPDATE customers SET city = 'x' WHERE id IN (SELECT id FROM customers2 WHERE email LIKE 'a%' AND ssn LIKE '***%');
-- title: delete by a masked column
DELETE FROM customers WHERE email LIKE 'a%' OR salary IS NOT NULL;
-- title: delete by a subquery on another sensitive table
DELETE FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE email LIKE 'a%' AND ssn > '***-**-6002');
-- title: delete by a raw value finds nothing
DELETE FROM customers WHERE salary > 100 OR email LIKE '%@mail.example';
-- title: delete of all
DELETE FROM customers2;
