"""What the suite may ask of a database: everything. What an engine lacks fails without the hook as well."""

from typing import Any

from sqlalchemy.testing import config
from sqlalchemy.testing import exclusions as untyped
from sqlalchemy.testing.requirements import SuiteRequirements

_LACKING = {
    "sqlite": """
        comment_reflection cross_schema_fk_reflection identity_columns_standard implicitly_named_constraints
        independent_connections materialized_views reflect_indexes_with_expressions savepoints sequences
        """,
    "postgresql": "computed_columns_virtual materialized_views_reflect_pk",
    "mariadb": "identity_columns_standard materialized_views reflects_pk_names temp_table_names temporary_views",
}
"""Features that tests build on where they think that there are some: without them all of a class would fail."""
_NOWHERE = frozenset({"denormalized_names", "materialized_views_reflect_pk"})


exclusions: Any = untyped


def _is_closed(rule: object) -> bool:
    """Whether it says of no database that it has the feature: what a new dialect has to open."""
    return isinstance(rule, exclusions.compound) and any(
        isinstance(skip, exclusions.BooleanPredicate) and skip.value for skip in rule.skips
    )


class Requirements(SuiteRequirements):
    """SQLAlchemy's rules for a new dialect, with everything open but what is lacking."""

    def __getattribute__(self, name: str) -> Any:
        """The rule of that name."""
        found = super().__getattribute__(name)
        if not isinstance(found, exclusions.compound):
            return found
        database: Any = config.db
        lacking = _LACKING["mariadb" if database.name == "mysql" else database.name].split()
        if name in lacking or name in _NOWHERE:
            return exclusions.closed()
        return exclusions.open() if _is_closed(found) else found
