-- title: string as a table's name
SELECT ssn FROM 'customers';
-- title: string as a column's name
SELECT c.'ssn' FROM customers c;
-- title: brackets
SELECT [ssn] FROM [customers];
-- title: table as an operand
SELECT 'alpha', 'alpha' IN codes WHERE 'alpha' IN codes;
-- title: main qualifier
SELECT ssn FROM main.customers;
-- title: bare column beside an aggregate
SELECT ssn, max(id) FROM customers;
-- title: other letter case
SELECT SsN FROM CUSTOMERS;
-- title: json of the columns
SELECT json_group_array(ssn) FROM customers;
