"""Wires the spool, the workers, the functions and the Maildir store of one folder."""

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from workmail_local.config.configuration import Configuration
from workmail_local.config.functions import APPROVE, Function, project_function
from workmail_local.errors import UnknownFunction
from workmail_local.lifecycle import Lifecycle
from workmail_local.mail.job import DeliveryJob
from workmail_local.queue.job_processor import JobProcessor
from workmail_local.queue.release import Releases
from workmail_local.queue.release_log import ReleaseLog
from workmail_local.queue.webhook import WebhookCaller
from workmail_local.queue.workers import Workers
from workmail_local.runtime.endpoint import EndpointInvoker
from workmail_local.runtime.invocation import Invoker
from workmail_local.runtime.sandbox import Pool
from workmail_local.storage.maildir import MaildirStore
from workmail_local.storage.message_store import MessageStore
from workmail_local.storage.spool import Spool


class MailServer(Lifecycle):
    """Processes accepted mail while entered.

    Args:
        folder: contains the spool and the mailboxes.
        configuration: returns the current configuration.
        environment: returns the variables that lead functions in local processes to the local servers.
        store: the messages in transit.
        dead_letter, pass_time, speed, retry_unloadable: see `JobProcessor`.
        lambda_endpoint: URL of a Lambda endpoint for the functions that have a name there; "" for none.
        report: is called with a sentence about each release, and about each failure of the webhook.
        on_progress: see `Workers`.
    """

    def __init__(
        self,
        folder: Path,
        configuration: Callable[[], Configuration],
        environment: Callable[[], Mapping[str, str]],
        store: MessageStore,
        *,
        dead_letter: Callable[[str, Mapping[str, Any], str], None],
        pass_time: Callable[[DeliveryJob], None] = lambda _: None,
        lambda_endpoint: str = "",
        speed: float = 1.0,
        report: Callable[[str], None] = lambda _: None,
        retry_unloadable: bool = True,
        on_progress: Callable[[DeliveryJob], None] | None = None,
    ) -> None:
        super().__init__()
        self.folder = folder
        self._configuration = configuration
        self._environment = environment
        self._lambda_endpoint = lambda_endpoint
        self._invokers: dict[str, tuple[Function, Pool | EndpointInvoker]] = {}
        self._functions = ExitStack()
        self._lock = threading.Lock()
        self.spool = Spool(folder, keep=configuration().history)
        self.maildirs = MaildirStore(folder)
        store.loader = self.spool.load_message
        processor = JobProcessor(
            self.spool,
            self.maildirs,
            store,
            configuration=configuration,
            find_function=self.find_function,
            dead_letter=dead_letter,
            pass_time=pass_time,
            speed=speed,
            retry_unloadable=retry_unloadable,
        )
        self.webhook = WebhookCaller(self.spool, configuration, report)
        self.workers = Workers(self.spool, processor, configuration, self.webhook.announce, on_progress)
        self.releases = Releases(self.spool, ReleaseLog(folder), configuration, report)

    def _start(self) -> None:
        self._stack.callback(self.spool.close)
        self._stack.enter_context(self.webhook)
        self._stack.callback(self._functions.close)
        self._stack.callback(self.workers.stop)
        self.workers.start()
        self.spool.start_index()

    def end_functions(self) -> None:
        """End the functions, also those that handle mail: their calls fail."""
        self._functions.close()

    def find_function(self, name: str) -> tuple[Invoker, float]:
        """Return the invoker of a function, and its timeout in seconds.

        Raises:
            UnknownFunction: the configuration has no such function, or it has no code here and there is no Lambda endpoint.
            ConfigurationError: one of its variables names an unknown variable of the servers.
        """
        function = self._configuration().functions.get(name) or (project_function(name) if name == APPROVE else None)
        if function is None:
            raise UnknownFunction(f"the configuration has no function {name!r}")
        with self._lock:
            known = self._invokers.get(name)
            if known is None or known[0] != function:
                if known and isinstance(known[1], Pool):
                    # Calls under way end with the old settings, as in Lambda when a function is updated.
                    known[1].retire()
                known = self._invokers[name] = function, self._create_invoker(function)
                self._functions.callback(known[1].close)
        return known[1], function.timeout_s

    def _create_invoker(self, function: Function) -> Pool | EndpointInvoker:
        if self._lambda_endpoint and function.at_endpoint:
            return EndpointInvoker(self._lambda_endpoint, function.at_endpoint)
        return Pool(function, function.all_variables(self._environment()))
