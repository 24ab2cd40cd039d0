-- title: from first
FROM customers ORDER BY id;
-- title: from first with select
FROM customers SELECT id, email ORDER BY id;
-- title: exclude
SELECT * EXCLUDE (ssn) FROM customers ORDER BY id;
-- title: replace
SELECT * REPLACE (upper(email) AS email) FROM customers ORDER BY id;
-- title: columns by pattern
SELECT COLUMNS('e.*l') FROM customers ORDER BY id;
-- title: summarize
SELECT column_name, min, max FROM (SUMMARIZE customers) ORDER BY column_name;
-- title: pivot
SELECT * FROM (PIVOT customers ON city USING count(email) GROUP BY born) ORDER BY born;
-- title: group by all
SELECT email, city, count(*) FROM customers GROUP BY ALL ORDER BY ALL;
-- title: qualify
SELECT id, email FROM customers QUALIFY row_number() OVER (PARTITION BY city ORDER BY id) = 1 ORDER BY id;
-- title: struct of the row
SELECT c FROM customers c ORDER BY c.id;
-- title: list aggregates and lambdas
SELECT list(ssn ORDER BY id), list_transform([1, 2], lambda x: x + 1) FROM customers;
-- title: main qualifier
SELECT main.customers.email FROM main.customers ORDER BY id;
-- title: database qualifier
SELECT id, email FROM memory.main.customers ORDER BY id;
-- title: rowid
SELECT rowid, email FROM customers ORDER BY rowid;
-- title: positional join
SELECT a.email, b.email FROM customers a POSITIONAL JOIN employees b ORDER BY a.id, b.id;
-- title: asof join
SELECT o.id, c.email FROM orders o ASOF JOIN customers c ON o.customer_id >= c.id ORDER BY o.id;
-- title: dot method
SELECT email.upper() FROM customers ORDER BY id;
-- title: types
SELECT DISTINCT typeof(email), typeof(born), typeof(salary), typeof(score) FROM customers;
-- title: string slices
SELECT email[1:2], ssn[-4:] FROM customers ORDER BY id;
-- title: unpivot
FROM (UNPIVOT (SELECT id, email, ssn FROM customers) ON email, ssn INTO NAME k VALUE v) ORDER BY ALL;
-- title: generated column over a masked one
SELECT id, domain FROM generated_mails ORDER BY id;
-- title: star with a generated column
SELECT * FROM generated_mails g ORDER BY id;
-- title: columns of everything
SELECT COLUMNS(*) FROM customers ORDER BY id;
-- title: sample of a table
SELECT id, email FROM customers TABLESAMPLE 100% ORDER BY id;
-- title: semi and anti joins
SELECT o.id FROM orders o SEMI JOIN customers c ON c.id = o.customer_id AND c.email LIKE 'b%' ORDER BY o.id;
-- title: values statement
VALUES (1, 'customers'), (2, 'email') ORDER BY 1;
-- title: generated column in another letter case
SELECT DOMAIN, g.Domain, domain FROM generated_mails g ORDER BY id;
-- title: a table called by a string
SELECT customers.email, c.id FROM 'customers' JOIN customers2 c ON c.id = customers.id ORDER BY 2;
-- title: pivot in other words, with an order
PIVOT_WIDER customers ON city USING count(email) GROUP BY ssn ORDER BY ssn LIMIT 2;
-- title: unpivot in other words
SELECT * FROM (PIVOT_LONGER customers2 ON email, ssn INTO NAME what VALUE said) ORDER BY id, what;
-- title: definitions as tables
SELECT d.*, s.column_name FROM (DESCRIBE customers) d JOIN (SHOW customers2) s USING (column_name) ORDER BY ALL;
-- title: tables that there are
SELECT t.name FROM (SHOW TABLES) t JOIN customers c ON c.id = 1 WHERE c.email LIKE '%*%' ORDER BY t.name;
-- title: histogram
SELECT city, histogram(email) FILTER (id > 1) FROM customers GROUP BY city HAVING cardinality(histogram(ssn)) > 0 ORDER BY city;
-- title: percentiles within a group
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY score), percentile_disc(0.5) WITHIN GROUP (ORDER BY ssn) FROM customers2;
-- title: backquotes
SELECT `c`.`email`, `ssn` AS `a b` FROM `customers` c ORDER BY `c`.id;
-- title: two tables of one name, masked in other columns
SELECT parcels.note, main.parcels.id, s.id FROM parcels JOIN shop.parcels s ON s.id = parcels.id WHERE parcels.note > 'n' ORDER BY ALL;
-- title: a set operation by name with brackets
SELECT id, email FROM customers UNION BY NAME (SELECT email, note AS name FROM employees e JOIN orders o ON o.id = e.id + 100) ORDER BY ALL;
-- title: hexadecimal literals
SELECT x'41', email FROM customers WHERE x'4142' <> encode(email) ORDER BY id;
-- title: names that are words of other engines
SELECT map.email AS lock, regexp.id FROM customers AS map JOIN employees regexp ON regexp.id = map.id;
