"""The command line `unmask`: parse, call one operation, print, exit with a documented code. The composition root."""

from grants.cli.app import app, main

__all__ = ["app", "main"]
