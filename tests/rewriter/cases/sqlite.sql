-- title: rowid
SELECT rowid, email FROM customers ORDER BY rowid;
-- title: table as an operand
SELECT 'x' IN codes, 'alpha' IN codes;
-- title: main qualifier
SELECT main.customers.email FROM main.customers ORDER BY main.customers.id;
-- title: indexed by
SELECT id, email FROM customers NOT INDEXED WHERE id < 4 ORDER BY id;
-- title: bare columns beside max
SELECT city, email, max(id) FROM customers GROUP BY city ORDER BY city;
-- title: typeof and affinity
SELECT typeof(email), typeof(score), typeof(born), typeof(salary) FROM customers ORDER BY id;
-- title: affinity in comparisons
SELECT id FROM customers WHERE score = '20' ORDER BY id;
-- title: nocase collation
SELECT id, handle FROM things WHERE handle = 'ABCDEF' OR handle LIKE 'x%' ORDER BY handle, id;
-- title: double-quoted string
SELECT id FROM customers WHERE city = "Bern" ORDER BY id;
-- title: brackets and backquotes
SELECT [email], `ssn` FROM [customers] ORDER BY [id];
-- title: group_concat
SELECT city, group_concat(email, ';') FROM (SELECT city, email FROM customers ORDER BY id) GROUP BY city ORDER BY city;
-- title: glob, iif, printf
SELECT id, email GLOB 'a*', iif(score > 20, ssn, phone), printf('%s-%d', email, score) FROM customers ORDER BY id;
-- title: json
SELECT json_object('mail', email) FROM customers ORDER BY id;
-- title: date functions
SELECT strftime('%Y', born), date(born, '+1 day') FROM customers ORDER BY id;
-- title: limit with a comma
SELECT ssn FROM customers ORDER BY id LIMIT 2, 3;
-- title: full join
SELECT c.id, e.email FROM customers c FULL JOIN employees e ON e.id = c.id + 8 ORDER BY 1, 2;
-- title: is
SELECT id FROM customers WHERE salary IS NULL AND email IS NOT 'x' ORDER BY id;
-- title: unnamed outputs keep their text
SELECT (SELECT max(ssn) FROM customers) , exists( SELECT 1 FROM customers c WHERE c.email LIKE 'a%' /* why */ ), 1 + 1;
-- title: unnamed scalar subquery
SELECT o.id, (SELECT c.name FROM customers c WHERE c.id = o.customer_id AND c.score > 0) FROM orders o ORDER BY o.id;
-- title: a string where a name must stand
SELECT c.'ssn' FROM customers c ORDER BY c.id;
-- title: a string in USING
SELECT count(*) FROM customers a JOIN customers2 b USING ('email');
-- title: generated column over a masked one
SELECT id, domain FROM generated_mails ORDER BY id;
-- title: star with a generated column
SELECT * FROM generated_mails g ORDER BY id;
-- title: names of the row's number
SELECT oid, _ROWID_, t.rowid, handle FROM things t ORDER BY 1;
-- title: names of the row's number without a key of its own
SELECT oid, c._rowid_, rowid, code FROM codes c ORDER BY 1;
-- title: calls without arguments
SELECT char(), length(sqlite_version(*)), ssn FROM customers ORDER BY id;
-- title: complements of complements
SELECT ~~id, ~~~score, ssn FROM customers ORDER BY id;
-- title: a comma with a condition
SELECT c.id, c.ssn, o.total FROM customers c, orders o ON o.customer_id = c.id ORDER BY 1, 3;
-- title: calls with fewer arguments than usual
SELECT json_remove('[1]'), json_set('[1]'), email FROM customers ORDER BY id;
-- title: natural full join
SELECT count(*), count(email) FROM customers NATURAL FULL JOIN customers2;
-- title: values statement
VALUES (1, 'customers'), (2, 'email');
-- title: tables and columns called by strings
SELECT 'customers'.'email', c.'ssn', 'c'.id FROM 'customers' JOIN main.'customers2' AS 'c' USING ('id') ORDER BY 3;
-- title: a string as an operand
SELECT email IN 'codes', NULL IN codes FROM customers WHERE email NOT IN 'main'.'codes' ORDER BY id;
-- title: names that are words of other engines
SELECT any.email, fetch.ssn AS grant, xor.email AS qualify FROM customers any JOIN customers2 AS fetch ON any.id = fetch.id JOIN employees xor ON xor.id = any.id;
-- title: names that are words of joins
SELECT cross.email, cross.id AS outer FROM customers AS cross WHERE cross.email LIKE 'a*%' ORDER BY cross.id;
-- title: an alias that is a kind of join elsewhere
SELECT anti.id, c.email, anti.ssn FROM customers anti JOIN customers2 c ON c.id = anti.id;
