"""An approver is shown the statement that a request is bound to, on every engine."""

from typing import get_args

import pytest

from grants.cli.shown_statements import is_shown_truly
from grants.records import StatementScope
from masking import Dialect
from rewriter.exactness import exact_hash, shown
from rewriter.fingerprint import fingerprint
from rewriter.statement import read_statement
from tests.rewriter.case_files import statements

CASES = [(dialect, case.sql) for dialect in get_args(Dialect) for case in statements(dialect, server="")]


@pytest.mark.parametrize("dialect", get_args(Dialect))
def test_what_is_bound_is_what_is_shown(dialect: Dialect) -> None:
    """The text alone, unparsed, gives the fingerprint that the hook finds, and shows no other statement's."""
    for sql in [sql for engine, sql in CASES if engine == dialect]:
        text = shown(sql, dialect)
        scope = StatementScope(
            fingerprint=fingerprint(read_statement(sql, dialect)),
            literals="fixed",
            text=text,
            exact=exact_hash(sql, dialect, salt="00"),
        )
        assert is_shown_truly(scope), sql
        assert not is_shown_truly(scope.model_copy(update={"text": f"{text} LIMIT 7"}))
