"""The expression that keeps a stored value where a mask of it is about to be written over it.

`SET email = :e` → `SET email = CASE WHEN :e is the mask of what is stored THEN email ELSE :e END`. A parameter is
named once, in a query of its own, so that positional parameters keep their number and order.
"""

import re
from dataclasses import dataclass

from masking.masks import Email, Partial, Redact
from masking.types import ColumnType, Kind
from rewriter.binding import Binding, BoundColumn, Protected
from rewriter.in_place import mask_in_place, mask_of_value

_MODIFIERS = re.compile(r"\([^()]*\)")


@dataclass(frozen=True, slots=True)
class KeptValue:
    """The guard of one column of a table that the statement calls `qualifier`."""

    column: BoundColumn
    protected: Protected
    qualifier: str
    binding: Binding

    def repeated(self, value: str) -> str:
        """The guarded value, where `value` may stand in several places."""
        return self._case(self.cast(value), stored=self.cast(value))

    def named(self, value: str) -> str:
        """The same of a column or variable that holds the value: MySQL does not mix its collation with the column's."""
        return self._case(self.cast(value), stored=self.plain(value))

    def plain(self, value: str) -> str:
        """`value` of a column or variable as what is stored where nothing is kept."""
        return self._compared(value) if self.binding.dialect == "mysql" else self.cast(value)

    def once(self) -> tuple[str, str]:
        """What comes before a value that stands once, and after it."""
        before, after = self.cast("\x00").split("\x00")
        case = self._case("unmask_new.v", stored=self._compared("unmask_new.v"))
        return f"(SELECT {case} FROM (SELECT {before}", f"{after} AS v) AS unmask_new)"

    def in_list(self) -> tuple[str, str]:
        """The same where no query may stand: in DuckDB's DO UPDATE."""
        before, after = self.cast("\x00").split("\x00")
        case = self._case("unmask_new", stored="unmask_new")
        return f"list_transform([{before}", f"{after}], lambda unmask_new: {case})[1]"

    def assigned(self) -> tuple[str, str]:
        """The same for a value that reads columns, which a query of its own on MySQL does not see.

        A user variable holds it meanwhile: the parts of a CASE are worked out in order.
        """
        variable = "@unmask_new"
        case = self._case(variable, stored=self._compared(variable))
        before, after = case.split(variable, 1)
        return f"{before}({variable} := ", f"){after}"

    @property
    def _type(self) -> ColumnType:
        columns = self.protected.relation.columns
        return next(own.type for own in columns if own.name.lower() == self.column.word)

    def _case(self, value: str, *, stored: str) -> str:
        masked = mask_in_place(self.column, self.protected, qualifier=self.qualifier, binding=self.binding)
        test = self._is_same(value, masked)
        if self._is_telling():
            fixed = mask_of_value(self.column, self.protected, value=value, binding=self.binding)
            test += f" OR {self._compared(value)} = ({fixed})"
        return f"CASE WHEN {test} THEN {self.qualifier}.{self.column.sql} ELSE {stored} END"

    def _is_telling(self) -> bool:
        """Whether what the mask leaves as it is can be nothing but a mask."""
        match self.column.form:
            case Email():
                return True
            case Redact():
                return self._type.kind is Kind.TEXT
            case Partial():
                return "*" in self.column.form.padding
            case _:
                return False

    def cast(self, value: str) -> str:
        """`value` as the column's type, without a length that would cut it in silence."""
        if self.binding.dialect not in ("postgresql", "duckdb"):
            return value
        sql = self._type.sql
        if sql.startswith("character(") or sql == "character":
            sql = "pg_catalog.bpchar"
        return f"CAST({value} AS {_MODIFIERS.sub('', sql) if self._type.kind is not Kind.ENUM else sql})"

    def _compared(self, value: str) -> str:
        """MySQL compares a text with a number as numbers, and two texts only where it is clear by which collation."""
        is_text = self.binding.dialect == "mysql" and self._type.kind in (Kind.TEXT, Kind.ENUM)
        return f"CONVERT({value} USING utf8mb4) COLLATE utf8mb4_bin" if is_text else value

    def _is_same(self, value: str, masked: str) -> str:
        """Whether two values are the same, NULL included."""
        match self.binding.dialect:
            case "mysql":
                return f"{self._compared(value)} <=> {masked}"
            case "sqlite":
                return f"{value} IS {masked}"
            case "postgresql" if self._type.kind in (Kind.OTHER, Kind.JSON):
                # json, xml and points cannot be compared.
                return f"CAST({value} AS text) IS NOT DISTINCT FROM CAST({masked} AS text)"
            case _:
                return f"{value} IS NOT DISTINCT FROM {masked}"
