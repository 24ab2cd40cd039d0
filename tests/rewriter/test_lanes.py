"""Statements share what became of them only where they are rewritten alike."""

from sqlalchemy import Row, create_engine, text
from sqlalchemy.pool import StaticPool

from masking import Policy
from rewriter import acting_as, install
from tests.rewriter.hooked import Ledger

POLICY = Policy.parse(
    'columns: {notes.body: {mask: {expression: "CASE WHEN author = :principal THEN {column} ELSE NULL END"}}}'
)


def test_a_mask_that_depends_on_the_principal_is_everybodys_own() -> None:
    """The same text on one engine shows each what is theirs, whoever came first, with and without grants."""
    for ledger in (None, Ledger()):
        engine = create_engine("sqlite://", poolclass=StaticPool)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE notes (author TEXT, body TEXT)"))
            connection.execute(text("INSERT INTO notes VALUES ('ana', 'of ana'), ('bo', 'of bo')"))
        install(engine, policy=POLICY, grants=ledger)

        def read(name: str) -> list[Row[tuple[str, str | None]]]:
            with acting_as(name), engine.connect() as connection:  # noqa: B023 -- called at once
                return list(connection.execute(text("SELECT author, body FROM notes ORDER BY author")))

        for name in ("ana", "bo", "cy", "ana"):
            assert read(name) == [(one, f"of {one}" if one == name else None) for one in ("ana", "bo")]
        engine.dispose()
