-- title: from first
FROM customers;
-- title: whole row
SELECT c FROM customers c;
-- title: whole row by the table's name
SELECT customers FROM customers;
-- title: columns by pattern
SELECT COLUMNS('s.n') FROM customers;
-- title: columns by lambda
SELECT COLUMNS(lambda c: c = 'ssn') FROM customers;
-- title: position
SELECT #4 FROM customers;
-- title: summarize
SUMMARIZE customers;
-- title: summarize in brackets
SELECT min FROM (SUMMARIZE customers);
-- title: query function
SELECT * FROM query('SELECT ssn FROM customers');
-- title: query_table function
SELECT * FROM query_table('customers');
-- title: struct field
SELECT (c).ssn FROM customers c;
-- title: pivot
PIVOT customers ON ssn USING count(*);
-- title: unpivot
UNPIVOT customers ON ssn INTO NAME k VALUE v;
-- title: exclude leaves the rest
SELECT * EXCLUDE (id) FROM customers;
-- title: list
SELECT list(ssn) FROM customers;
-- title: macro that reads the table
SELECT * FROM leak();
-- title: dot method
SELECT ssn.upper() FROM customers;
-- title: RECURSIVE without a union reads the table
WITH RECURSIVE customers AS (SELECT * FROM customers) SELECT ssn FROM customers;
-- title: full qualification
SELECT memory.main.customers.ssn FROM memory.main.customers;
-- title: CTE in a subquery, named like the table
SELECT ssn FROM (WITH customers AS (SELECT ssn FROM customers) SELECT ssn FROM customers) AS t;
-- title: columns renamed by the alias of a table in brackets
SELECT d FROM (customers) AS t(a, b, c, d);
-- title: columns renamed by the alias of a join in brackets
SELECT d FROM (customers JOIN orders ON true) AS t(a, b, c, d);
-- title: number of groups of what a star reads
SELECT 'raw values differ' WHERE EXISTS (SELECT * EXCLUDE (id, manager_id, name) FROM employees GROUP BY ALL OFFSET 1);
-- title: a comment that is a part of a name in backquotes
SELECT 1 `x -- ` , ssn FROM customers;
-- title: a block comment that is a part of a name in backquotes
SELECT 1 `x /* ` , ssn `a` FROM customers -- */;
