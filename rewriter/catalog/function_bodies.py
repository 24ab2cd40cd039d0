"""What the functions and operators that someone made on PostgreSQL run, where that can be read as SQL.

A function in SQL is its body; a function that is another name for one of PostgreSQL's own, an aggregate and an operator
are calls of what they run. Whatever else can run (another language, a setting of its own, a planner's support function)
leaves a name without a definition, and so refused.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import LiteralString

from rewriter.catalog.cursors import Row, text
from rewriter.schema import Definition

# What PostgreSQL's own aggregates and operators run is what their callers run anyway, so it is left out of the calls.
_FUNCTIONS: LiteralString = """
SELECT pg_catalog.lower(p.proname), CASE
  WHEN p.prokind = 'a' THEN coalesce((
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(f.proname)
                                 || '(NULL)', ', ')
    FROM pg_catalog.pg_aggregate a
    JOIN pg_catalog.pg_proc f ON f.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
                                           a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn)
    JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
    WHERE a.aggfnoid = p.oid AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_aggregate b WHERE b.aggfnoid::oid < 16384
        AND f.oid IN (b.aggtransfn, b.aggfinalfn, b.aggcombinefn, b.aggserialfn, b.aggdeserialfn, b.aggmtransfn,
                      b.aggminvtransfn, b.aggmfinalfn))), 'true')
  WHEN l.lanname = 'internal' THEN coalesce((
    SELECT pg_catalog.string_agg('pg_catalog.' || pg_catalog.quote_ident(f.proname) || '(NULL)', ', ')
    FROM pg_catalog.pg_proc f WHERE f.oid < 16384 AND f.prolang = p.prolang AND f.prosrc = p.prosrc),
    'unmask_none()') END,
  CASE WHEN l.lanname = 'sql' THEN coalesce({body}, p.prosrc) END,
  pg_catalog.pg_get_expr(p.proargdefaults, 0),
  ARRAY(SELECT pg_catalog.lower(t.typname) FROM pg_catalog.pg_type t
        WHERE t.oid = ANY (p.prorettype || p.proargtypes::oid[] || coalesce(p.proallargtypes, '{{}}'))),
  p.proconfig IS NULL AND p.prosupport::oid < 16384
    AND (p.prokind = 'a' OR (p.prokind IN ('f', 'w') AND l.lanname IN ('sql', 'internal'))),
  EXISTS (SELECT FROM pg_catalog.pg_proc o WHERE o.oid < 16384 AND o.proname = p.proname)
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
JOIN pg_catalog.pg_namespace h ON h.oid = p.pronamespace
WHERE p.oid >= 16384 AND h.nspname <> 'information_schema'
"""

# An operator may run as its commutator or its negator, and, where an index or a sort knows it, what compares for those.
_OPERATORS: LiteralString = """
SELECT 'operator ' || o.oprname, coalesce((
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(f.proname)
                                 || '(NULL)', ', ')
    FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
    WHERE (f.oid IN (SELECT r.oprcode::oid FROM pg_catalog.pg_operator r WHERE r.oid IN (o.oid, o.oprcom, o.oprnegate))
           OR f.oid IN (SELECT s.amproc::oid FROM pg_catalog.pg_amop m
                        JOIN pg_catalog.pg_amproc s ON s.amprocfamily = m.amopfamily
                        WHERE m.amopopr IN (o.oid, o.oprcom, o.oprnegate))
           OR (f.oid IN (o.oprrest, o.oprjoin) AND f.oid >= 16384))
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_operator b WHERE b.oid < 16384 AND b.oprcode = f.oid)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_amproc b WHERE b.amprocfamily < 16384 AND b.amproc = f.oid)), 'true'),
  NULL, NULL,
  ARRAY(SELECT pg_catalog.lower(t.typname) FROM pg_catalog.pg_type t
        WHERE t.oid IN (o.oprleft, o.oprright, o.oprresult)),
  o.oprcode <> 0, false
FROM pg_catalog.pg_operator o WHERE o.oid >= 16384
"""


def function_bodies(version: int) -> str:
    """The query for `definitions`, as a server of the major `version` reads it."""
    body = "pg_catalog.pg_get_function_sqlbody(p.oid)" if version > 13 else "NULL"  # noqa: PLR2004 -- came with 14
    return f"{_FUNCTIONS.format(body=body)} UNION ALL {_OPERATORS}"


def definitions(
    found: Iterable[Row], *, admitted: frozenset[str], user_functions: frozenset[str]
) -> dict[str, Definition]:
    """`Catalog.definitions`. `admitted`: PostgreSQL's own functions that are known to be harmless.

    Overloads of a name are one definition: which of them runs depends on the types of the arguments.
    """
    texts: defaultdict[str, set[str]] = defaultdict(set)
    types: defaultdict[str, set[str]] = defaultdict(set)
    closed: set[str] = set()
    for name, calls, body, defaults, own_types, is_readable, is_overload in found:
        known = text(name)
        types[known].update(text(one) for one in own_types)
        if not is_readable or (is_overload and known not in admitted):
            closed.add(known)
        texts[known].update(_statements(calls, body, defaults))
    return {
        name: Definition(tuple(sorted(texts[name])), frozenset(types[name]))
        for name in (texts.keys() & user_functions) - closed
    }


def _statements(calls: object, body: object, defaults: object) -> Iterator[str]:
    """One statement for each part."""
    if calls is not None:
        yield f"SELECT {text(calls)}"
    if defaults is not None:
        yield f"SELECT {text(defaults)}"
    if body is not None:
        yield _BODY.sub(lambda found: found["one"] or f"SELECT {found['returned']}", text(body).strip())


_BODY = re.compile(r"BEGIN ATOMIC\s+(?P<one>.*)\bEND|RETURN\s+(?P<returned>.*)", re.DOTALL)
"""How PostgreSQL prints a body that it keeps parsed: of one statement, or of an expression."""
