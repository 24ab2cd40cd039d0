"""The second door to `install`: `create_engine(url, plugins=["unmask"], unmask_policy=…)`, or `?plugin=unmask&…`."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine
from sqlalchemy.engine import CreateEnginePlugin

from masking import Policy
from rewriter.engine import install
from rewriter.errors import RewriteError

_ARGUMENTS = ("unmask_policy", "unmask_environment")


class UnmaskPlugin(CreateEnginePlugin):
    """Hooks the engine that is being made.

    `unmask_policy`: a `Policy`, or the path of its file. `unmask_environment`: as `install(environment=…)`. Both as
    keyword arguments of `create_engine` or in the URL. `unmask_grants`: as `install(grants=…)`, a keyword only.
    """

    def __init__(self, url: URL, kwargs: dict[str, Any]) -> None:
        self._arguments = {name: kwargs.get(name) or url.query.get(name) for name in _ARGUMENTS}
        self._grants = kwargs.get("unmask_grants")
        self._kwargs = kwargs
        if not self._arguments["unmask_policy"]:
            # Fail closed: an engine that was meant to be hooked is not made without a policy.
            raise RewriteError('plugins=["unmask"] needs unmask_policy=: a Policy, or the path of its file')

    def update_url(self, url: URL) -> URL:
        """The URL without what is meant for the hook."""
        # Only now, when every plugin has been made: named twice, this one is made twice from the same arguments.
        for name in (*_ARGUMENTS, "unmask_grants"):
            self._kwargs.pop(name, None)
        return url.difference_update_query([*_ARGUMENTS, "plugin"])

    def engine_created(self, engine: Engine) -> None:
        """Hook the engine, before any listener of the application."""
        policy = self._arguments["unmask_policy"]
        install(
            engine,
            policy=policy if isinstance(policy, Policy) else Policy.load(Path(str(policy))),
            grants=self._grants,
            environment=str(self._arguments["unmask_environment"] or "default"),
        )
