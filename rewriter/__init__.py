"""SQL in, masked SQL out, and the hook that puts it between SQLAlchemy and the database."""

from rewriter.engine import Installed, install
from rewriter.errors import LeakError, Reason, RewriteError, StatementRefused
from rewriter.principals import acting_as
from rewriter.rewrite import rewrite
from rewriter.rewritten import Rewritten
from rewriter.schema import Catalog

__all__ = [
    "Catalog",
    "Installed",
    "LeakError",
    "Reason",
    "RewriteError",
    "Rewritten",
    "StatementRefused",
    "acting_as",
    "install",
    "rewrite",
]
