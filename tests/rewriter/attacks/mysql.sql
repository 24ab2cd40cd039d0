-- title: executable comment
SELECT id /*!, ssn */ FROM customers;
-- title: MariaDB's executable comment
-- except: MySQL
SELECT id /*M!, ssn */ FROM customers;
-- title: backquotes
SELECT `ssn` FROM `customers`;
-- title: user variable
SELECT @x := ssn FROM customers;
-- title: other letter case
SELECT SSN FROM customers;
-- title: hash comment with a quote
SELECT ssn # it's
FROM customers;
-- title: minus minus without a blank
SELECT ssn, 5--1 FROM customers;
-- title: backslash in a string
SELECT ssn, 'a\' FROM orders -- ' FROM customers;
-- title: group_concat
SELECT group_concat(ssn) FROM customers;
-- title: stored function
SELECT leak();
-- title: outer CTE forgotten inside an inner WITH
-- except: MySQL
WITH customers AS (SELECT 'x' AS ssn) SELECT * FROM (WITH u AS (SELECT ssn FROM customers) SELECT ssn FROM u) AS q;
-- title: for update
SELECT ssn FROM customers FOR UPDATE;
-- title: index hint
SELECT ssn FROM customers USE INDEX (PRIMARY);
-- title: CTE in a subquery, named like the table
SELECT ssn FROM (WITH customers AS (SELECT ssn FROM customers) SELECT ssn FROM customers) AS t;
-- title: DESCRIBE of a query prints cells that it read beforehand
DESCRIBE FORMAT=JSON SELECT * FROM customers c, orders o WHERE c.id = 1 AND o.note = c.ssn;
-- title: view over a stored function
SELECT x FROM called;
-- title: another name of a unique number
SELECT _rowid FROM badges;
-- title: another name of a unique number, qualified
SELECT holder, badges._rowid FROM badges;
-- title: a default that reads the row
-- except: MySQL
SELECT DEFAULT(receipt) FROM receipts;
-- title: a default that reads the row, through a query's own name
-- except: MySQL
SELECT DEFAULT(r) FROM (SELECT receipt AS r FROM receipts) q;
-- title: a view of a default that reads the row
-- except: MySQL
SELECT * FROM read_receipts;
-- title: XML made of a cell
SELECT extractvalue(concat('<a>', ssn, '</a>'), '/a') FROM customers;
-- title: XML changed to a cell
SELECT updatexml('<a>1</a>', '/a', concat('<a>', ssn, '</a>')) FROM customers;
-- title: a lock named after a cell
SELECT if(is_free_lock(concat('unmask ', ssn)), 'raw ', '') FROM customers WHERE ssn LIKE '123%';
-- title: a dynamic column made of a cell
-- except: MySQL
SELECT column_json(column_create('k', ssn AS char)) FROM customers;
-- title: a dynamic column made of a query
-- except: MySQL
SELECT column_json(column_create('k', (SELECT max(ssn) FROM customers) AS char));
