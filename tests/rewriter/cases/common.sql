-- title: plain columns
SELECT id, name, email, ssn, phone, born, salary, score FROM customers ORDER BY id;
-- title: star
SELECT * FROM customers ORDER BY id;
-- title: qualified star beside a column
SELECT c.*, o.total FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY o.id;
-- title: only plain columns
SELECT id, name, city FROM customers ORDER BY id;
-- title: alias and quoted letter case
SELECT c.Email, c.SSN AS Number FROM customers2 c WHERE c.ID < 5 ORDER BY c.iD;
-- title: predicate on a masked column sees the mask
SELECT id FROM customers WHERE email LIKE 'a%' ORDER BY id;
-- title: predicate equal to a raw value finds nothing
SELECT id FROM customers WHERE ssn = '123-45-6001' ORDER BY id;
-- title: predicate equal to the masked value
SELECT id FROM customers WHERE ssn = '***-**-6001' ORDER BY id;
-- title: join on a masked column
SELECT a.id, b.id FROM customers a JOIN customers b ON a.email = b.email AND a.id < b.id ORDER BY 1, 2;
-- title: join on a masked column of another table
SELECT c.id, e.id FROM customers c JOIN employees e ON e.email = c.email ORDER BY 1, 2;
-- title: left join, mask on the nullable side
SELECT o.id, c.email, c.ssn FROM orders o LEFT JOIN customers c ON c.id = o.customer_id AND c.id > 3 ORDER BY o.id;
-- title: left join, is null on the nullable side
SELECT o.id FROM orders o LEFT JOIN customers c ON c.id = o.customer_id AND c.phone = 'x' WHERE c.phone IS NULL ORDER BY o.id;
-- title: cross join in commas
SELECT c.id, o.id, c.phone FROM customers c, orders o WHERE c.id = o.customer_id ORDER BY 1, 2;
-- title: USING
SELECT id, customers.email, customers2.email FROM customers JOIN customers2 USING (id) ORDER BY id;
-- title: USING a masked column
SELECT email, count(*) FROM customers JOIN customers2 USING (email) GROUP BY email ORDER BY 1, 2;
-- title: natural join
SELECT count(*) FROM customers NATURAL JOIN customers2;
-- title: group by a masked column
SELECT email, count(*) AS n, min(id) AS lowest FROM customers GROUP BY email ORDER BY 1, 2;
-- title: group by an expression over a masked column
SELECT substr(ssn, 1, 3) AS head, count(*) FROM customers GROUP BY substr(ssn, 1, 3) ORDER BY 1;
-- title: having
SELECT city, max(score) FROM customers GROUP BY city HAVING max(score) > 20 ORDER BY city;
-- title: aggregates over masked columns
SELECT count(*), count(salary), count(DISTINCT email), max(ssn), min(phone), sum(score), max(born) FROM customers;
-- title: order by a masked column
SELECT id, ssn FROM customers ORDER BY ssn DESC, id LIMIT 5;
-- title: order by an ordinal and an alias
SELECT email AS e, id FROM customers ORDER BY e, 2 LIMIT 7 OFFSET 2;
-- title: distinct
SELECT DISTINCT email FROM customers ORDER BY email;
-- title: union
SELECT email FROM customers UNION SELECT email FROM employees ORDER BY 1;
-- title: union all with literals
SELECT 'c' AS kind, email, score FROM customers WHERE id < 4 UNION ALL SELECT 'e', email, 0 FROM employees ORDER BY 1, 2, 3;
-- title: intersect
SELECT email FROM customers INTERSECT SELECT email FROM customers2 ORDER BY 1;
-- title: except
SELECT email FROM customers EXCEPT SELECT email FROM employees ORDER BY 1;
-- title: in subquery
SELECT id, total FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE score >= 20) ORDER BY id;
-- title: not exists, correlated
SELECT c.id, c.email FROM customers c WHERE NOT EXISTS (SELECT * FROM orders o WHERE o.customer_id = c.id) ORDER BY c.id;
-- title: exists over a protected table by key only
SELECT o.id FROM orders o WHERE EXISTS (SELECT * FROM customers c WHERE c.id = o.customer_id) ORDER BY o.id;
-- title: exists over a masked column
SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id AND c.email LIKE 'b%') ORDER BY o.id;
-- title: scalar subquery
SELECT o.id, (SELECT email FROM customers c WHERE c.id = o.customer_id) AS mail FROM orders o ORDER BY o.id;
-- title: derived table
SELECT t.e, t.n FROM (SELECT email AS e, count(*) AS n FROM customers GROUP BY email) AS t ORDER BY t.e;
-- title: CTE
WITH c AS (SELECT id, email, score FROM customers WHERE score > 10) SELECT c.email, c.score FROM c ORDER BY c.id;
-- title: CTE used twice
WITH c AS (SELECT id, email FROM customers) SELECT a.id, b.email FROM c a JOIN c b ON a.id = b.id ORDER BY a.id;
-- title: CTE named like a sensitive table
WITH employees AS (SELECT id, email FROM customers) SELECT id, email FROM employees ORDER BY id;
-- title: nested CTE
WITH a AS (SELECT id, ssn FROM customers), b AS (SELECT id, ssn FROM a WHERE id < 6) SELECT b.ssn FROM b ORDER BY b.id;
-- title: CTE with column list
WITH c(x, y) AS (SELECT id, email FROM customers) SELECT y FROM c ORDER BY x;
-- title: recursive CTE
WITH RECURSIVE chain(id, manager_id, email, depth) AS (SELECT id, manager_id, email, 0 FROM employees WHERE manager_id IS NULL UNION ALL SELECT e.id, e.manager_id, e.email, c.depth + 1 FROM employees e JOIN chain c ON e.manager_id = c.id) SELECT id, email, depth FROM chain ORDER BY id;
-- title: window ranking over a masked column
SELECT id, email, row_number() OVER (PARTITION BY email ORDER BY id) AS n, rank() OVER (ORDER BY score) AS r FROM customers ORDER BY id;
-- title: window frame
SELECT id, sum(score) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s, lag(ssn) OVER (ORDER BY id) AS p FROM customers ORDER BY id;
-- title: named window
SELECT id, count(*) OVER w FROM customers WINDOW w AS (PARTITION BY born) ORDER BY id;
-- title: case
SELECT id, CASE WHEN email LIKE 'a%' THEN 'A' WHEN salary IS NULL THEN 'none' ELSE 'other' END AS k FROM customers ORDER BY id;
-- title: coalesce and nullif
SELECT id, coalesce(phone, 'n/a') AS p, nullif(ssn, '***-**-6001') AS s FROM customers ORDER BY id;
-- title: string functions
SELECT id, upper(email), lower(name), length(ssn), trim(phone), replace(email, '@', '#') FROM customers ORDER BY id;
-- title: between and in on masked numbers
SELECT id, score FROM customers WHERE score BETWEEN 10 AND 30 AND born <> '1980-01-01' ORDER BY id;
-- title: three tables
SELECT c.email, k.number, o.total FROM customers c JOIN orders o ON o.customer_id = c.id JOIN cards k ON k.customer_id = c.id ORDER BY o.id, k.id;
-- title: self join through a subquery alias of the same name
SELECT customers.email FROM (SELECT id, email FROM customers WHERE id < 5) AS customers ORDER BY customers.id;
-- title: comment and odd layout
SELECT /* email of everyone */ c . email -- the mail
FROM customers
  AS c ORDER BY c . id;
-- title: view
SELECT id, name, email FROM active_customers ORDER BY id;
-- title: star over a view
SELECT * FROM active_customers ORDER BY id;
-- title: view over a view
SELECT * FROM named_customers ORDER BY id;
-- title: aggregate over a view joined with a table
SELECT v.email, sum(o.total) AS spent FROM active_customers v JOIN orders o ON o.customer_id = v.id GROUP BY v.email ORDER BY 1;
-- title: view without sensitive columns
SELECT * FROM order_totals ORDER BY customer_id;
-- title: view with an aggregate inside
SELECT * FROM mails_per_city ORDER BY 1, 2;
-- title: CTE named like a table that a view reads
WITH customers AS (SELECT 1 AS id, 'x' AS email) SELECT v.id, v.email, c.email FROM active_customers v LEFT JOIN customers c ON c.id = v.id ORDER BY v.id;
-- title: output names of expressions
SELECT id, email || 'x' AS joined, score + 1 AS next FROM employees2 ORDER BY id;
-- title: parenthesised join
SELECT c.email, o.id FROM (customers c JOIN orders o ON o.customer_id = c.id) ORDER BY o.id;
-- title: any row of nobody
SELECT email FROM customers WHERE id = -1;
-- title: null comparisons
SELECT count(*) FROM customers WHERE salary IS NULL AND email IS NOT NULL;
-- title: values beside a table
SELECT c.id, c.phone FROM customers c WHERE (c.id, c.score) IN (SELECT id, score FROM customers2) ORDER BY c.id;
-- title: all and subquery comparison
SELECT id FROM customers WHERE score = (SELECT max(score) FROM customers) ORDER BY id;
-- title: cast of masked columns
SELECT id, CAST(score AS CHAR(10)) AS t FROM customers ORDER BY id;
-- title: select without a table
SELECT 1 AS one, 'customers' AS word;
-- title: generated column beside a table with a masked column of the same name
SELECT g.domain, e.name FROM generated_mails g JOIN employees e ON e.id = g.id ORDER BY e.id;
-- title: text that reads like a column's name
SELECT 'ssn' AS kind, count(*) FROM customers WHERE name <> 'email';
-- title: view with a long list and a comment
SELECT * FROM chosen_customers ORDER BY id;
-- title: exists over a star beside a column
SELECT k.id FROM cards k WHERE EXISTS (SELECT *, o.note FROM orders o WHERE o.customer_id = k.customer_id) ORDER BY k.id;
