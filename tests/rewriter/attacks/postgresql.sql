-- title: table statement
TABLE customers;
-- title: whole row
SELECT c FROM customers c;
-- title: whole row as text
SELECT c::text FROM customers c;
-- title: whole row through a function
SELECT to_jsonb(c), row_to_json(c) FROM customers c;
-- title: function in column notation
SELECT c.to_jsonb FROM customers c;
-- title: field of the whole row
SELECT (c).ssn FROM customers c;
-- title: row in an array
SELECT array_agg(c) FROM customers c;
-- title: query given as text
SELECT query_to_xml('SELECT ssn FROM customers', true, true, '');
-- title: table given as text
SELECT table_to_xml('customers', true, true, '');
-- title: quoted function name
SELECT "query_to_xml"('SELECT ssn FROM customers', true, true, '');
-- title: qualified function name
SELECT pg_catalog.query_to_xml('SELECT ssn FROM customers', true, true, '');
-- title: statistics
SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE tablename = 'customers';
-- title: statistics, qualified
SELECT s.histogram_bounds::text FROM pg_catalog.pg_stats s;
-- title: parent of a partition
SELECT secret FROM events;
-- title: partition
SELECT secret FROM events_b;
-- title: only
SELECT ssn FROM ONLY customers;
-- title: column alias list
SELECT d FROM customers AS c(a, b, cc, d);
-- title: lateral
SELECT l.s FROM orders o, LATERAL (SELECT c.ssn AS s FROM customers c) AS l;
-- title: dollar quotes hide nothing
SELECT ssn, $$ FROM orders $$ FROM customers;
-- title: nested comments
SELECT /* a /* b */ FROM orders */ ssn FROM customers;
-- title: quoted identifiers
SELECT "ssn" FROM "public"."customers";
-- title: other letter case
SELECT SSN FROM CUSTOMERS;
-- title: materialized view
SELECT ssn FROM stored_customers;
-- title: user-defined function that reads the table
SELECT leak();
-- title: user-defined function in FROM
SELECT * FROM leak();
-- title: system column beside the secret
SELECT ctid, ssn FROM customers;
-- title: values in a join
SELECT c.ssn FROM customers c JOIN (VALUES (1), (2)) AS v(id) USING (id);
-- title: distinct on
SELECT DISTINCT ON (ssn) ssn FROM customers;
-- title: data-modifying CTE
WITH gone AS (DELETE FROM customers2 RETURNING ssn) SELECT ssn FROM gone;
-- title: operator with a user-defined function
SELECT 1 === 1;
-- title: CTE in a subquery, named like the table
SELECT ssn FROM (WITH customers AS (SELECT ssn FROM customers) SELECT ssn FROM customers) AS t;
-- title: columns renamed by the alias of a join in brackets
SELECT d FROM (customers CROSS JOIN orders) AS t(a, b, c, d);
-- title: columns renamed by the alias of brackets around brackets
SELECT d FROM ((customers CROSS JOIN orders)) AS t(a, b, c, d);
-- title: columns renamed by the alias of a join that begins with a subquery
SELECT e FROM ((SELECT 1 AS one) AS x CROSS JOIN customers) AS t(a, b, c, d, e);
-- title: whole row of a join in brackets
SELECT t FROM (customers CROSS JOIN orders) AS t;
-- title: function called as an attribute of a value
SELECT (1).leak;
-- title: function called as an attribute of a row
SELECT o.leak FROM orders AS o;
-- title: file read by a function called as an attribute
SELECT ('raw ' || ('PG_VERSION'::text).pg_read_file);
-- title: view over a function that reads the table
SELECT x FROM called;
-- title: view over such a view
SELECT x FROM called_below;
-- title: view over a query given as text
SELECT x FROM exported;
-- title: cast that someone made
SELECT ROW('x')::pair::text;
-- title: cast that someone made, called as a function's own
SELECT quote_literal(ROW('x')::pair);
-- title: cast that someone made, of a column
SELECT 'a' || p FROM pairs;
-- title: check of a domain confirms a value
SELECT 'raw value above', '123-45-6000'::high;
-- title: check of an array's domain
SELECT 'raw value above', '{123-45-6000}'::high[];
-- title: the check of a domain under another
SELECT 'raw value above', '123-45-6000'::higher;
-- title: the check of a domain in a composite type
SELECT 'raw value above', '(123-45-6000)'::heights;
-- title: the check of a domain in a table's row
SELECT 'raw value above', ROW('123-45-6000')::measured;
-- title: the check of a domain in a row of JSON
SELECT 'raw value above', jsonb_populate_recordset(NULL::measured, '[{"height": "123-45-6000"}]');
-- title: the check of a domain that a literal takes from beside it
SELECT 'raw value above', array_append(array_agg(height), '123-45-6000') FROM measured;
-- title: the check of a domain named as text
-- needs: 16
SELECT 'raw value above', 1 WHERE pg_input_is_valid('123-45-6000', 'public.' || 'high');
-- title: a function whose body calls another in column notation
SELECT told(o) FROM orders o;
-- title: a function whose default calls another
SELECT defaulted();
-- title: an aggregate whose steps call another
SELECT leaked(id) FROM orders;
-- title: view over statistics
SELECT * FROM sampled;
-- title: query given as text to a function called as an attribute of a function's alias
SELECT x.ts_stat FROM lower('select array_to_tsvector(array[ssn]) from customers') AS x;
-- title: the same, of a function without an alias
SELECT lower.ts_stat FROM lower('select array_to_tsvector(array[ssn]) from customers');
-- title: the same, quoted, and an output of its name beside it
SELECT x."ts_stat", y.ts_stat FROM unnest(array['select array_to_tsvector(array[ssn]) from customers']) AS x, (SELECT 1 AS ts_stat) AS y;
-- title: function called as an attribute of a function's alias, where some table has a column of its name
SELECT x.leak FROM generate_series(1, 1) AS x;
-- title: function called as an attribute of a table whose column of its name has another name here
SELECT l.leak FROM leaks AS l(other);
-- title: operator that someone made, by the word for it
SELECT 'raw value' FROM pairs WHERE p LIKE 'x';
-- title: check of a range's domain
SELECT 'raw value above', '[123-45-6000,123-45-6000]'::highs;
-- title: check of a domain where a literal becomes what it is compared with
SELECT 'raw value above' FROM kept_lists WHERE h = '{123-45-6000}' IS NULL;
