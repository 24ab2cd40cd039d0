"""What starting `unmask` costs: nothing that the command does not need."""

import subprocess
import sys


def test_most_commands_import_neither_the_rewriter_nor_a_database_toolkit() -> None:
    """They take longer to import than such a command runs."""
    words = "import sys, grants.cli.app; print({'sqlalchemy', 'sqlglot', 'rewriter'} & set(sys.modules) or '')"
    found = subprocess.run([sys.executable, "-c", words], check=True, capture_output=True, text=True)  # noqa: S603 -- our own words
    assert found.stdout.strip() == ""
