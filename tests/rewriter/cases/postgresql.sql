-- title: table statement
TABLE customers ORDER BY id;
-- title: schema-qualified column references
SELECT public.customers.email, public.customers.id FROM public.customers ORDER BY public.customers.id;
-- title: group by the primary key
SELECT c.id, c.name, c.email, count(o.id) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER BY c.id;
-- title: group by a name that a list of columns hides
SELECT count(*), id FROM orders JOIN customers AS c (k, l, m) ON c.k < 4 AND orders.id < 103 GROUP BY id ORDER BY id;
-- title: group by the primary key, unqualified
SELECT id, email, ssn FROM customers GROUP BY id ORDER BY id;
-- title: group by the primary key with having and order
SELECT c.name, sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id HAVING c.email LIKE 'a%' ORDER BY c.born, c.id;
-- title: whole row to json
SELECT to_jsonb(c) FROM customers c ORDER BY id;
-- title: whole row is null
SELECT id FROM customers c WHERE c IS NOT NULL ORDER BY id;
-- title: field of the whole row
SELECT (c).ssn FROM customers c ORDER BY id;
-- title: count of the whole row
SELECT count(c) FROM customers c;
-- title: whole row text
SELECT c::text FROM customers c ORDER BY id;
-- title: only
SELECT id, email FROM ONLY customers ORDER BY id;
-- title: only, in brackets
SELECT c.id, c.email, e.secret FROM ONLY (customers) c LEFT JOIN ONLY (public.events_a) AS e ON e.id = c.id ORDER BY 1;
-- title: only, in brackets after TABLE
TABLE ONLY (customers) ORDER BY id;
-- title: tablesample
SELECT id, email FROM customers TABLESAMPLE BERNOULLI (100) REPEATABLE (1) ORDER BY id;
-- title: aliased tablesample
SELECT c.id, c.email FROM customers AS c TABLESAMPLE SYSTEM (100) WHERE c.id > 2 ORDER BY c.id;
-- title: column alias list
SELECT a, b FROM employees AS e(a, m, n, b) ORDER BY a;
-- title: system column
SELECT id, email, tableoid::regclass::text FROM customers ORDER BY id;
-- title: lateral
SELECT c.id, l.email FROM customers c CROSS JOIN LATERAL (SELECT e.email FROM employees e WHERE e.id = c.id) AS l ORDER BY c.id;
-- title: distinct on
SELECT DISTINCT ON (email) email, id FROM customers ORDER BY email, id;
-- title: filter clause
SELECT count(*) FILTER (WHERE email LIKE 'a%') AS a, string_agg(ssn, ',' ORDER BY id) FROM customers;
-- title: array subquery and any
SELECT ARRAY(SELECT ssn FROM customers ORDER BY id) AS a, 'x' = ANY(ARRAY(SELECT email FROM customers)) AS b;
-- title: casts and operators
SELECT id, born::text, email ~ '^a', ssn ~~ '***%', created::date, score::numeric(5,1), born + 1 FROM customers ORDER BY id;
-- title: type of a masked column
SELECT DISTINCT pg_typeof(email)::text, pg_typeof(born)::text, pg_typeof(salary)::text, pg_typeof(score)::text FROM customers;
-- title: for update
SELECT id, email FROM customers WHERE id = 1 FOR UPDATE;
-- title: for update of an alias, skip locked
SELECT c.id, c.email FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY o.id FOR UPDATE OF c SKIP LOCKED;
-- title: rollup over a mask
SELECT email, city, count(*) FROM customers GROUP BY ROLLUP (email, city) ORDER BY 1, 2;
-- title: grouping sets
SELECT born, city, count(*) FROM customers GROUP BY GROUPING SETS ((born), (city), ()) ORDER BY 1, 2;
-- title: full join
SELECT c.id, e.email FROM customers c FULL JOIN employees e ON e.id = c.id + 8 ORDER BY 1, 2;
-- title: table in a partition hierarchy
SELECT id, secret, kind FROM events ORDER BY id;
-- title: a partition itself
SELECT id, secret FROM events_a ORDER BY id;
-- title: set-returning function beside a table
SELECT c.id, g.n, c.phone FROM customers c, generate_series(1, 2) AS g(n) WHERE c.id < 3 ORDER BY 1, 2;
-- title: materialized CTE
WITH c AS MATERIALIZED (SELECT * FROM customers) SELECT email FROM c ORDER BY id;
-- title: CTE reads the table that it is named after
WITH customers AS (SELECT id, email FROM customers) SELECT email FROM customers ORDER BY id;
-- title: json building
SELECT json_build_object('mail', email, 'ssn', ssn) FROM customers ORDER BY id;
-- title: json aggregate of rows
SELECT json_agg(c ORDER BY id) FROM customers c;
-- title: values lists
SELECT v.n, c.email FROM (VALUES (1), (2)) AS v(n) JOIN customers c ON c.id = v.n ORDER BY 1;
-- title: dollar quotes and escape strings
SELECT id FROM customers WHERE name <> $$O'Brien$$ AND email <> E'a\'b' ORDER BY id;
-- title: extract and intervals
SELECT extract(year FROM born), born + interval '1 day', date_trunc('month', created), age(born, DATE '1970-01-01') FROM customers ORDER BY id;
-- title: other schema
SELECT p.id, p.born, p.name FROM crm.people p ORDER BY id;
-- title: other schema unaliased
SELECT crm.people.born FROM crm.people ORDER BY crm.people.id;
-- title: quoted identifiers with capitals
SELECT "Secret Code", "id" FROM "Odd Table" ORDER BY "id";
-- title: enum and uuid and json columns
SELECT id, mood, token, payload FROM things ORDER BY id;
-- title: generated table expression with ordinality
SELECT c.email, u.x, u.n FROM customers c CROSS JOIN unnest(ARRAY['a', 'b']) WITH ORDINALITY AS u(x, n) WHERE c.id = 1 ORDER BY 3;
-- title: row comparison and row constructor
SELECT id, ROW(id, email) FROM customers WHERE ROW(id, email) > ROW(3, 'a') ORDER BY id;
-- title: within group
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY score) FROM customers;
-- title: intersect all and except all
SELECT email FROM customers INTERSECT ALL SELECT email FROM customers2 ORDER BY 1;
-- title: limit with ties
SELECT id, score FROM customers ORDER BY score FETCH FIRST 3 ROWS WITH TIES;
-- title: two tables of one name, aliased
SELECT a.email, b.email FROM public.customers a JOIN crm.customers b ON a.id = b.id ORDER BY a.id;
-- title: domain column
SELECT id, code FROM things ORDER BY id;
-- title: unnamed scalar subquery
SELECT o.id, (SELECT c.name FROM customers c WHERE c.id = o.customer_id AND c.score > 0) FROM orders o ORDER BY o.id;
-- title: a function in column notation reads the whole row
SELECT c.row_to_json FROM customers c ORDER BY c.id;
-- title: a name longer than the engine keeps
SELECT a.sixty_three_characters_long_column_name_for_the_secret_of_a_person_and_more_of_it FROM long_names a ORDER BY a.id;
-- title: generated column over a masked one
SELECT id, domain FROM generated_mails ORDER BY id;
-- title: star with a generated column
SELECT * FROM generated_mails g ORDER BY id;
-- title: whole rows with a star as arguments
SELECT coalesce(c.*), pg_typeof(c.*)::text, row(c.*) FROM customers c ORDER BY id;
-- title: whole rows with a star, gathered
SELECT array_agg(c.* ORDER BY id), count(c.*) FROM customers c;
-- title: whole rows with a star of an outer join
SELECT o.id, to_jsonb(c.*) FROM orders o LEFT JOIN customers c ON c.id = o.customer_id + 6 ORDER BY o.id;
-- title: functions that depend on their arguments alone
SELECT float4send(1), hashtext(email), namelike(name::name, 'A%'), int4pl(id, 1) FROM customers ORDER BY id;
-- title: strings with Unicode escapes
SELECT U&'d\0061t', U&'d!0061t' UESCAPE '!', email FROM customers ORDER BY id;
-- title: arrays of names of types
SELECT ARRAY['text', 'int']::regtype[]::text, email FROM customers ORDER BY id;
-- title: seconds of an interval, and names of types as functions
SELECT '1.234567'::interval second(2), regtype('int')::text, ssn FROM customers ORDER BY id;
-- title: scale below zero
-- needs: 15
SELECT 1234::numeric(3, -2), phone FROM customers ORDER BY id;
-- title: star beside the system columns of every row
SELECT tableoid::regclass::text, ctid IS NULL, * FROM customers ORDER BY id;
-- title: view over a partition hierarchy and one of its members
SELECT * FROM event_kinds ORDER BY 1;
-- title: whole row as a column
SELECT c FROM customers c ORDER BY c.id;
-- title: whole row is null on the nullable side
SELECT o.id FROM orders o LEFT JOIN customers c ON c.id = o.customer_id AND c.id > 3 WHERE c IS NULL ORDER BY o.id;
-- title: values statement
VALUES (1, 'customers'), (2, 'email') ORDER BY 1;
-- title: table functions and rows from
SELECT r.n, c.email FROM ROWS FROM (generate_series(1, 3)) AS r(n) JOIN customers c ON c.id = r.n ORDER BY 1;
-- title: rows from functions beside a table
SELECT c.id, x.a, x.b FROM customers c, LATERAL ROWS FROM (unnest(string_to_array(c.email, '@')), generate_series(1, c.id % 2)) AS x(a, b) ORDER BY c.id, x.a, x.b;
-- title: operators with their schema
SELECT OPERATOR(pg_catalog.-) id, OPERATOR(pg_catalog.@) c.score, email OPERATOR(pg_catalog.~) '^a' FROM customers c WHERE c.ssn OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT ssn FROM customers)) ORDER BY id;
-- title: an object of distinct pairs
SELECT jsonb_object_agg(DISTINCT ssn, email), json_object_agg(DISTINCT id, ssn) FROM customers WHERE ssn IS NOT NULL;
-- title: functions and operators that someone made of what is harmless
SELECT c.id, order_count(c.id), joined(c.ssn ORDER BY c.ssn), c.email === 'x' FROM customers c GROUP BY c.id ORDER BY c.id;
-- title: numbers in other bases
-- needs: 16
SELECT id + 0x1F, 0b1_01, 0o17, 1_000, 1_000.000_1, 1e1_0, score FROM customers WHERE score < 1_000_000 GROUP BY 0x1, 2, 3, 4, 5, 6, 0x7 ORDER BY 1 LIMIT 0x3;
-- title: indented XML
-- needs: 16
SELECT xmlserialize(DOCUMENT xmlelement(NAME a, xmlelement(NAME b, email)) AS text INDENT), xmlserialize(CONTENT xmlelement(NAME a, ssn) AS text NO INDENT) FROM customers ORDER BY id;
-- title: Unicode's normal forms
SELECT id, email IS NFC NORMALIZED, ssn IS NOT NFKD NORMALIZED, name IS NORMALIZED FROM customers ORDER BY id;
-- title: the session's own time zone
-- needs: 17
SELECT id, created AT LOCAL FROM customers ORDER BY id;
-- title: a view called like a function
SELECT count(*), count(email), count.email FROM count GROUP BY count.email ORDER BY 3;
-- title: a function called like a view
SELECT count(*), count(DISTINCT email), min(ssn) FROM customers;
-- title: view with operators of full-text search and geometry
SELECT * FROM found_customers ORDER BY id;
-- title: group by the primary key, with a jsonb column
SELECT id, payload, count(*) FROM things GROUP BY id ORDER BY id;
-- title: columns of JSON_TABLE
-- needs: 17
SELECT c.id, j.ssn, c.ssn FROM customers c, JSON_TABLE(json_build_array(c.email)::jsonb, '$[*]' COLUMNS (ssn text PATH '$')) AS j WHERE c.id < 4 ORDER BY 1;
-- title: any value, and JSON's constructors
-- needs: 16
SELECT any_value(email) AS e, JSON_ARRAYAGG(ssn ORDER BY id) AS a, JSON_OBJECT('k': max(phone)) AS o FROM customers WHERE id < 4;
-- title: values out of JSON
-- needs: 17
SELECT JSON_VALUE(to_jsonb(c), '$.ssn' RETURNING text DEFAULT 'x' ON EMPTY), JSON_QUERY(to_jsonb(c), '$.email' WITH WRAPPER), JSON_EXISTS(to_jsonb(c), '$.phone'), n.* FROM customers c CROSS JOIN LATERAL JSON_TABLE(to_jsonb(c), '$' COLUMNS (n FOR ORDINALITY, ssn text, NESTED PATH '$.email' COLUMNS (e text PATH '$'))) n ORDER BY c.id;
-- title: an alias over the columns of USING, and a search order
-- needs: 14
WITH RECURSIVE t(id, email) AS (SELECT id, email FROM employees WHERE manager_id IS NULL UNION ALL SELECT e.id, e.email FROM employees e JOIN t ON e.manager_id = t.id) SEARCH DEPTH FIRST BY id SET o CYCLE id SET is_cycle USING p SELECT t.id, t.email, u.email AS e FROM t LEFT JOIN (customers c JOIN customers2 d USING (id, email) AS u) ON u.id = t.id ORDER BY o;
-- title: a query without an alias
-- needs: 16
SELECT email FROM (SELECT email FROM customers) ORDER BY 1;
