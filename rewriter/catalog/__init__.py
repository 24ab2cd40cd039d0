"""The live schema of each engine, read through a plain DBAPI cursor."""

from rewriter.catalog.loading import catalog_stamp, load_catalog, merged
from rewriter.catalog.unlisted import unlisted_tables, with_unlisted

__all__ = ["catalog_stamp", "load_catalog", "merged", "unlisted_tables", "with_unlisted"]
