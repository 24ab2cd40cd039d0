"""The part of the check that says where the stored value of a column can only be stored again where it comes from."""

from sqlglot import exp

_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


def goes_back(column: exp.Column, *, is_null_known: bool) -> bool:
    """Whether the value of a reference can only be stored where it comes from.

    `is_null_known`: anyone may know where it is NULL.
    """
    child: exp.Expr = column
    above = column.parent
    place = (0, 1)
    while above is not None:
        match above:
            case exp.Coalesce():
                is_value = is_null_known or child is (above.this, *above.expressions)[-1]
            case exp.Paren() | exp.Case() | exp.Subquery() | exp.Alias():
                is_value = child.arg_key in ("this", "expressions", "default", "ifs")
                is_value = is_value and not (isinstance(above, exp.Case) and child.arg_key == "this")
            case exp.If():
                is_value = child.arg_key == "true" or (
                    child.arg_key == "false" and not isinstance(above.parent, exp.Case)
                )
            case exp.Lambda():
                is_value = child.arg_key == "this" and isinstance(above.parent, exp.Transform)
            case exp.Transform():
                is_value = child is above.expression and isinstance(above.parent, exp.Bracket)
            case exp.Bracket():
                is_value = child is above.this and len(above.expressions) == 1
            case exp.Select():
                is_value = child.arg_key == "expressions" and place == (0, 1)
                place = _place(child, above) if is_value else place
            case exp.Tuple() | exp.Anonymous():
                return _is_own_of_list(column, above, child)
            case exp.EQ():
                assigned = _assigned_at(above, place) if child is above.expression else None
                return assigned is not None and _is_own(column, above, assigned)
            case _:
                return False
        if not is_value:
            return False
        child, above = above, above.parent
    return False


def _place(output: exp.Expr, query: exp.Select) -> tuple[int, int]:
    """Which of how many outputs it is."""
    return next(at for at, other in enumerate(query.expressions) if other is output), len(query.expressions)


def _assigned_at(equation: exp.EQ, place: tuple[int, int]) -> exp.Column | None:
    """The column that gets the value at `place` of a row: which of how many."""
    names = equation.this.expressions if isinstance(equation.this, exp.Tuple) else [equation.this.unnest()]
    is_fit = _is_assignment(equation) and len(names) == place[1]
    return names[place[0]] if is_fit and isinstance(names[place[0]], exp.Column) else None


def _is_assignment(equation: exp.EQ) -> bool:
    return isinstance(equation.parent, exp.Update | exp.OnConflict) and equation.arg_key == "expressions"


def _is_own_of_list(column: exp.Column, row: exp.Expr, value: exp.Expr) -> bool:
    """Whether a reference, the `value` in a row, means the column that the row's list assigns at its place."""
    equation = row.parent
    if not isinstance(equation, exp.EQ) or not _is_assignment(equation) or row is not equation.expression:
        return False
    is_row = isinstance(row, exp.Tuple) or row.name.lower() == "row"
    names = equation.this.expressions if isinstance(equation.this, exp.Tuple) else []
    places = [at for at, each in enumerate(row.expressions) if each is value]
    is_placed = is_row and len(names) == len(row.expressions) and len(places) == 1
    return is_placed and isinstance(names[places[0]], exp.Column) and _is_own(column, equation, names[places[0]])


def _is_own(column: exp.Column, equation: exp.EQ, assigned: exp.Expr) -> bool:
    """Whether a reference means the column that is assigned, of the row that is written."""
    write = equation.parent
    while write is not None and (isinstance(write.parent, exp.When) or not isinstance(write, _WRITES)):
        write = write.parent
    if write is None or column.name.lower() != assigned.name.lower():
        return False
    target = write.this.this if isinstance(write.this, exp.Schema) else write.this
    names = {target.alias_or_name.lower()}
    if target.args.get("joins"):
        table = assigned.args.get("table")
        return table is not None and column.table.lower() == table.name.lower()
    return not column.table or column.table.lower() in names
