"""The shop's tables as SQLAlchemy knows them, and a query with what is shown of it."""

from sqlalchemy import Column, Integer, MetaData, String, Table

METADATA = MetaData()
CUSTOMERS = Table(
    "customers",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(40)),
    Column("email", String(60)),
    Column("ssn", String(11)),
)
ORDERS = Table(
    "orders",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("customer_id", Integer),
    Column("sku", String(20)),
)
MASKED = [(1, "Ada", "[redacted]"), (2, "Grace", "[redacted]")]


READ = "SELECT id, name, email FROM customers ORDER BY id"
