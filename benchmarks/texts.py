"""The statements whose first rewriting is timed, in SQL that all four engines read."""

from collections.abc import Mapping

from benchmarks.schema import WIDE_COLUMNS
from masking.types import Dialect

GRAMMARS: Mapping[Dialect, str] = {
    "postgresql": "postgres",
    "mysql": "mysql",
    "sqlite": "sqlite",
    "duckdb": "duckdb",
}
"""What sqlglot calls each."""

POINT = "SELECT id, name, email FROM customers WHERE id = {id}"
CLEAR = "SELECT id, quantity, total FROM orders WHERE id = {id}"
REPORT = (
    "SELECT c.region, p.sku, count(*) AS orders, sum(o.total) AS total, max(c.email) AS sample FROM customers c"
    " JOIN orders o ON o.customer_id = c.id JOIN products p ON p.id = o.product_id"
    " WHERE c.id < {id} GROUP BY c.region, p.sku ORDER BY total DESC, c.region, p.sku LIMIT 20"
)
"""What is timed warm: `{id}` stands for a bound parameter."""

_TPC_H = (
    # 3, shipping priority
    (
        "select l_orderkey, sum(l_extendedprice * (1 - l_discount)) as revenue, o_orderdate, o_orderpriority"
        " from customer,"
        " sales_order, lineitem where c_mktsegment = 'BUILDING' and c_custkey = o_custkey and l_orderkey = o_orderkey"
        " and o_orderdate < '1995-03-15' and l_shipdate > '1995-03-15' group by l_orderkey, o_orderdate,"
        " o_orderpriority"
        " order by revenue desc, o_orderdate limit 10"
    ),
    # 5, local supplier volume
    (
        "select n_name, sum(l_extendedprice * (1 - l_discount)) as revenue from customer, sales_order,"
        " lineitem, supplier,"
        " nation, world_region where c_custkey = o_custkey and l_orderkey = o_orderkey and l_suppkey = s_suppkey and"
        " c_nationkey = s_nationkey and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'ASIA' and"
        " o_orderdate >= '1994-01-01' and o_orderdate < '1995-01-01' group by n_name order by revenue desc"
    ),
    # 10, returned items
    (
        "select c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) as revenue, c_acctbal, n_name,"
        " c_address, c_phone,"
        " c_comment from customer, sales_order, lineitem, nation where c_custkey = o_custkey and l_orderkey ="
        " o_orderkey and"
        " o_orderdate >= '1993-10-01' and o_orderdate < '1994-01-01' and l_returnflag = 'R' and c_nationkey ="
        " n_nationkey"
        " group by c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment order by revenue desc limit 20"
    ),
    # 22, global sales opportunity
    (
        "select cntrycode, count(*) as numcust, sum(c_acctbal) as totacctbal from (select substring(c_phone, 1, 2) as"
        " cntrycode, c_acctbal from customer where substring(c_phone, 1, 2) in ('13', '31', '23', '29', '30',"
        " '18', '17')"
        " and c_acctbal > (select avg(c_acctbal) from customer where c_acctbal > 0.00 and substring(c_phone, 1, 2) in"
        " ('13', '31', '23', '29', '30', '18', '17')) and not exists (select * from sales_order where o_custkey ="
        " c_custkey)) as custsale group by cntrycode order by cntrycode"
    ),
    # 21, suppliers who kept orders waiting
    (
        "select s_name, s_phone, count(*) as numwait from supplier, lineitem l1, sales_order, nation where s_suppkey ="
        " l1.l_suppkey and o_orderkey = l1.l_orderkey and o_orderstatus = 'F' and l1.l_receiptdate >"
        " l1.l_commitdate and"
        " exists (select * from lineitem l2 where l2.l_orderkey = l1.l_orderkey and l2.l_suppkey <>"
        " l1.l_suppkey) and not"
        " exists (select * from lineitem l3 where l3.l_orderkey = l1.l_orderkey and l3.l_suppkey <> l1.l_suppkey and"
        " l3.l_receiptdate > l3.l_commitdate) and s_nationkey = n_nationkey and n_name = 'SAUDI ARABIA' group"
        " by s_name,"
        " s_phone order by numwait desc, s_name limit 100"
    ),
)


def _year_total(channel: str, prefix: str, customer: str) -> str:
    return (
        f"select cp_customer_sk customer_id, cp_first_name first_name, cp_last_name last_name, cp_email_address email,"
        f" cp_birth_country country, d_year dyear, sum({prefix}_net_paid - {prefix}_net_profit) year_total,"
        f" '{channel[0]}' sale_type from customer_profile, customer_address, {channel}, calendar where cp_customer_sk ="
        f" {customer} and {prefix}_sold_date_sk = d_date_sk and cp_current_addr_sk = ca_address_sk and ca_state in"
        f" ('TN', 'IL', 'GA', 'MO') group by cp_customer_sk, cp_first_name, cp_last_name, cp_email_address,"
        f" cp_birth_country, d_year"
    )


_TPC_DS = (
    # 4 and 11: growth of two channels
    (
        f"with year_total as ({_year_total('store_sales', 'ss', 'ss_customer_sk')} union all"
        f" {_year_total('web_sales', 'ws', 'ws_bill_customer_sk')}) select s2.customer_id, s2.first_name, s2.last_name,"
        " s2.email from year_total s1, year_total s2, year_total w1, year_total w2 where s2.customer_id ="
        " s1.customer_id"
        " and s1.customer_id = w2.customer_id and s1.customer_id = w1.customer_id and s1.sale_type = 's' and"
        " w1.sale_type"
        " = 'w' and s2.sale_type = 's' and w2.sale_type = 'w' and s1.dyear = 2001 and s2.dyear = 2002 and"
        " w1.dyear = 2001"
        " and w2.dyear = 2002 and s1.year_total > 0 and w1.year_total > 0 and case when w1.year_total > 0 then"
        " w2.year_total / w1.year_total else 0.0 end > case when s1.year_total > 0 then s2.year_total /"
        " s1.year_total else"
        " 0.0 end order by s2.customer_id, s2.first_name, s2.last_name, s2.email limit 100"
    ),
    # 23, 46 and the like: the best customers and where they live
    (
        "with best as (select ss_customer_sk, sum(ss_quantity * ss_net_paid) csales from store_sales, calendar where"
        " ss_sold_date_sk = d_date_sk and d_year in (1999, 2000, 2001, 2002) group by ss_customer_sk having"
        " sum(ss_quantity * ss_net_paid) > (select 0.5 * max(total) from (select sum(ss_quantity * ss_net_paid)"
        " total from"
        " store_sales group by ss_customer_sk) t)) select last_name, first_name, city, sum(sales) from (select"
        " cp_last_name"
        " last_name, cp_first_name first_name, ca_city city, ca_street_name street, ws_quantity * ws_net_paid"
        " sales from"
        " web_sales, calendar, customer_profile, customer_address where d_year = 2000 and d_moy = 2 and"
        " ws_sold_date_sk ="
        " d_date_sk and ws_bill_customer_sk in (select ss_customer_sk from best) and ws_bill_customer_sk ="
        " cp_customer_sk"
        " and cp_current_addr_sk = ca_address_sk) x group by last_name, first_name, city order by last_name limit 100"
    ),
    # 67: a window over a roll-up
    (
        "select * from (select d_year, d_qoy, d_moy, cp_last_name, sumsales, rank() over (partition by d_year order by"
        " sumsales desc) rk from (select d_year, d_qoy, d_moy, cp_last_name, sum(coalesce(ss_net_paid *"
        " ss_quantity, 0))"
        " sumsales from store_sales, calendar, customer_profile where ss_sold_date_sk = d_date_sk and ss_customer_sk ="
        " cp_customer_sk and d_moy between 1 and 11 group by d_year, d_qoy, d_moy, cp_last_name) dw1) dw2 where"
        " rk <= 100"
        " order by d_year, d_qoy, d_moy, cp_last_name, sumsales, rk limit 100"
    ),
)


def _orm() -> str:
    columns = ", ".join(f"wide.c{n:03} AS wide_c{n:03}" for n in range(WIDE_COLUMNS))
    return f"SELECT wide.id AS wide_id, {columns} FROM wide WHERE wide.id = 7 AND wide.c001 = 'x'"


def _in_list(length: int) -> str:
    return f"SELECT id, name, email FROM customers WHERE id IN ({', '.join(map(str, range(length)))})"


def _insert(table: str, row: str) -> str:
    rows = ", ".join(row.format(n=n) for n in range(10_000))
    return f"INSERT INTO {table} VALUES {rows}"


COLD: Mapping[str, tuple[str, ...]] = {
    "point select": (POINT.format(id=7),),
    "point select, nothing sensitive": (CLEAR.format(id=7),),
    "report, three tables": (REPORT.format(id=500),),
    "TPC-H, five queries": _TPC_H,
    "TPC-DS, three queries": _TPC_DS,
    "ORM, 200 columns": (_orm(),),
    "IN list of 10": (_in_list(10),),
    "IN list of 1,000": (_in_list(1_000),),
    "INSERT of 10,000 rows": (_insert("orders", "({n}, {n}, 7, 1, {n}.25, '2025-01-17')"),),
}
"""Name → statements, each rewritten as if it came for the first time."""
