"""SQL/XML's and SQL/JSON's forms, as calls with plain arguments: a rule of `rewriter.grammar`."""

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token, TokenType

from rewriter.token_runs import closing, is_at, turned, word_at


def xml_as_calls(tokens: Sequence[Token]) -> list[Token]:
    """`xmlpi(NAME x)`, `xmlparse(DOCUMENT x)`, `xmltable(… COLUMNS …)`, `json_value(x, '$' RETURNING int)`."""
    result = list(tokens)
    for index in reversed(range(len(tokens))):
        name = word_at(result, index)
        if name in _XML | _JSON and is_at(result, index + 1, TokenType.L_PAREN):
            end = closing(result, index + 1)
            inside = _xml_arguments(result[index + 2 : end], _JSON_ENDS if name in _JSON else _XML_ENDS)
            if name == "xmlserialize":
                inside = _without_indent(inside)
            # A cast reads `x AS type`; the other names mean nothing to the parser.
            called = "cast" if name == "xmlserialize" else f"call_{name}"
            result[index:end] = [turned(result[index], TokenType.VAR, called), result[index + 1], *inside]
    return result


_XML = frozenset(("xmlpi", "xmlparse", "xmlserialize", "xmlroot", "xmlexists", "xmltable"))
_JSON = frozenset(("json_table", "json_value", "json_query", "json_exists"))
_XML_ENDS = frozenset(("columns",))
_JSON_ENDS = frozenset(("columns", "returning", "with", "without", "keep", "omit", "default", "error", "true", "false"))
_XML_WORDS = frozenset("name document content version standalone by ref value preserve strip whitespace yes".split())


def _without_indent(tokens: list[Token]) -> list[Token]:
    """`x AS text NO INDENT` → `x AS text`."""
    if word_at(tokens, len(tokens) - 1) != "indent" or word_at(tokens, len(tokens) - 2) == "as":
        return tokens
    return tokens[: -2 if is_at(tokens, len(tokens) - 2, TokenType.NULL) else -1]


def _xml_arguments(tokens: Sequence[Token], ends: frozenset[str]) -> list[Token]:
    """The arguments as a plain list, up to what they are made into, from one of `ends` on, which holds no query."""
    result: list[Token] = []
    for index, token in enumerate(tokens):
        match word_at(tokens, index):
            case word if word in ends and not any(t.token_type == TokenType.SELECT for t in tokens[index:]):
                break
            case "passing":
                result.append(turned(token, TokenType.COMMA, ","))
            case "no":
                result.append(turned(token, TokenType.NULL, "null"))
            case word if word not in _XML_WORDS or is_at(tokens, index + 1, TokenType.L_PAREN):
                result.append(token)
            case "yes":
                result.append(turned(token, TokenType.NULL, "null"))
    return result
