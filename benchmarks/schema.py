"""The tables and the policy that every part of the benchmarks uses: a shop, a wide table, and TPC-like ones."""

from sqlalchemy import Connection, text

from masking import Policy

CUSTOMERS = 1_000
"""Rows in `customers`; `orders` has three for each."""

ANA = "ana@shop.example"
"""Who holds the grants."""

_POLICY = """
columns:
  customers.email: {mask: email, tags: [pii]}
  customers.phone: {mask: redact, tags: [pii]}
  customers.ssn: {mask: {partial: {prefix: 0, padding: "***-**-", suffix: 4}}, tags: [pii]}
  wide.c007: redact
  wide.c100: redact
  customer.c_phone: redact
  customer.c_name: redact
  supplier.s_phone: redact
  customer_address.ca_street_name: redact
  customer_profile.cp_email_address: email
"""

_PEOPLE = """
people:
  {name}: {{groups: [support], key: "{key}"}}
approval:
  - {{scope: "tag:pii", auto: true, max_duration: 8h}}
"""

POLICY = Policy.parse(_POLICY)


def policy_with(key: str) -> Policy:
    """The same policy, under which whoever holds the public key `key` is granted what she asks for."""
    return Policy.parse(_POLICY + _PEOPLE.format(name=ANA, key=key))


WIDE_COLUMNS = 200

_TABLES = {
    "customers": "id INTEGER PRIMARY KEY, name VARCHAR(60), email VARCHAR(80), phone VARCHAR(20), ssn VARCHAR(11),"
    " region INTEGER, created DATE",
    "orders": "id INTEGER PRIMARY KEY, customer_id INTEGER, product_id INTEGER, quantity INTEGER, total DECIMAL(12,2),"
    " placed DATE",
    "products": "id INTEGER PRIMARY KEY, sku VARCHAR(20), price DECIMAL(12,2)",
    "wide": "id INTEGER PRIMARY KEY, " + ", ".join(f"c{n:03} VARCHAR(8)" for n in range(WIDE_COLUMNS)),
    "customer": "c_custkey INTEGER, c_name VARCHAR(25), c_address VARCHAR(40), c_nationkey INTEGER, c_phone"
    " VARCHAR(15),"
    " c_acctbal DECIMAL(12,2), c_mktsegment VARCHAR(10), c_comment VARCHAR(117)",
    "supplier": "s_suppkey INTEGER, s_name VARCHAR(25), s_address VARCHAR(40), s_nationkey INTEGER, s_phone"
    " VARCHAR(15),"
    " s_acctbal DECIMAL(12,2), s_comment VARCHAR(101)",
    "lineitem": "l_orderkey INTEGER, l_partkey INTEGER, l_suppkey INTEGER, l_quantity DECIMAL(12,2),"
    " l_extendedprice DECIMAL(12,2), l_discount DECIMAL(12,2), l_tax DECIMAL(12,2), l_returnflag VARCHAR(1),"
    " l_linestatus VARCHAR(1), l_shipdate DATE, l_commitdate DATE, l_receiptdate DATE",
    "sales_order": "o_orderkey INTEGER, o_custkey INTEGER, o_orderstatus VARCHAR(1), o_totalprice DECIMAL(12,2),"
    " o_orderdate DATE, o_orderpriority VARCHAR(15)",
    "nation": "n_nationkey INTEGER, n_name VARCHAR(25), n_regionkey INTEGER",
    "world_region": "r_regionkey INTEGER, r_name VARCHAR(25)",
    "customer_profile": "cp_customer_sk INTEGER, cp_first_name VARCHAR(20), cp_last_name VARCHAR(30),"
    " cp_email_address VARCHAR(50), cp_current_addr_sk INTEGER, cp_birth_country VARCHAR(20)",
    "customer_address": "ca_address_sk INTEGER, ca_street_name VARCHAR(60), ca_city VARCHAR(60), ca_state VARCHAR(2),"
    " ca_country VARCHAR(20)",
    "store_sales": "ss_sold_date_sk INTEGER, ss_item_sk INTEGER, ss_customer_sk INTEGER, ss_store_sk INTEGER,"
    " ss_quantity INTEGER, ss_net_paid DECIMAL(12,2), ss_net_profit DECIMAL(12,2)",
    "web_sales": "ws_sold_date_sk INTEGER, ws_item_sk INTEGER, ws_bill_customer_sk INTEGER, ws_quantity INTEGER,"
    " ws_net_paid DECIMAL(12,2), ws_net_profit DECIMAL(12,2)",
    "calendar": "d_date_sk INTEGER, d_year INTEGER, d_moy INTEGER, d_qoy INTEGER",
}

_INDEX = "CREATE INDEX orders_by_customer ON orders (customer_id)"


def fill(connection: Connection) -> None:
    """Create every table in an empty database, with rows in those of the shop."""
    for name, columns in _TABLES.items():
        connection.execute(text(f"CREATE TABLE {name} ({columns})"))
    connection.execute(text(_INDEX))
    for statement in (*_customers(), *_orders()):
        connection.execute(text(statement))
    connection.commit()


def _customers() -> list[str]:
    rows = [
        f"({n}, 'Customer {n}', 'person{n}@mail{n % 7}.example', '+49 30 {n:07}', '{n % 900:03}-22-{n:04}',"
        f" {n % 12}, '2024-0{n % 9 + 1}-11')"
        for n in range(CUSTOMERS)
    ]
    products = [f"({n}, 'SKU-{n}', {n}.50)" for n in range(50)]
    return [f"INSERT INTO customers VALUES {', '.join(rows)}", f"INSERT INTO products VALUES {', '.join(products)}"]


def _orders() -> list[str]:
    rows = [
        f"({n}, {n % CUSTOMERS}, {n % 50}, {n % 5 + 1}, {n}.25, '2025-0{n % 9 + 1}-17')" for n in range(3 * CUSTOMERS)
    ]
    return [f"INSERT INTO orders VALUES {', '.join(rows)}"]
