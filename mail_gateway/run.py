"""Runs the listeners of a configuration until the process is asked to end."""

import asyncio
import signal
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from typing import Protocol as Interface

from mail_gateway.config import Configuration, ListenerConfiguration, Protocol, load_configuration
from mail_gateway.errors import CommandError, GatewayError
from mail_gateway.health import HealthServer
from mail_gateway.milter.server import MilterListener
from mail_gateway.report import GatewayLog, GatewayReporter
from mail_gateway.slot import EvaluatorSlot
from mail_gateway.smtp.server import SmtpListener
from mail_gateway.tls import make_client_context, make_server_context
from mailhooks.actions import ActionType
from mailhooks.content.change import OnUnmodifiable
from mailhooks.core.evaluator import PolicyEvaluator
from mailhooks.errors import MailhooksError
from mailhooks.policy import Policy
from mailhooks.policy.rules.rule import ContentChange, SetVerdict
from mailhooks.relay.evaluate import MessageEvaluator
from mailhooks.relay.platforms import GATEWAY, MILTER

EVALUATIONS: Final = 16
"""Messages that are evaluated at the same time. Others wait, and their clients with them."""

STOP_S: Final = 90.0
"""Seconds in which messages under way may come to their end after SIGTERM: more than an evaluation needs (`EVALUATION_S`)."""


class Listener(Interface):
    """Serves the clients of one listener."""

    configuration: ListenerConfiguration
    slot: EvaluatorSlot

    async def start(self) -> None:
        """Start to answer clients."""
        ...

    async def stop(self, wait_s: float) -> None:
        """Stop to accept connections, and wait at most `wait_s` seconds for messages under way."""
        ...


class Gateway:
    """The listeners of a configuration with certain protocols, in one event loop.

    The configuration is read again at SIGHUP: a new policy and new values for the evaluation of messages count from then on, and an invalid
    file changes nothing. Other addresses, networks, next hosts and certificates need a restart.

    Raises:
        CommandError: the configuration or the policy is invalid, or an address cannot be used.
        OSError: the configuration cannot be read.
    """

    def __init__(self, path: Path, protocols: Collection[Protocol]) -> None:
        self._path = path
        configuration = load_configuration(path)
        self._log = GatewayLog(configuration.settings)
        self._executor = ThreadPoolExecutor(EVALUATIONS, thread_name_prefix="evaluation")
        self._is_running = False
        self._stopping = asyncio.Event()
        chosen = [each for each in configuration.listeners if each.protocol in protocols]
        if not chosen:
            others = sorted({each.protocol.value for each in configuration.listeners})
            raise GatewayError(
                f"{path.name} has no listener with the protocol {' or '.join(protocols)}, only {' and '.join(others)}: "
                "`gateway serve` runs those of SMTP and LMTP, `gateway milter` the milters"
            )
        evaluators = make_evaluators(configuration, chosen)
        self.listeners = [self._make_listener(each, EvaluatorSlot(evaluators[each.listener.name])) for each in chosen]
        self.health = HealthServer(configuration.health, lambda: self._is_running) if configuration.health else None

    def _make_listener(self, configuration: ListenerConfiguration, slot: EvaluatorSlot) -> Listener:
        serve = MilterListener if configuration.protocol is Protocol.MILTER else SmtpListener
        return serve(configuration, slot, self._executor, self._log)

    async def serve(self, on_ready: Callable[["Gateway"], None] = lambda _: None) -> None:
        """Serve until SIGTERM, SIGINT or `stop`; then finish the messages under way.

        Args:
            on_ready: called when clients can connect.
        """
        loop = asyncio.get_running_loop()
        reloads: set[asyncio.Task[None]] = set()

        def reload() -> None:
            task = loop.create_task(asyncio.to_thread(self.reload))
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        actions = {signal.SIGTERM: self.stop, signal.SIGINT: self.stop, signal.SIGHUP: reload}
        for number, action in actions.items():
            loop.add_signal_handler(number, action)
        try:
            for listener in self.listeners:
                await listener.start()
            self._is_running = True
            for listener in self.listeners:
                self._log.for_listener(listener.configuration.listener.name).info("accepts connections")
            if self.health:
                self.health.start()
            on_ready(self)
            await self._stopping.wait()
        finally:
            self._is_running = False
            self._log.info("stops when the messages under way are answered")
            await asyncio.gather(*(listener.stop(STOP_S) for listener in self.listeners))
            self._executor.shutdown(wait=False, cancel_futures=True)
            if self.health:
                self.health.stop()
            for number in actions:
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """End `serve`. Called in its event loop."""
        self._stopping.set()

    def reload(self) -> None:
        """Read the configuration and the policy again. Blocks while the policy is fetched."""
        try:
            configuration = load_configuration(self._path)
            evaluators = make_evaluators(configuration, [each.configuration for each in self.listeners])
        except (CommandError, OSError) as error:
            self._log.warn("the configuration is not read again: the one before stays in force", str(error))
            return
        for listener in self.listeners:
            listener.slot.evaluator = evaluators[listener.configuration.listener.name]
        self._log.info("the configuration is read again")


def make_evaluators(configuration: Configuration, listeners: Collection[ListenerConfiguration]) -> dict[str, MessageEvaluator]:
    """Return the evaluators of listeners, by name.

    Args:
        listeners: those that run; the configuration may have been read again since.

    Raises:
        GatewayError: the policy is invalid, needs what the configuration lacks, or a listener is not in the configuration any more.
    """
    found = {each.listener.name: each for each in configuration.listeners}
    reporter = GatewayReporter(configuration.settings)
    evaluators: dict[str, MessageEvaluator] = {}
    for name in (each.listener.name for each in listeners):
        if name not in found:
            raise GatewayError(f"the listener {name!r} runs, but the configuration does not have it any more: start the gateway again")
        current = found[name]
        try:
            evaluator = PolicyEvaluator.from_settings(configuration.settings, MILTER if current.protocol is Protocol.MILTER else GATEWAY)
            policy = evaluator.policies.current()
        except MailhooksError as error:
            raise GatewayError(str(error)) from error
        _require_next_host(current, policy)
        evaluators[name] = MessageEvaluator(current.listener, evaluator, reporter, logs_decision=configuration.settings.log_decision)
    return evaluators


def check_configuration(path: Path) -> list[str]:
    """Check a configuration and its policy without starting a listener. Return a line for each listener.

    Raises:
        CommandError: the configuration or the policy is invalid.
        OSError: the configuration cannot be read.
    """
    configuration = load_configuration(path)
    make_evaluators(configuration, configuration.listeners)
    for each in configuration.listeners:
        make_server_context(each)
        if each.next_host:
            make_client_context(each.next_host)
    return [
        f"{each.listener.name}: {each.protocol}, {each.listener.flow_direction.value.lower()}, on {each.address}"
        + (f", next host {each.next_host}" if each.next_host else "")
        for each in configuration.listeners
    ]


def _require_next_host(configuration: ListenerConfiguration, policy: Policy) -> None:
    """Raise GatewayError for a milter that could not notify a sender whose message is bounced for some recipients."""
    if configuration.next_host:
        return
    for rule in policy.rules:
        if rule.enabled and not rule.report and any(_is_bounce(action) for action in rule.actions):
            raise GatewayError(
                f'listener "{configuration.listener.name}": next_host is missing: the rule "{rule.name}" may bounce a message for some '
                "recipients, and a mail server with a milter notifies the sender of none: name a port of the mail server"
            )


def _is_bounce(action: object) -> bool:
    if isinstance(action, ContentChange):
        return action.on_unmodifiable is OnUnmodifiable.BOUNCE
    return isinstance(action, SetVerdict) and action.type is ActionType.BOUNCE
