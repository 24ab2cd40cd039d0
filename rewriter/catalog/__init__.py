"""The live schema of each engine, read through a plain DBAPI cursor."""

from rewriter.catalog.loading import catalog_stamp, load_catalog, merged

__all__ = ["catalog_stamp", "load_catalog", "merged"]
