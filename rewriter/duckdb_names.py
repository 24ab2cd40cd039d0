"""How DuckDB calls an output column without a name: by the expression as it would write it itself.

An empty DuckDB in memory is asked, which reads no table: the text is parsed and printed, never run.
"""

import functools
import json
from importlib import import_module
from typing import Any


def printed(expression: str) -> str | None:
    """`expression` as DuckDB prints it; None where it cannot be parsed by itself."""
    query = f"SELECT {expression}"
    with _empty_database().cursor() as cursor:
        parsed = cursor.execute("SELECT CAST(json_serialize_sql(CAST(? AS VARCHAR)) AS VARCHAR)", [query]).fetchone()[0]
        if json.loads(parsed)["error"]:
            return None
        text = cursor.execute("SELECT json_deserialize_sql(CAST(? AS JSON))", [parsed]).fetchone()[0]
    return str(text).removeprefix("SELECT ")


@functools.cache
def _empty_database() -> Any:  # noqa: ANN401 -- DuckDB is an optional dependency
    return import_module("duckdb").connect(":memory:", config={"threads": 1})
