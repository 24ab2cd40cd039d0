-- title: insert with returning
-- except: MySQL
INSERT INTO customers (id, name, city) VALUES (50, 'New', 'Bern') RETURNING id, name, email, upper(ssn), 1 + score;
-- title: insert with all returned
-- except: MySQL
INSERT INTO customers (id, name, city) VALUES (50, 'New', 'Bern') RETURNING *;
-- title: insert with set
INSERT INTO customers SET id = 50, name = 'New', email = 'n@x.example';
-- title: insert ignore
INSERT IGNORE INTO customers (id, email) VALUES (1, 'n@x.example'), (70, 's@x.example');
-- title: upsert
INSERT INTO customers (id, name, email) VALUES (1, 'New', 'n@x.example'), (60, 'Sixty', 's@x.example') ON DUPLICATE KEY UPDATE name = VALUES(name), email = VALUES(email);
-- title: upsert that writes the mask back
INSERT INTO customers (id, name, email, phone) VALUES (1, 'New', 'a***@***.example', '[redacted]') ON DUPLICATE KEY UPDATE name = concat(VALUES(name), ssn), email = VALUES(email), phone = VALUES(phone);
-- title: upsert of a word of SQL
INSERT INTO customers (id, name, email) VALUES (1, 'select', 'n@x.example') ON DUPLICATE KEY UPDATE name = VALUES(name), email = CONCAT(VALUES(email), 'select'), phone = IF(VALUES(name) = (SELECT 'select'), VALUES(name), phone);
-- title: upsert from a query
INSERT INTO customers (id, name, city) SELECT d.id, d.email, 'x' FROM customers2 d WHERE d.ssn LIKE '***%' ON DUPLICATE KEY UPDATE name = VALUES(name), city = customers.email;
-- title: upsert that keeps
INSERT INTO customers (id, name, email) VALUES (1, 'New', 'n@x.example') ON DUPLICATE KEY UPDATE name = VALUES(name), email = COALESCE(email, VALUES(email)), id = id;
-- title: update of joined tables
UPDATE customers c JOIN orders o ON o.customer_id = c.id SET c.name = c.email, o.note = c.ssn WHERE c.email LIKE 'a%' AND o.id < 106;
-- title: update of one of several tables
UPDATE orders o, customers c SET o.note = c.email WHERE c.id = o.customer_id AND c.phone = '[redacted]';
-- title: update of a sensitive column of joined tables
UPDATE customers c JOIN orders o ON o.customer_id = c.id SET c.email = o.note, c.phone = '[redacted]' WHERE o.id IN (105, 106);
-- title: update joined with a query
UPDATE customers c JOIN (SELECT id, email FROM customers2) d ON d.id = c.id SET c.name = d.email WHERE d.email LIKE 'a%';
-- title: update in an order
UPDATE customers SET name = 'x' ORDER BY email, id LIMIT 3;
-- title: delete in an order
DELETE FROM customers ORDER BY phone DESC, ssn, id LIMIT 2;
-- title: delete from several tables
DELETE c, o FROM customers c JOIN orders o ON c.id = o.customer_id WHERE c.email LIKE 'a%';
-- title: delete from one of several tables
DELETE FROM o USING customers c JOIN orders o ON c.id = o.customer_id WHERE c.email LIKE 'a%' AND c.ssn > '***-**-6001';
-- title: delete with returning
-- except: MySQL
DELETE FROM customers WHERE email LIKE 'a%' RETURNING id, email, concat(ssn, 'x');
-- title: enum and boolean
UPDATE things SET mood = 'happy', flag = 0, payload = '{}' WHERE id = 1;
-- title: string that is called like a column
UPDATE customers SET name = 'email', city = "ssn" WHERE city <> 'ssn' AND email LIKE 'a%';
-- title: number into a text column
UPDATE customers SET phone = 12345, email = 7 WHERE id = 2;
-- title: value from a correlated query
UPDATE customers SET email = (SELECT max(note) FROM orders WHERE orders.customer_id = customers.id) WHERE id < 3;
-- title: masks from a correlated query
UPDATE customers SET phone = (SELECT '[redacted]' FROM orders WHERE orders.customer_id = customers.id LIMIT 1) WHERE id < 3;
-- title: IF
UPDATE customers SET email = IF(city = 'Oslo', 'new@x.example', email), phone = IF(email LIKE 'a%', phone, NULL);
-- title: upsert with IF
INSERT INTO customers (id, email) VALUES (1, NULL), (2, 'i@x.example') ON DUPLICATE KEY UPDATE email = IF(VALUES(email) IS NULL, email, VALUES(email));
-- title: words that say how
UPDATE LOW_PRIORITY IGNORE customers SET name = email WHERE ssn LIKE '***%';
-- title: delete quickly
DELETE LOW_PRIORITY QUICK FROM customers WHERE email LIKE 'a%';
-- title: replace of unmasked columns
REPLACE INTO customers2 (id, score) VALUES (1, 5);
-- title: replace from a sensitive table
REPLACE INTO orders (id, note) SELECT id + 100, email FROM customers WHERE ssn LIKE '***%';
-- title: upsert by the new row's name
-- except: MariaDB
INSERT INTO customers (id, name, email) VALUES (1, 'New', 'new@mail.example') AS new ON DUPLICATE KEY UPDATE name = new.name, email = new.email;
-- title: upsert by the new row's columns
-- except: MariaDB
INSERT INTO customers (id, name) VALUES (2, 'New') AS new(a, b) ON DUPLICATE KEY UPDATE name = concat(new.b, customers.city);
-- title: upsert beside masks
-- except: MariaDB
INSERT INTO customers (id, name) VALUES (3, 'New') AS new ON DUPLICATE KEY UPDATE name = concat(new.name, customers.email);
-- title: update from a JSON table over a mask
UPDATE customers SET name = (SELECT j.v FROM JSON_TABLE(json_array(customers.ssn), '$[*]' COLUMNS (v varchar(40) PATH '$')) j) WHERE id < 4;
-- title: update with an index hint
UPDATE customers USE INDEX (PRIMARY) SET name = ssn WHERE id = 2;
-- title: update of an alias with an index hint
UPDATE customers AS c FORCE INDEX (PRIMARY) SET c.name = c.phone WHERE c.id = 2;
-- title: update joined after a query
UPDATE (SELECT id, ssn AS s FROM customers) q JOIN orders o ON o.customer_id = q.id SET o.note = q.s;
-- title: update joined after a query on its own table
UPDATE (SELECT id, email AS e FROM customers) q JOIN customers ON customers.id = q.id SET customers.name = q.e;
-- title: delete by an alias given after USING
DELETE FROM c USING customers AS c JOIN orders o ON o.customer_id = c.id WHERE c.ssn LIKE '***%' AND o.id < 104;
-- title: delete by a column without a name before it, after USING
DELETE FROM c USING customers AS c WHERE phone = '[redacted]' AND c.id = 3;
-- title: replace of sensitive columns
REPLACE INTO customers2 (id, email, ssn, score) VALUES (1, 'a***@***.example', '[redacted]', 5);
-- title: replace of sensitive columns of several rows
REPLACE customers2 VALUES (1, 'a***@***.example', '[redacted]', 5), (3, 'new@x.example', 'abc', 6), (77, 'c***@***.example', NULL, 1);
-- title: replace of sensitive columns from a query
REPLACE LOW_PRIORITY INTO customers2 (email, score, id) SELECT note, (SELECT count(*) FROM customers WHERE email LIKE 'a*%'), id - 100 FROM orders;
-- title: replace of every sensitive column
REPLACE INTO customers (id, name, email, ssn, phone, born, salary, score) VALUES (1, 'x', 'a***@***.example', '***-**-6001', '[redacted]', '1975-01-01', NULL, 0);
-- title: columns of another collation than the connection's
UPDATE logins SET pin = 'xyz', login = upper(login) WHERE id = 1 OR pin = 'a***';
-- title: a column of another collation than the connection's, from a query
UPDATE logins SET pin = (SELECT max(note) FROM orders WHERE orders.id > logins.id) WHERE id = 1;
-- title: update joined, with a natural join in its subquery
UPDATE orders o JOIN customers c ON c.id = o.customer_id SET o.note = (SELECT max(email) FROM employees NATURAL JOIN hidden_pins) WHERE o.id < 104;
-- title: a generated column of a masked one, in place
UPDATE generated_mails SET city = concat(domain, left(generated_mails.domain, 1)) WHERE domain LIKE '%***%' ORDER BY domain;
-- title: a generated column of a masked one, in a delete
DELETE FROM generated_mails WHERE domain = 'first.example' OR domain LIKE '***%' AND id = 2;
-- title: a generated column of a masked one, in an upsert
INSERT INTO generated_mails (id, email) VALUES (1, 'new@new.example') ON DUPLICATE KEY UPDATE city = domain;
-- title: a generated column of a masked one, joined
UPDATE generated_mails g JOIN orders o ON o.id = g.id + 100 SET o.note = g.domain, g.city = g.domain;
