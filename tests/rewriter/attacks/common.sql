-- title: alias hides the table
SELECT x.ssn FROM customers AS x;
-- title: output alias
SELECT ssn AS name FROM customers;
-- title: string function
SELECT replace(ssn, 'x', 'y') FROM customers;
-- title: subquery in the select list
SELECT (SELECT max(ssn) FROM customers) FROM orders;
-- title: union beside a harmless table
SELECT note FROM orders UNION ALL SELECT ssn FROM customers;
-- title: CTE with renamed columns
WITH harmless(a, b) AS (SELECT id, ssn FROM customers) SELECT b FROM harmless;
-- title: view over the table
SELECT email FROM active_customers;
-- title: view over a view
SELECT mail FROM named_customers;
-- title: star through a derived table
SELECT t.* FROM (SELECT * FROM customers) AS t;
-- title: aggregate
SELECT min(ssn), max(email) FROM customers;
-- title: window function
SELECT first_value(ssn) OVER (ORDER BY id) FROM customers;
-- title: predicate that confirms a value
SELECT 'raw row of', name FROM customers WHERE ssn = '123-45-6001';
-- title: order by confirms a prefix
SELECT CASE WHEN ssn LIKE '123-45-600%' THEN '123-45-6001' END FROM customers;
-- title: join condition confirms a value
SELECT g.ssn FROM (SELECT '123-45-6003' AS ssn) AS g JOIN customers c ON c.ssn = g.ssn;
-- title: having confirms a value
SELECT '123-45-6002' FROM customers GROUP BY city HAVING max(ssn) > '123-45-6001';
-- title: exists confirms a value
SELECT '123-45-6004' FROM orders WHERE EXISTS (SELECT 1 FROM customers WHERE ssn = '123-45-6004');
-- title: recursive CTE
WITH RECURSIVE r(s, n) AS (SELECT ssn, 1 FROM customers UNION ALL SELECT s, n + 1 FROM r WHERE n < 2) SELECT s FROM r;
-- title: comment between the words
SELECT/**/ssn/**/FROM/**/customers;
-- title: natural join with itself
SELECT b.ssn FROM customers2 a NATURAL JOIN customers b;
