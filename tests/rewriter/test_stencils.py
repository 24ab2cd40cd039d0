"""Texts that differ in literals alone share what became of their template: each gets what it would get by itself."""

from contextlib import suppress
from random import Random

import pytest
from sqlalchemy import text

from masking.types import Dialect
from rewriter import acting_as
from rewriter.binding import Binding
from rewriter.errors import StatementRefused
from rewriter.free_literals import MARK, Drawn, are_free, drawn
from rewriter.kinds import StatementKind
from rewriter.prepared import outcome, text_of
from rewriter.proof.statements import statement
from rewriter.proof.vocabulary import vocabulary
from rewriter.rewrite import Terms, rewrite_bound, rewrite_read
from rewriter.rewritten import Rewritten
from rewriter.statement import read_statement
from rewriter.stencils import UNFIT, Stencil, stencil
from tests.rewriter.case_files import cases, statements
from tests.rewriter.hooked import ANA, EMAIL, Shop, shop
from tests.rewriter.test_generated import dialect, shop_trio

__all__ = ["dialect", "shop"]


def _stencil(binding: Binding, apart: Drawn) -> Stencil:
    read = read_statement(apart.template, binding.dialect)
    if not are_free(read, apart.stand_ins):
        return UNFIT
    rewritten = rewrite_read(read, binding, Terms())
    return stencil(rewritten, read, apart, outcome=outcome(rewritten))


def _changed(apart: Drawn, random: Random) -> str:
    """Another text of the template: other numbers and strings, lists of other lengths."""
    changed = apart.template
    for stand_in, value in zip(apart.stand_ins, apart.values, strict=True):
        other = _other(value, random)
        assert changed.count(stand_in) == 1
        changed = changed.replace(stand_in, other)
    return changed


def _other(value: str, random: Random) -> str:
    if value.lower().startswith("in"):
        items = value[value.index("(") + 1 : -1].split(",")
        if items[0].strip().startswith("'"):
            return f"IN ({', '.join(_other(chr(39) * 2, random) for _ in range(random.randint(1, 20)))})"
        return f"in( {', '.join(str(random.randint(0, 99)) for _ in range(random.randint(1, 20)))})"
    if value.startswith(","):
        return value * random.randint(1, 5)
    if value.startswith("'"):
        return random.choice(("''", "'it''s'", "'2025-01-17'", "'%'", "'Zoë'", "'-- x'", "'/*'", "'a, b)'", "'\"'"))
    return str(random.randint(0, 10**9)) + (".75" if "." in value else "")


def test_a_text_by_its_template_is_what_it_would_be_by_itself(
    request: pytest.FixtureRequest,
    dialect: Dialect,
) -> None:
    """Byte for byte, whatever its literals are; and most templates are fit to be shared."""
    random = Random(7)
    with shop_trio(request, dialect) as three:
        words = vocabulary(three.binding, three.values, three.reserved)
        texts = [case.sql for case in statements(dialect, server="")]
        texts += [case.sql for kind in ("common", dialect) for case in cases(f"writes_{kind}", server="")]
        found = [_shared(three.binding, sql, random) for sql in (*texts, *(statement(words, n) for n in range(60)))]
    assert found.count(True) > 4 * found.count(False)
    assert found.count(True) > len(texts) / 4


def _shared(binding: Binding, sql: str, random: Random) -> bool | None:
    """Whether the text's template is fit, and then right; None where there is none."""
    apart = drawn(sql, binding.dialect, is_percent_doubled=False)
    if apart is None:
        return None
    try:
        expected = rewrite_bound(sql, binding)
    except StatementRefused:
        return None
    found = _stencil(binding, apart)
    if found.outcome is None:
        return False
    assert text_of(found.filled(sql, apart.values)) == expected.sql
    other = _changed(apart, random)
    again = drawn(other, binding.dialect, is_percent_doubled=False)
    assert again is not None
    assert again.template == apart.template
    assert text_of(found.filled(other, again.values)) == rewrite_bound(other, binding).sql
    return True


@pytest.mark.parametrize(
    "clause",
    [
        "ORDER BY 2",
        "GROUP BY 1",
        "WHERE a = 'x' 'y'",
        "WHERE a = 'x'\n'y'",
        "WHERE a = E'x'",
        "WHERE a = N'x'",
        "WHERE a = _utf8'x'",
        "WHERE a = x'41'",
        "WHERE a = U&'x'",
        "WHERE a = 'x'::regclass",
        "WHERE a = -- 5\n b",
        "WHERE a = interval '1 day'",
        "WHERE a LIKE 'x' || b",
        "WHERE a->>'x' IS NULL",
        "WHERE f('x', 5) IS NULL",
        "WHERE a = 5e3",
        "WHERE a = 0x5",
        "WHERE a =-5",
        "WHERE a = 5.e",
        "WHERE a IN ('x', 5)",
        "WHERE a IN (b, 5)",
        "WHERE a IN (5, NULL)",
        "WHERE b IN 'x'",
        "WHERE a = 'x\\'",
        'WHERE a = "x"',
        "WHERE 'a = 5' IS NULL /* a = 5 */",
    ],
)
def test_what_may_be_more_than_a_value_stays(clause: str) -> None:
    """Positions, introduced and typed strings, neighbours that go on with a literal, arguments, mixed lists."""
    assert drawn(f"SELECT a FROM t {clause}", "sqlite", is_percent_doubled=False) is None


@pytest.mark.parametrize("value", ["'50%'", "'%s'", "'%%%'", "'%(a)s'"])
def test_what_the_driver_reads_inside_a_string_stays(value: str) -> None:
    """Only a doubled percent sign is one."""
    assert drawn(f"SELECT a FROM t WHERE b = {value}", "sqlite", is_percent_doubled=True) is None
    assert drawn("SELECT a FROM t WHERE b = '50%%'", "sqlite", is_percent_doubled=True) is not None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT offset 'x', b FROM t",
        "SELECT a AND 'x' 'alias' FROM t",
        "SELECT a FROM t WHERE b = 'x' COLLATE nocase",
        "SELECT a FROM t WHERE '\" = 5 \"' = b",
        "SELECT $$ a = 5 $$ FROM t",
        "SELECT [a = 5 ] FROM t",
    ],
)
@pytest.mark.parametrize("engine", ["postgresql", "mysql", "sqlite", "duckdb"])
def test_what_the_parser_does_not_take_for_an_operand_is_not_shared(engine: Dialect, sql: str) -> None:
    """The scan may err; what gate and parser say decides."""
    apart = drawn(sql, engine, is_percent_doubled=False)
    with suppress(StatementRefused):
        assert apart is None or not are_free(read_statement(apart.template, engine), apart.stand_ins)


def test_a_text_that_has_a_stand_in_itself_is_not_shared() -> None:
    """Whatever it stands for: nothing could tell the two apart."""
    assert drawn(f"SELECT {MARK}000 FROM t WHERE a = 5", "sqlite", is_percent_doubled=False) is None
    assert drawn(f"SELECT a FROM t WHERE a = '{MARK}001' AND b = 5", "sqlite", is_percent_doubled=False) is None


@pytest.mark.parametrize(
    ("engine", "item"), [("mysql", "$ssn"), ("mysql", "?"), ("postgresql", ":a"), ("sqlite", "%s")]
)
def test_what_is_no_parameter_of_the_engine_is_none(engine: Dialect, item: str) -> None:
    """MySQL's `$ssn` is a column, which a list of parameters would hide."""
    assert drawn(f"SELECT a FROM t WHERE a IN ({item}, {item})", engine, is_percent_doubled=False) is None


def test_a_list_of_parameters_stays_in_its_place() -> None:
    """One that would stand twice, or within a call, is not shared: parameters keep their number and order."""
    apart = drawn("SELECT a FROM t WHERE a IN (?, ?)", "sqlite", is_percent_doubled=False)
    assert apart is not None
    read = read_statement(apart.template, "sqlite")
    for masked in (f"{apart.template} {apart.template}", apart.template.replace(f"?{MARK}000", f"CONCAT(?{MARK}000)")):
        rewritten = Rewritten(sql=masked, original=apart.template, kind=StatementKind.SELECT, dialect="sqlite")
        assert stencil(rewritten, read, apart, outcome=outcome(rewritten)) is UNFIT
    quoted = f'SELECT a AS "a = {MARK}000" FROM t WHERE a = {MARK}000'
    rewritten = Rewritten(sql=quoted, original=quoted, kind=StatementKind.SELECT, dialect="sqlite")
    apart = Drawn(quoted, (f"{MARK}000",), ("5",))
    assert stencil(rewritten, read_statement(quoted, "sqlite"), apart, outcome=outcome(rewritten)) is UNFIT


def test_texts_of_one_shape_take_one_entry(shop: Shop) -> None:
    """A text has an entry of its own from the second time on; rows are those that its literals ask for."""
    with shop.engine.connect() as connection:
        for number in range(1, 40):
            numbers = ", ".join(map(str, range(1, number)))
            sql = f"SELECT id, email FROM customers WHERE id = {number} OR id IN ({numbers or 'NULL'}) ORDER BY id"
            found = connection.execute(text(sql)).all()
            assert found == [(n, "[redacted]") for n in (1, 2) if n <= number]
        view = shop.installed.hook.schemas.known(connection.connection.dbapi_connection)
        assert view is not None
        before = len(view.statements)
        assert before < 20
        for _ in range(2):
            connection.execute(text("SELECT email FROM customers WHERE id = 77")).all()
        assert len(view.statements) == before + 1


def test_a_reveal_is_recorded_under_its_own_text(shop: Shop) -> None:
    """What a grant shows, it shows in each text of a shape, and each is recorded with its own fingerprint."""
    shop.ledger.grant(ANA, EMAIL)
    texts = [f"SELECT email FROM customers WHERE id IN ({', '.join('1' * n)})" for n in (1, 2, 2, 3)]
    with acting_as(ANA), shop.engine.connect() as connection:
        for sql in texts:
            assert connection.execute(text(sql)).scalar() == "ada@lovelace.example"
    told = [(str(reveal.fingerprint), reveal.statement) for reveal in shop.ledger.reveals]
    read = [shop.installed.explain(sql) for sql in texts]
    assert told == [(one.fingerprint, one.statement) for one in read]
