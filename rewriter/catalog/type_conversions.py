"""What PostgreSQL runs, unasked, where a value becomes of a type: checks of domains, casts that someone made."""

from collections import defaultdict
from collections.abc import Iterable

from rewriter.catalog.cursors import Row, text
from rewriter.functions.postgresql import PURE_EXTENSIONS

# What runs where a value becomes a type: the checks of domains, and casts that someone made. A domain's checks run for
# every type that holds it: domains over it, arrays, ranges, rows of tables and views (a literal beside a column becomes
# of its type without naming it). PostgreSQL's own functions cast to text, so a value's own type counts as well, and a
# table with such a column. An empty name stands for casts that may happen to any value, `=` for those that happen where
# one is stored.
CONVERSIONS = """
WITH RECURSIVE holding AS (
  SELECT contypid AS type, pg_catalog.pg_get_expr(conbin, 0) AS expression
  FROM pg_catalog.pg_constraint WHERE contypid >= 16384 AND conbin IS NOT NULL
  UNION
  SELECT t.oid, h.expression FROM holding h CROSS JOIN LATERAL (
    SELECT b.oid FROM pg_catalog.pg_type b WHERE b.typbasetype = h.type
    UNION ALL SELECT e.oid FROM pg_catalog.pg_type e WHERE e.typelem = h.type
    UNION ALL SELECT c.reltype FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    WHERE a.atttypid = h.type AND a.attnum > 0
    UNION ALL SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngsubtype = h.type
    UNION ALL SELECT (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::oid FROM pg_catalog.pg_range r
    WHERE r.rngtypid = h.type) AS t (oid))
SELECT pg_catalog.lower(t.typname), '', h.expression, NULL
FROM holding h JOIN pg_catalog.pg_type t ON t.oid = h.type
UNION ALL
SELECT pg_catalog.lower(w.word), w.spoken, pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.',
                                                           pg_catalog.quote_ident(p.proname), '(NULL)'), e.extname
FROM pg_catalog.pg_cast k JOIN pg_catalog.pg_proc p ON p.oid = k.castfunc
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
CROSS JOIN LATERAL (
  SELECT t.typname, pg_catalog.split_part(pg_catalog.format_type(t.oid, NULL), ' ', 1) FROM pg_catalog.pg_type t
  WHERE t.oid = k.casttarget OR (t.oid = k.castsource AND t.oid >= 16384)
  UNION ALL
  SELECT c.relname, '' FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  WHERE a.atttypid = k.castsource AND k.castsource >= 16384
  UNION ALL SELECT '', '' WHERE k.castcontext = 'i' OR (k.castsource < 16384 AND k.casttarget < 16384)
  UNION ALL SELECT '=', '' WHERE k.castcontext = 'a') AS w (word, spoken)
LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
     AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
WHERE p.oid >= 16384
"""


def conversions(found: Iterable[Row]) -> dict[str, frozenset[str]]:
    """`Catalog.conversions`: a type is known by its own name, by its array's, and by those of the standard."""
    made: defaultdict[str, set[str]] = defaultdict(set)
    for name, spoken, expression, extension in found:
        if extension is not None and text(extension) in PURE_EXTENSIONS:
            continue
        words = {text(name)}
        if spoken or name not in ("", "="):
            words |= {f"_{text(name)}", text(spoken), *_OTHER_NAMES.get(text(spoken), ())} - {""}
        for word in words:
            made[word].add(text(expression))
    return {word: frozenset(expressions) for word, expressions in made.items()}


_OTHER_NAMES = {
    "integer": ("int",),
    "numeric": ("decimal", "dec"),
    "double": ("float",),
    "character": ("char", "nchar", "national"),
}
"""Standard SQL's names for types beside the one that `format_type` prints."""
