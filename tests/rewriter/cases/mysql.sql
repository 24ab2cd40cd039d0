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
-- title: one mask twice in a call
SELECT id, replace(email, 'a', email), greatest(email, concat_ws('/', email, email)), replace(ssn, '-', ssn) FROM customers ORDER BY id;
-- title: one generated column twice in a call
SELECT replace(domain, 'e', domain), greatest(domain, concat_ws('/', domain, domain)) FROM generated_mails ORDER BY id;
-- title: constant mask where no row was found
SELECT max(e.email), count(e.email), lag(max(e.email)) OVER (ORDER BY c.id) FROM customers2 c LEFT JOIN employees e ON e.id = c.id + 70 GROUP BY c.id;
-- title: windows where no row was found
SELECT c.id, first_value(e.email) OVER (ORDER BY c.id), max(e.email) OVER (PARTITION BY c.id) FROM customers2 c LEFT JOIN employees e ON e.id = c.id AND c.id > 2 ORDER BY c.id;
-- title: an outer join without any row
SELECT max(e.email), count(*) FROM customers2 c LEFT JOIN employees e ON e.id IS NULL;
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
-- title: having over a group that is not returned
SELECT count(*) FROM customers GROUP BY email HAVING email LIKE 'a%' ORDER BY 1;
-- title: having over a view's group that is not returned
SELECT count(*) FROM mails_per_city GROUP BY email HAVING email > 'b' ORDER BY 1;
-- title: rollup of an expression
SELECT length(email), count(*) FROM customers GROUP BY length(email) WITH ROLLUP;
-- title: rollup of an expression over a generated column
SELECT upper(domain), count(*) FROM generated_mails GROUP BY upper(domain) WITH ROLLUP;
-- title: a table alone in brackets
SELECT email FROM (customers) ORDER BY id;
-- title: tables alone in brackets, among others
SELECT c.email, o.id FROM (((customers AS c)), (orders AS o)) LEFT JOIN (customers2) ON customers2.id = c.id WHERE o.customer_id = c.id ORDER BY o.id;
-- title: view with a list of its columns
SELECT * FROM contacts ORDER BY who;
-- title: columns of a view's list
SELECT c.who, mail FROM contacts c WHERE c.mail LIKE 'A%' ORDER BY c.who;
-- title: view whose list exchanges names
SELECT email, name FROM exchanged ORDER BY 1, 2;
-- title: values as rows
-- except: MariaDB
SELECT * FROM (VALUES ROW(1, 'a'), ROW(2, 'b')) v(n, t) JOIN customers c ON c.id = v.n ORDER BY c.id;
-- title: table statement
-- except: MariaDB
TABLE customers ORDER BY id LIMIT 3;
-- title: lateral
-- except: MariaDB
SELECT c.id, l.u FROM customers c, LATERAL (SELECT upper(c.email) AS u) l ORDER BY c.id;
-- title: json table over a masked column
SELECT c.id, j.v FROM customers c, JSON_TABLE(json_array(c.ssn), '$[*]' COLUMNS (v varchar(20) PATH '$')) j ORDER BY c.id;
-- title: member of
-- except: MariaDB
SELECT id FROM customers WHERE '***-**-6001' MEMBER OF (json_array(ssn)) ORDER BY id;
-- title: windows over masks
SELECT id, rank() OVER w, lag(email) OVER w FROM customers WINDOW w AS (ORDER BY email, id) ORDER BY id;
-- title: recursive expression over masks
WITH RECURSIVE up (id, email, d) AS (SELECT id, email, 1 FROM employees WHERE manager_id IS NULL UNION ALL SELECT e.id, e.email, d + 1 FROM employees e JOIN up ON up.id = e.manager_id) SELECT * FROM up ORDER BY id;
-- title: invisible column
SELECT *, pin FROM hidden_pins ORDER BY id;
-- title: functional index
SELECT id FROM hidden_pins WHERE upper(pin) = '[REDACTED]' ORDER BY id;
-- title: collation of a mask against another
-- except: MariaDB
SELECT c.id FROM customers c WHERE c.email COLLATE utf8mb4_0900_as_cs LIKE 'a%' ORDER BY c.id;
-- title: XML by a plain path
SELECT id, extractvalue(concat('<a>', ssn, '</a>'), '/a'), updatexml(concat('<a>', phone, '</a>'), '/a', '<b/>') FROM customers ORDER BY id;
-- title: locks of the session's own
SELECT id, is_free_lock(coalesce(concat('unmask ', email), 'none')) FROM customers ORDER BY id;
-- title: dynamic columns with types
-- except: MySQL
SELECT id, column_get(column_create(1, email AS char CHARACTER SET utf8, 2, id AS int), 1 AS char(100)) FROM customers ORDER BY id;
-- title: weights by level
-- except: MySQL
SELECT id, hex(weight_string(email AS char(3) LEVEL 1)) FROM customers ORDER BY id;
-- title: limits on what is examined
-- except: MySQL
SELECT ssn FROM customers ORDER BY id LIMIT 1, 2 ROWS EXAMINED 1000;
-- title: geometry whose names are operators
-- except: MySQL
SELECT id, Overlaps(Point(1, 1), Point(1, 2)), Contains(Point(1, 1), Point(1, 1)), ssn FROM customers ORDER BY id;
-- title: windows over groups
SELECT lead(customers.name) OVER (ORDER BY customers.name), min(upper(customers.name)), max(customers.ssn) FROM customers GROUP BY customers.name;
-- title: windows over groups, unqualified
SELECT lag(name) OVER (PARTITION BY name ORDER BY name), min(upper(name)), max(email) FROM customers WHERE id > 1 GROUP BY name;
-- title: windows over groups, beside a comparison with intervals
SELECT id, max(created) OVER (PARTITION BY id), max(email) FROM customers WHERE interval(id, 10) XOR id = city GROUP BY id;
-- title: named windows over groups of a view
SELECT sum(count(*)) OVER w, lead(email) OVER w, min(upper(email)) FROM mails_per_city GROUP BY email WINDOW w AS (ORDER BY email);
