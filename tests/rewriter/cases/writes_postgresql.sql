-- title: insert with returning
INSERT INTO customers (id, name, city) VALUES (50, 'New', 'Bern') RETURNING *;
-- title: insert under an alias
INSERT INTO public.customers AS c (id, name, score) VALUES (50, 'New', 10) RETURNING c.id, c.name, c.born, c;
-- title: update with returning
UPDATE customers SET name = email WHERE id < 4 RETURNING id, name, email, upper(ssn), email::text, (SELECT customers.phone), (SELECT max(email) FROM customers2), score + 1 AS n, CASE WHEN id = 1 THEN 'x' ELSE email END;
-- title: update with the whole row returned
UPDATE customers c SET name = 'x' WHERE id < 4 RETURNING c, to_jsonb(c), (c).ssn, c.*, c IS NULL;
-- title: whole row in a predicate
UPDATE customers c SET name = 'x' WHERE c::text LIKE '%a***%' AND to_jsonb(c) ->> 'phone' = '[redacted]';
-- title: schema-qualified references
UPDATE public.customers SET name = public.customers.email WHERE public.customers.ssn LIKE '***%' RETURNING public.customers.phone;
-- title: only
UPDATE ONLY customers AS c SET name = c.email WHERE c.ssn LIKE '***%' RETURNING name, ssn;
-- title: update from
UPDATE orders SET note = c.email FROM customers c JOIN customers2 d ON d.id = c.id WHERE c.id = customer_id AND c.phone = '[redacted]' RETURNING orders.id, note, c.email, c.*;
-- title: update from, with a star
UPDATE customers2 SET score = c.score FROM customers c WHERE c.id = customers2.id RETURNING *;
-- title: update of a sensitive table from another
UPDATE customers SET name = o.note, email = o.note, city = customers.email FROM orders AS o WHERE o.customer_id = customers.id AND o.id > 104 AND o.id < 107;
-- title: update of the table from itself
UPDATE customers c SET name = d.email FROM customers d WHERE d.id = c.id - 1 AND d.email LIKE 'a%' RETURNING c.id, c.name, d.email;
-- title: update from a common table expression
WITH c AS (SELECT id, email FROM customers WHERE id < 4) UPDATE customers SET name = c.email FROM c WHERE c.id = customers.id;
-- title: update of several columns at once
UPDATE customers SET (name, city) = (SELECT email, ssn FROM customers2 WHERE customers2.id = customers.id) WHERE id < 4;
-- title: update with a lateral join in a subquery
UPDATE customers SET name = 'x' WHERE id IN (SELECT d.id FROM customers2 d, LATERAL (SELECT d.email AS m) l WHERE l.m LIKE 'a%');
-- title: delete with returning
DELETE FROM customers WHERE email LIKE 'a%' RETURNING *;
-- title: delete using
DELETE FROM orders USING customers c WHERE c.id = customer_id AND c.email LIKE 'a%' AND c.ssn > '***-**-6002' RETURNING orders.id, c.email;
-- title: delete of a sensitive table using itself
DELETE FROM customers c USING customers d WHERE c.email = d.email AND c.id > d.id RETURNING c.id, c.ssn;
-- title: upsert
INSERT INTO customers (id, name, email) VALUES (1, 'New', 'n@x.example'), (60, 'Sixty', 's@x.example') ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email;
-- title: upsert that writes the mask back
INSERT INTO customers AS c (id, name, email, phone) VALUES (1, 'New', 'a***@***.example', '[redacted]') ON CONFLICT (id) DO UPDATE SET name = excluded.name || c.ssn, email = excluded.email, phone = excluded.phone WHERE c.email LIKE 'a%' RETURNING id, email, phone;
-- title: upsert that does nothing
INSERT INTO customers (id, name, email) VALUES (1, 'New', 'n@x.example') ON CONFLICT ON CONSTRAINT customers_pkey DO NOTHING;
-- title: upsert from a query
INSERT INTO customers (id, name, city) SELECT id, email, 'x' FROM customers2 WHERE ssn LIKE '***%' ON CONFLICT (id) DO UPDATE SET name = excluded.name, city = customers.email RETURNING id, name, city, ssn;
-- title: merge
-- needs: 15
MERGE INTO customers c USING orders o ON c.id = o.customer_id AND o.id < 106 WHEN MATCHED AND c.email LIKE 'a%' THEN UPDATE SET name = c.email, city = o.note WHEN MATCHED AND c.ssn > '***-**-6004' THEN DELETE;
-- title: merge from a sensitive table
-- needs: 15
MERGE INTO orders o USING (SELECT id, email FROM customers WHERE phone IS NOT NULL) c ON c.id + 100 = o.id WHEN MATCHED THEN UPDATE SET note = c.email WHEN NOT MATCHED THEN INSERT (id, note) VALUES (c.id + 900, c.email);
-- title: merge into a sensitive table
-- needs: 15
MERGE INTO customers2 USING employees2 e ON customers2.id = e.id WHEN MATCHED THEN UPDATE SET score = e.score, email = e.email WHEN NOT MATCHED THEN INSERT (id, email, score) VALUES (e.id, e.email, 0);
-- title: data-modifying expressions
WITH gone AS (DELETE FROM customers2 WHERE email LIKE 'a%' RETURNING *), noted AS (INSERT INTO orders (id, note) SELECT id + 800, email FROM gone RETURNING id, note) SELECT g.id, g.email, g.ssn, n.note FROM gone g JOIN noted n ON n.id = g.id + 800;
-- title: data-modifying expression before a write
WITH moved AS (UPDATE customers SET name = email WHERE id < 4 RETURNING id, name, email AS m) UPDATE orders SET note = moved.m FROM moved WHERE moved.id = customer_id RETURNING orders.id, note, moved.name;
-- title: generated column of a masked one
UPDATE generated_mails SET city = domain WHERE domain LIKE '%***%' RETURNING id, city, domain;
-- title: generated column in a star
DELETE FROM generated_mails RETURNING *;
-- title: enum, uuid, json and domain
UPDATE things SET mood = 'happy', token = 'c0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', payload = '{"c": 3}', code = 'newcode' WHERE id = 1;
-- title: enum, uuid, json and domain written back masked
UPDATE things SET code = '[redacted]', token = '00000000-0000-0000-0000-000000000000', payload = 'null' WHERE id = 1;
-- title: partition key in place
UPDATE crm.customers SET email = 'x@y.example' WHERE email LIKE 'c%' AND crm.customers.id < 5;
-- title: default
UPDATE customers SET email = DEFAULT, name = DEFAULT WHERE id = 2;
-- title: string that is called like a column
UPDATE customers SET name = 'email' WHERE city <> 'ssn' AND email LIKE 'a%';
-- title: number into a text column
UPDATE customers SET phone = 12345, email = 7 WHERE id = 2;
-- title: values under an alias
UPDATE customers SET email = v.email, name = v.id FROM (VALUES (1, 'v1@x.example'), (2, 'v2@x.example')) AS v(id, email) WHERE customers.id = v.id;
-- title: arrays under an alias
UPDATE customers AS c SET email = v.email FROM unnest(ARRAY[1, 2], ARRAY['u1@x.example', 'u2@x.example']) AS v(id, email) WHERE c.id = v.id;
-- title: overriding the identity
INSERT INTO customers (id, email) OVERRIDING SYSTEM VALUE VALUES (70, 'x@x.example');
-- title: merge of values
-- needs: 15
MERGE INTO customers AS c USING (VALUES (1, 'm1@x.example'), (80, 'm2@x.example')) AS s(id, email) ON c.id = s.id WHEN MATCHED THEN UPDATE SET email = s.email WHEN NOT MATCHED THEN INSERT (id, email) VALUES (s.id, s.email);
-- title: locked rows
WITH q AS (SELECT id, email FROM customers WHERE email LIKE 'a%' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1) UPDATE customers SET city = q.email FROM q WHERE customers.id = q.id RETURNING customers.*;
-- title: two data-modifying expressions over one table
WITH a AS (UPDATE customers SET name = email WHERE email LIKE 'a%' AND id < 3 RETURNING id, email), b AS (DELETE FROM customers2 WHERE email LIKE 'b%' RETURNING id, email), c AS (UPDATE customers SET city = email WHERE id > 4 AND email IS NOT NULL RETURNING id, email) SELECT 'a' AS t, * FROM a UNION ALL SELECT 'b', * FROM b UNION ALL SELECT 'c', * FROM c ORDER BY 1, 2;
-- title: a star of the target that is a row
UPDATE customers c SET name = left(row(c.*)::text, 50) WHERE id < 9 AND c.* IS NOT NULL OR id = 3 AND (c.*) IS NULL;
-- title: fields of a star and of a type
UPDATE customers SET name = (customers.*).ssn, city = COALESCE((NULL::customers).city, city) WHERE id < 4 RETURNING (SELECT (customers.*).email), (NULL::customers).ssn IS NULL;
-- title: columns of what is made in place
UPDATE customers SET name = 'x' WHERE ssn IN (SELECT ssn FROM unnest(ARRAY['***-**-6001', 'y']) AS ssn) OR id IN (SELECT ssn FROM generate_series(1, 2) ssn) RETURNING id, (SELECT max(email) FROM unnest(ARRAY['q']) AS email) AS e;
-- title: an expression called like the target, in a value
UPDATE customers SET name = (WITH customers AS (SELECT note AS email FROM orders WHERE id = 101) SELECT customers.email FROM customers), email = (WITH customers AS (SELECT 'q@x.example' AS email) SELECT email FROM customers) WHERE id = 1;
-- title: a value among queries keeps what is there
UPDATE customers c SET email = CASE WHEN EXISTS (SELECT ssn FROM unnest(ARRAY['q']) AS ssn WHERE c.phone IS NOT NULL) THEN c.email ELSE 'new@x.example' END WHERE id < 5 RETURNING id, name;
-- title: natural joins and USING beside the target
DELETE FROM customers c USING orders o NATURAL JOIN (SELECT id, number AS email FROM cards) k JOIN employees2 e USING (id, email) WHERE c.id = o.id OR c.ssn = k.email;
-- title: a star in an upsert
INSERT INTO customers (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name || (customers.*).ssn WHERE customers.* IS NOT NULL RETURNING name;
-- title: a star in MERGE
-- needs: 15
MERGE INTO customers c USING (VALUES (1, 'm'), (2, 'n')) AS v(id, note) ON c.id = v.id AND (c.*).ssn LIKE '***%' WHEN MATCHED AND c.* IS NOT NULL THEN UPDATE SET name = v.note || (c.*).email;
-- title: a table statement that only has to exist
UPDATE orders SET note = 'x' WHERE EXISTS (TABLE customers) AND id = 101;
-- title: behind the schema, beside a row
UPDATE public.customers SET name = left((SELECT public.customers.ssn || customers.city WHERE (customers.*)::text LIKE '%***%'), 50) WHERE id < 3;
-- title: MERGE with RETURNING
-- needs: 17
MERGE INTO customers c USING (VALUES (1, 'm'), (90, 'n')) AS v(id, note) ON c.id = v.id WHEN MATCHED AND c.email LIKE 'a%' THEN UPDATE SET name = v.note || c.ssn WHEN NOT MATCHED THEN INSERT (id, name) VALUES (v.id, v.note) RETURNING merge_action(), c.id, c.name, c.email, upper(c.ssn);
-- title: MERGE that deletes what has no source
-- needs: 17
MERGE INTO customers2 c USING (SELECT id FROM customers2 WHERE id < 6) AS v ON c.id = v.id WHEN NOT MATCHED BY SOURCE AND c.ssn > '***-**-6005' THEN DELETE WHEN MATCHED THEN UPDATE SET score = 1;
-- title: a list of values
UPDATE customers SET (email, name) = ((SELECT note FROM orders WHERE id = 101), email) WHERE id = 1;
-- title: a list of values that keeps
UPDATE customers SET (name, email) = (name || 'x', CASE WHEN id = 1 THEN 'w@x.example' ELSE email END), city = 'y' WHERE id < 3;
-- title: a list of values in an upsert
INSERT INTO customers (id, name, email) VALUES (1, 'New', 'a***@***.example') ON CONFLICT (id) DO UPDATE SET (name, email) = (excluded.name, excluded.email);
-- title: a value of a type that is named before it
UPDATE customers SET born = DATE '1999-09-05', created = TIMESTAMP '2001-02-03 04:05:06' WHERE id < 4;
-- title: a query's row assigned to a list
UPDATE customers SET (email, name) = (SELECT note, customers.email FROM orders WHERE orders.id = customers.id + 100) WHERE id < 4;
-- title: a query's row assigned to a list of one
UPDATE customers c SET (email) = (SELECT o.note FROM orders o WHERE o.id = c.id + 100) FROM cards d WHERE d.id = c.id;
-- title: a query without a row assigned to a list
UPDATE customers SET (salary, name) = (SELECT o.total, o.note FROM orders o WHERE o.customer_id = customers.id AND customers.email LIKE 'a%' ORDER BY o.id DESC LIMIT 1), city = 'q' WHERE id < 9;
-- title: a query's row of several types assigned to a list
UPDATE things SET (payload, mood, token) = (WITH n AS (SELECT '{"a": 2}'::jsonb AS j) SELECT n.j, 'happy'::mood, 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a22'::uuid FROM n) WHERE id = 1;
-- title: a query's row that writes the mask back
UPDATE customers SET (phone, name) = (SELECT '[redacted]', 'x') WHERE id < 3;
-- title: a query's row in an upsert
INSERT INTO customers (id, name, email) VALUES (1, 'New', 'a***@***.example') ON CONFLICT (id) DO UPDATE SET (email, name) = (SELECT excluded.email, customers.ssn);
-- title: a type that is called like a column
UPDATE things SET code = 'x' WHERE 'happy'::mood = CAST('happy' AS mood);
