"""`docs/policy.md` tells the truth: its policies are read, and its examples of masks hold."""

import re
from datetime import date
from pathlib import Path

import pytest

from masking import Email, Mask, Policy, column_type, masked
from masking.names import ColumnName

PAGE = Path(__file__).parents[2] / "docs" / "policy.md"
POLICIES = [
    re.sub(r"^  ", "", block, flags=re.MULTILINE) if block.startswith("  ") else block
    for block in re.findall(r"^ *```yaml\n(.*?)^ *```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
]
EXAMPLES = re.findall(r"^\| `([^|]*)` \| `([^|]*)` \| (NULL|`[^|]*`) \|$", PAGE.read_text(), re.MULTILINE)


@pytest.mark.parametrize("text", POLICIES)
def test_policies_of_the_page_are_read(text: str) -> None:
    """Each example has no fault."""
    Policy.parse(text)


@pytest.mark.parametrize(("form", "before", "after"), EXAMPLES)
def test_examples_of_the_page_hold(form: str, before: str, after: str) -> None:
    """Each row's mask makes of `before` what the row says."""
    mask = Policy.parse(f"columns: {{t.c: {form}}}").mask_of(ColumnName.parse("t.c"))
    assert mask is not None
    value: object = before
    type_ = column_type("postgresql", "text")
    if re.fullmatch(r"-?\d+", before):
        value, type_ = int(before), column_type("postgresql", "integer")
    elif re.fullmatch(r"\d{4}-\d\d-\d\d", before):
        value, type_ = date.fromisoformat(before), column_type("postgresql", "date")
    found = masked(mask, value, type_)
    assert ("NULL" if found is None else f"`{found}`") == after


def test_the_page_has_examples() -> None:
    """The table was found, and every mask but `expression` is in it."""
    assert len(EXAMPLES) > 12
    text = PAGE.read_text()
    assert all(f"**`{kind}`" in text for kind in ("redact", "partial", "email", "hash", "bucket", "expression"))
    assert Email() in _masks()


def _masks() -> list[Mask | None]:
    return [Policy.parse(f"columns: {{t.c: {form}}}").mask_of(ColumnName.parse("t.c")) for form, _, _ in EXAMPLES]
