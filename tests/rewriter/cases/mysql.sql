-- title: database-qualified column references
SELECT customers.email FROM customers ORDER BY customers.id;
-- title: backquotes
SELECT `c`.`email`, `c`.`id` FROM `customers` AS `c` ORDER BY `c`.`id`;
-- title: for update
SELECT id, email FROM customers WHERE id = 1 FOR UPDATE;
-- title: lock in share mode
SELECT id, email FROM customers WHERE id < 3 ORDER BY id LOCK IN SHARE MODE;
-- title: index hint
SELECT id, email FROM customers USE INDEX (PRIMARY) WHERE id < 4 ORDER BY id;
-- title: force index with an alias
SELECT c.id, c.email FROM customers AS c FORCE INDEX (PRIMARY) WHERE c.id < 4 ORDER BY c.id;
-- title: limit with a comma
SELECT id, ssn FROM customers ORDER BY id LIMIT 2, 3;
-- title: group_concat
SELECT city, group_concat(email ORDER BY id SEPARATOR ';') FROM customers GROUP BY city ORDER BY city;
-- title: functions
SELECT id, concat(email, '!'), if(score > 20, ssn, phone), ifnull(salary, 0), year(born), date_format(born, '%Y-%m') FROM customers ORDER BY id;
-- title: double-quoted strings
SELECT id FROM customers WHERE email = "a***@***.example" ORDER BY id;
-- title: null-safe comparison, regexp
SELECT id FROM customers WHERE salary <=> NULL AND email REGEXP '^[ab]' ORDER BY id;
-- title: case-insensitive collation on a mask
SELECT id FROM customers WHERE email LIKE 'A%' ORDER BY id;
-- title: comparison in the column's collation
SELECT id FROM customers WHERE email = 'A***@***.EXAMPLE' ORDER BY id;
-- title: group by with rollup
SELECT city, count(email) FROM customers GROUP BY city WITH ROLLUP;
-- title: straight join
SELECT c.email FROM customers c STRAIGHT_JOIN orders o ON o.customer_id = c.id ORDER BY o.id;
-- title: hash comment
SELECT email # the mail
FROM customers ORDER BY id;
-- title: arithmetic
SELECT id, score DIV 3, score MOD 7, score ^ 1, -score FROM customers ORDER BY id;
-- title: from dual
SELECT 1 FROM DUAL;
-- title: enum, set and json columns
SELECT id, mood, payload, flag FROM things ORDER BY id;
-- title: select from values of a union in brackets
(SELECT email FROM customers WHERE id = 1) UNION ALL (SELECT email FROM employees WHERE id = 1);
-- title: unnamed outputs keep their text
SELECT (SELECT max(ssn) FROM customers) , exists( SELECT 1 FROM customers c WHERE c.email LIKE 'a%' ), 1 + 1;
-- title: unnamed scalar subquery
SELECT o.id, (SELECT c.name FROM customers c WHERE c.id = o.customer_id AND c.score > 0) FROM orders o ORDER BY o.id;
-- title: generated column over a masked one
SELECT id, domain FROM generated_mails ORDER BY id;
-- title: star with a generated column
SELECT * FROM generated_mails g ORDER BY id;
-- title: natural left join
SELECT c.id, email FROM customers c NATURAL LEFT JOIN customers2 ORDER BY c.id;
-- title: row values
SELECT id FROM customers WHERE (id, email) IN (SELECT id, email FROM customers2) ORDER BY id;
-- title: joins in ODBC's brackets
SELECT c.id, c.ssn, o.id FROM {OJ customers c LEFT OUTER JOIN orders o ON c.id = o.customer_id} ORDER BY 1, 3;
-- title: an escape that is no plain string, and types in full
SELECT ssn LIKE '%' ESCAPE 0x5c, CAST(id AS UNSIGNED INT), CAST(email AS CHAR(3) BINARY) FROM customers ORDER BY id;
-- title: assignment in another clause
-- except: MySQL
SELECT city, max(ssn) FROM customers GROUP BY @g := city ORDER BY city;
-- title: geometry under its old names
-- except: MySQL
SELECT AsText(GeomFromText('POINT(1 2)')), phone FROM customers ORDER BY id;
