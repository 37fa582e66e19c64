"""Everything that takes mail from the SMTP server to the mailboxes, made from a configuration and a folder."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from local.config.configuration import Configuration, FunctionSettings
from local.config.functions import Function
from local.errors import UnknownFunction
from local.queue.job_processor import Means, kept
from local.queue.workers import Workers
from local.runtime.endpoint import EndpointInvoker
from local.runtime.sandbox import Invoker, Pool
from local.storage.maildir import MaildirStore
from local.storage.message_store import MessageStore
from local.storage.s3_reference import S3Reference
from local.storage.spool import Spool

_PROCESSES: Final = 4
"""Of one function at once: as many as there are messages in work."""


class MailServer:
    """While entered, accepted mail is worked on.

    Args:
        folder: of the spool and the mailboxes.
        configuration: gives the one that is in force.
        environment: the variables that lead functions to the local servers; for functions in processes of their own.
        store: the messages in transit.
        dead_letter, used: see `Means`.
        lambda_endpoint: of a Lambda endpoint at which functions run that have a name there, or "" for none.
        speed: see `Means`.

    Attributes:
        spool, office, flow: see there.
    """

    def __init__(
        self,
        folder: Path,
        configuration: Callable[[], Configuration],
        environment: Callable[[], Mapping[str, str]],
        store: MessageStore,
        dead_letter: Callable[[str, Mapping[str, Any], str], None],
        used: Callable[[Sequence[S3Reference]], None],
        *,
        lambda_endpoint: str = "",
        speed: float = 1.0,
    ) -> None:
        self._configuration = configuration
        self._environment = environment
        self._lambda_endpoint = lambda_endpoint
        self._stack = ExitStack()
        self._invokers: dict[str, tuple[FunctionSettings, Pool | EndpointInvoker]] = {}
        self._retired: list[Pool] = []
        self._lock = threading.Lock()
        self.spool = Spool(folder, keep=configuration().history)
        self.office = MaildirStore(folder)
        store.keep(partial(kept, self.spool))
        self.flow = Workers(Means(self.spool, self.office, store, configuration, self.function, dead_letter, used, speed))

    def __enter__(self) -> Self:
        self._stack.callback(self.spool.close)
        self._stack.callback(self._close_functions)
        self._stack.callback(self.flow.stop)
        self.flow.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def function(self, name: str) -> tuple[Invoker, float]:
        """What calls a function, and the seconds after which Lambda ends it.

        Raises:
            UnknownFunction: the configuration has none of that name, or only one at a Lambda endpoint, and there is no endpoint.
            BadConfiguration: a variable of it cannot be filled in.
        """
        settings = self._configuration().functions.get(name)
        if settings is None:
            raise UnknownFunction(f"the configuration has no function {name!r}")
        with self._lock:
            known = self._invokers.get(name)
            if known is None or known[0] != settings:
                if known and isinstance(known[1], Pool):
                    # Calls that are being made end as they began, as Lambda has it when a function is updated.
                    known[1].retire()
                    self._retired.append(known[1])
                known = self._invokers[name] = settings, self._invoker(settings)
        return known[1], settings.timeout_s

    def _close_functions(self) -> None:
        for invoker in (*self._retired, *(invoker for _, invoker in self._invokers.values())):
            invoker.close()

    def _invoker(self, settings: FunctionSettings) -> Pool | EndpointInvoker:
        path = settings.path
        if self._lambda_endpoint and settings.at_endpoint:
            return EndpointInvoker(self._lambda_endpoint, settings.at_endpoint)
        if path is None:
            raise UnknownFunction(
                f"the function {settings.name!r} has no path and runs only at a Lambda endpoint: start with --lambda-endpoint URL"
            )
        function = Function(settings.name, path, False, settings.handler, settings.timeout_s, settings.memory_mb)
        servers = self._environment()
        return Pool(function, {**settings.variables(servers), **servers}, limit=_PROCESSES)
