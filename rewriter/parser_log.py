"""The parser's own warnings quote the text that it reads, literals too; while it reads a statement they are dropped."""

from contextvars import ContextVar
from logging import getLogger

IS_READING: ContextVar[bool] = ContextVar("unmask_is_reading", default=False)
"""Set while a statement is parsed: what an application has parsed for itself is logged as ever."""

getLogger("sqlglot").addFilter(lambda _record: not IS_READING.get())
