-- title: RETURNING
-- except: MySQL
DELETE FROM customers WHERE id = 1 RETURNING ssn;
SELECT 1;
-- title: RETURNING *
-- except: MySQL
DELETE FROM customers WHERE id = 1 RETURNING *;
SELECT 1;
-- title: INSERT … RETURNING of a row that is there
-- except: MySQL
INSERT INTO customers (id) VALUES (1) ON DUPLICATE KEY UPDATE name = 'x' RETURNING ssn;
SELECT 1;
-- title: an upsert's value
INSERT INTO customers (id) VALUES (1) ON DUPLICATE KEY UPDATE name = ssn;
SELECT name FROM customers WHERE id = 1;
-- title: an upsert's condition
INSERT INTO customers (id) VALUES (1) ON DUPLICATE KEY UPDATE name = IF(ssn LIKE '123%', 'raw ', 'no');
SELECT name FROM customers WHERE id = 1;
-- title: an upsert from another table's row
INSERT INTO orders (id) SELECT c.id + 100 FROM customers c ON DUPLICATE KEY UPDATE note = c.ssn;
SELECT note FROM orders;
-- title: a joined UPDATE
UPDATE orders o JOIN customers c ON c.id = o.customer_id SET o.note = c.ssn;
SELECT note FROM orders;
-- title: a joined UPDATE's condition
UPDATE orders o JOIN customers c ON c.ssn = '123-45-6001' SET o.note = 'raw ';
SELECT note FROM orders;
-- title: a joined UPDATE by common columns
UPDATE customers c JOIN customers2 d USING (ssn) SET c.name = 'raw ';
SELECT name FROM customers;
-- title: a joined DELETE
DELETE o FROM orders o JOIN customers c ON c.ssn = '123-45-6001';
SELECT 'raw ' WHERE NOT EXISTS (SELECT 1 FROM orders);
-- title: the order of rows
DELETE FROM customers ORDER BY ssn = '123-45-6006' DESC LIMIT 1;
SELECT 'raw ' WHERE NOT EXISTS (SELECT 1 FROM customers WHERE id = 6);
-- title: a user variable
UPDATE customers SET name = (@x := ssn) WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a name in backticks and another case
UPDATE customers SET NAME = `SSN` WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a condition of IF
UPDATE customers SET name = IF(ssn LIKE '123%', 'raw ', 'no'), email = IF(ssn LIKE '123%', email, 'x') WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: REPLACE from the table
REPLACE INTO orders (id, note) SELECT id + 100, ssn FROM customers;
SELECT note FROM orders;
-- title: the variable of the guard
UPDATE customers SET name = ssn, city = @unmask_new WHERE id = 1;
SELECT name FROM customers WHERE id = 1;
-- title: a default that reads the row
UPDATE receipts SET receipt = DEFAULT;
SELECT receipt FROM receipts;
-- title: a default that reads the row, called
-- except: MySQL
UPDATE receipts SET receipt = DEFAULT(receipt);
SELECT receipt FROM receipts;
-- title: an upsert of a default that reads the row
INSERT INTO receipts (id) VALUES (1) ON DUPLICATE KEY UPDATE receipt = DEFAULT;
SELECT receipt FROM receipts;
-- title: a JSON table of a cell
UPDATE customers SET name = (SELECT j.v FROM JSON_TABLE(json_array(customers.ssn), '$[*]' COLUMNS (v varchar(40) PATH '$')) j);
SELECT name FROM customers;
-- title: an index hint between the table and its assignments
UPDATE customers USE INDEX (PRIMARY) SET name = ssn;
SELECT name FROM customers;
-- title: an UPDATE of a query and a table
UPDATE (SELECT id, ssn AS s FROM customers) q JOIN orders o ON o.customer_id = q.id SET o.note = q.s;
SELECT note FROM orders;
-- title: a DELETE by an alias given after USING
DELETE FROM c USING customers AS c WHERE c.ssn = '123-45-6001';
SELECT 'raw ' WHERE NOT EXISTS (SELECT 1 FROM customers WHERE id = 1);
-- title: a column without a name before it, after USING
DELETE FROM c USING customers AS c WHERE ssn = '123-45-6001';
SELECT 'raw ' WHERE NOT EXISTS (SELECT 1 FROM customers WHERE id = 1);
