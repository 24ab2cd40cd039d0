"""How hash keys get into a database session, so that they never stand in a statement's text, plan or error.

Expressions name a key by its id; the session holds `Hash.session_key` under that name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from masking.masks import Hash, pseudonym
from masking.policy import Policy
from masking.types import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSecret:
    """One hash key as a session of one dialect needs it before the first statement.

    `name`: of the setting (PostgreSQL, `unmask.k…`), user variable (MySQL, `@unmask_…`), variable (DuckDB) or function
    (SQLite, `unmask_…`). `value`: what to bind, plain ASCII. `function`: on SQLite, where there is no variable, the
    deterministic one-argument function to register under `name`; else None.
    """

    name: str
    value: str = field(repr=False)
    dialect: Dialect
    function: Callable[[object], str | None] | None = field(default=None, repr=False, compare=False)

    def statement(self, placeholder: str) -> str:
        """SQL that sets it, with `value` to be bound to `placeholder` (`%s`, `?`, `$1`), never written in.

        Raises:
            RuntimeError: on SQLite: register `function` instead.
        """
        match self.dialect:
            case "postgresql":
                return f"SELECT pg_catalog.set_config('{self.name}', {placeholder}, false)"
            case "mysql":
                return f"SET {self.name} = {placeholder}"
            case "duckdb":
                return f"SET VARIABLE {self.name} = {placeholder}"
            case "sqlite":
                raise RuntimeError("SQLite has no session variables: register the function")


def secret_name(mask: Hash, dialect: Dialect) -> str:
    """What the key of `mask` is called in a session."""
    prefix = {"postgresql": "unmask.k", "mysql": "@unmask_", "duckdb": "unmask_", "sqlite": "unmask_"}[dialect]
    return prefix + mask.id


def session_secrets(policy: Policy, dialect: Dialect) -> tuple[SessionSecret, ...]:
    """The keys that a session needs for the policy's hash masks, each once."""
    hashes = {mask.id: mask for mask in policy.masks if isinstance(mask, Hash)}
    return tuple(
        SessionSecret(
            name=secret_name(mask, dialect),
            value=mask.session_key,
            dialect=dialect,
            function=_function(mask) if dialect == "sqlite" else None,
        )
        for mask in hashes.values()
    )


def _function(mask: Hash) -> Callable[[object], str | None]:
    def unmask_pseudonym(value: object) -> str | None:
        if value is None:
            return None
        return pseudonym(mask, value if isinstance(value, str | bytes) else str(value))

    return unmask_pseudonym
