"""WorkMail on a laptop in one `with` line.

with LocalWorkMail() as wm:
    message_id = wm.store.add(raw)
    wm.organization.add_group("sales@example.com", [wm.organization.add_user("ana@example.com")])
    # wm.environment leads boto3 here, in this process or another

with LocalWorkMail(Path("workmail.toml")) as wm:
    trace = wm.send(raw, mail_from="nora@example.net", to=["ana@example.com"])
    [copy] = wm.delivered("ana@example.com")
"""

import re
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from email.message import Message
from functools import partial
from pathlib import Path
from ssl import SSLContext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from mailhooks.contract import FlowDirection
from mailhooks.contract.limits import BUCKET_PATTERN
from mailhooks.report_names import HoldState
from workmail_local.aws.dead_letters import send_dead_letter
from workmail_local.aws.directory import fill_organization
from workmail_local.aws.export_jobs import ExportedItem
from workmail_local.aws.organization import Entity
from workmail_local.aws.rewritten_objects import RewrittenObjects
from workmail_local.aws.services import APPROVAL_PATH, LocalAws
from workmail_local.aws_client import REGION
from workmail_local.config.config_reload import ConfigReload
from workmail_local.config.configuration import Configuration, load_configuration
from workmail_local.config.functions import APPROVE
from workmail_local.config.numbers import PORT, SPEED, WAIT
from workmail_local.config.problems import FileProblem, find_policy_problems
from workmail_local.config.smtp import Tls
from workmail_local.errors import HookFailed, InvalidArgument, LocalError, NotNow, UnknownMessage
from workmail_local.mail.addresses import list_addresses
from workmail_local.mail.arrival import PAUSE_S, Arrival
from workmail_local.mail.event_builder import EnvelopeOverrides, envelope_for
from workmail_local.mail.history import Destination, History, MessageTrace
from workmail_local.mail.job import DeliveryJob
from workmail_local.mail.message_octets import to_octets, without_blind_copies
from workmail_local.mail.release import Release
from workmail_local.mail.search_query import ALL, SearchQuery
from workmail_local.mail.submission import Submission
from workmail_local.queue.deletion import delete_found, delete_message
from workmail_local.queue.holds import Decision, Hold, Holds
from workmail_local.queue.mail_server import MailServer
from workmail_local.queue.recipient_policy import RecipientPolicy
from workmail_local.queue.workers import SettleTimeout
from workmail_local.runtime.failures import describe_failure
from workmail_local.servers import HOST, join_address
from workmail_local.smtp.server import SmtpServer
from workmail_local.storage.maildir import Delivered, name_delivery
from workmail_local.storage.message_store import S3Reference

if TYPE_CHECKING:
    from workmail_local.aws.mail_sender_api import SentMail
    from workmail_local.ews.endpoint import EwsEndpoint
    from workmail_local.ews.push_stack import PushStack

__all__ = ["REGION", "LocalWorkMail"]

_DEFAULT_CONFIGURATION: Final = 'organization = { domains = ["example.com"] }'

_TABLE: Final = re.compile(r"[\w.-]{3,255}", re.ASCII)
"""DynamoDB's own rule for names."""


class LocalWorkMail(LocalAws):
    """The services of `LocalAws`; and flow rules, functions and mailboxes for mail that is sent here.

    Args:
        configuration: the organization with its rules and functions: a `Configuration`, a callable that returns one, the path of a
            `workmail.toml`, or the text of such a file. None for the domain example.com, a mailbox for every address in it, and no rules.
        folder: contains the spool and the mailboxes; None for a temporary folder.
        speed: divides the time that WorkMail waits: before a retry, and until the rule's timeout.
        lambda_endpoint: URL of `sam local start-lambda`, or of another endpoint that runs functions; "" for none.
        function_environment: variables of all functions, in place of those that the configuration sets.
        retry_unloadable: whether a function that cannot be loaded is called again, as in WorkMail; by default the first call decides.
        report: is called with a sentence about each release, and about each failure of the webhook; None for the listener of `LocalAws`.
        on_progress: is called in a worker's thread with each job that was advanced; it must return soon.
        services: see `LocalAws`.

    Raises:
        InvalidArgument: the speed or a port is out of its range.
        PortError: on entering, when a port is in use.
        ConfigurationError, SpoolError: when the first mail is sent.
    """

    def __init__(
        self,
        configuration: Configuration | Callable[[], Configuration] | Path | str | None = None,
        *,
        folder: Path | None = None,
        speed: float = 60.0,
        lambda_endpoint: str = "",
        function_environment: Mapping[str, str] | None = None,
        retry_unloadable: bool = False,
        report: Callable[[str], None] | None = None,
        on_progress: Callable[[DeliveryJob], None] | None = None,
        **services: Any,
    ) -> None:
        SPEED.check("speed", speed)
        super().__init__(**services)
        self._folder = folder
        self._first_speed = speed
        self._lambda_endpoint = lambda_endpoint
        self._retry_unloadable = retry_unloadable
        self._report = report
        self._on_progress = on_progress
        self._mail_stack = ExitStack()
        self._lock = threading.Lock()
        self._ews: EwsEndpoint | None = None
        self._begin(configuration, speed, function_environment)
        self.store.release = self._remove_old_objects

    def _begin(
        self,
        configuration: Configuration | Callable[[], Configuration] | Path | str | None,
        speed: float,
        function_environment: Mapping[str, str] | None,
    ) -> None:
        """Set all that a reset sets again: the configuration, and the state without mail."""
        self._configuration = configuration
        self._speed = speed
        self._function_environment = dict(function_environment or {})
        self._mail_server: MailServer | None = None
        self._push: PushStack | None = None
        self._smtp: dict[FlowDirection, SmtpServer] = {}
        self._tls: SSLContext | None = None
        self._applied: Configuration | None = None
        self._merged: tuple[Configuration, Configuration] | None = None
        self._rewritten = RewrittenObjects()
        self._own_buckets: frozenset[str] = frozenset()

    def _start(self) -> None:
        super()._start()
        self._stack.callback(self._mail_stack.close)
        # Imported late, as Starlette in `LocalAws`.
        from starlette.routing import Mount

        from workmail_local.ews.endpoint import EwsEndpoint
        from workmail_local.runtime.function_url import FunctionUrl

        report = self._report or self._listener or (lambda _: None)
        self._ews = EwsEndpoint(self.organization, self.faults, self._find_mailbox, self._speed, report=report, listener=self._listener)
        self._stack.callback(self._ews.stop)
        assert self._workmail_app is not None
        self._workmail_app.routes.extend(self._ews.routes())
        self._workmail_app.routes.append(Mount(APPROVAL_PATH, FunctionUrl(lambda: self.mail_server.find_function(APPROVE), report)))
        self.send_mail = self._accept_sent_mail

    def _accept_sent_mail(self, mail: "SentMail") -> None:
        """Accept a mail that a function sends by SES, as inbound mail for the organization; for others as outgoing mail."""
        here = tuple(address for address in mail.recipients if self.configuration.owns(address))
        if here:
            self.accept(Submission(FlowDirection.INBOUND, mail.sender, here, mail.raw))
        name = f"{name_delivery(0, time.time(), str(uuid.uuid4()))}.ses.local"
        for address in sorted({*mail.recipients} - {*here}):
            self.mail_server.maildirs.deliver(Destination.OUTGOING, address, name, mail.raw)

    def _find_mailbox(self, address: str) -> str | None:
        """Return the mailbox of a user's address; None for any other."""
        found = self.configuration.mailboxes(address)
        return found[0] if len(found) == 1 else None

    @property
    def ews_url(self) -> str:
        """The URL of the EWS endpoint."""
        from workmail_local.ews.api import PATH

        return f"{self._urls['workmail']}{PATH}"

    @property
    def ews(self) -> "EwsEndpoint":
        """The EWS endpoint, which is up."""
        assert self._ews is not None, "the services are not up"
        return self._ews

    def start_push(self) -> "PushStack | None":
        """Return the functions of push notifications; start them at the first call. None without [push] in the configuration."""
        push = self.configuration.push
        if self._push is None and push is not None:
            from workmail_local.ews.push_stack import ROLE, PushStack

            # The server that processes mail fills the organization.
            _ = self.mail_server
            self.organization.impersonation_roles.add(ROLE)
            self._push = self._mail_stack.enter_context(
                PushStack(
                    push,
                    self.bucket,
                    organization_id=self.organization.id,
                    ews_url=self.ews_url,
                    environment=self.environment,
                    client=self.client,
                    speed=self._speed,
                    report=self._report or self._listener or (lambda _: None),
                )
            )
        return self._push

    def reset(
        self,
        configuration: Configuration | Callable[[], Configuration] | Path | str | None = None,
        *,
        speed: float | None = None,
        function_environment: Mapping[str, str] | None = None,
    ) -> None:
        """Return to the state after the start, with another configuration: no mail and no history.

        A reset is faster than a start, so tests can share one `LocalWorkMail`. See `LocalAws.reset` for the services.

        Args:
            configuration, function_environment: see the class.
            speed: None for that of the start.

        Raises:
            ValueError: this instance has a folder of its own, whose mail is kept.
        """
        if self._folder is not None:
            raise ValueError("a LocalWorkMail with a folder keeps its mail: only one without a folder can be reset")
        self._mail_stack.close()
        self._begin(configuration, self._first_speed if speed is None else speed, function_environment)
        self.ews.subscriptions.reset(self._speed)
        super().reset()

    def send(
        self,
        message: bytes | str | Message | Path,
        *,
        mail_from: str | None = None,
        to: str | Sequence[str] = (),
        direction: FlowDirection | str | None = None,
        event: Mapping[str, Any] | None = None,
        expect_failure: bool = False,
        wait_s: float = 60.0,
    ) -> MessageTrace:
        """Send a message and wait until it is done, or held for an approval (see `decide`).

        Args:
            message: see `to_octets`. Of a `Message`, Bcc is only for the envelope.
            mail_from, to: the envelope, `to` as one address or several; missing parts come from the header.
            direction: `INBOUND` or `OUTBOUND`; by default outbound when the sender is in the organization.
            event: see `accept`.
            expect_failure: whether to wait for the retries of a function that fails, and return the trace.
            wait_s: seconds to wait at most.

        Returns:
            The message's trace.

        Raises:
            HookFailed: a function failed. Raised at the first failed attempt; the retries continue.
            ContractError, InvalidArgument, OSError: see `accept` and `to_octets`.
            NoEnvelope: neither the header nor the arguments name a sender and a recipient.
            SettleTimeout: the message is not done in time. Its processing continues.
        """
        __tracebackhide__ = True
        WAIT.check("wait_s", wait_s)
        raw = to_octets(message)
        overrides = EnvelopeOverrides(_parse_direction(direction) if direction else None, mail_from, to)
        envelope = envelope_for(raw, overrides, self.configuration.domains)
        sender = envelope.author if mail_from is None else mail_from
        transferred = without_blind_copies(message) if isinstance(message, Message) else raw
        number = self.accept(Submission(envelope.direction, sender, envelope.recipients, transferred), event=event)
        return self._wait_for_success(number, wait_s, expect_failure=expect_failure)

    def _wait_for_success(self, number: int, wait_s: float, *, expect_failure: bool) -> MessageTrace:
        """Wait until a message is done, and return its trace. Raises HookFailed at the first failure, unless it is expected."""
        # pytest shows the line of the test, and not our own code above the function's traceback.
        __tracebackhide__ = True
        if expect_failure:
            return self.wait_for(number, wait_s)
        try:
            self.mail_server.workers.wait_for(number, wait_s, self._raise_failure, accepts_held=lambda _: True)
        except HookFailed as failed:
            raise failed.with_traceback(None) from None
        return self._load_trace(number)

    def _raise_failure(self, number: int) -> None:
        """Raise HookFailed if a function has failed for a message."""
        trace = self.history.trace(number)
        for run in trace.rule_runs if trace else ():
            if run.failures:
                raise describe_failure(number, run)

    def send_again(
        self, number: int, *, mail_from: str | None = None, to: str | Sequence[str] = (), expect_failure: bool = False, wait_s: float = 60.0
    ) -> MessageTrace:
        """Send a stored message, as it was accepted, as a new message, and wait until it is done.

        Args:
            mail_from, to: the envelope; by default that of the stored message. Its direction stays.
            expect_failure, wait_s: see `send`.

        Returns:
            The new message's trace.

        Raises:
            UnknownMessage: no message has this number.
            HookFailed, SettleTimeout: see `send`.
        """
        __tracebackhide__ = True
        WAIT.check("wait_s", wait_s)
        again = self.accept(self.load_submission(number, mail_from=mail_from, to=to))
        return self._wait_for_success(again, wait_s, expect_failure=expect_failure)

    def load_submission(self, number: int, *, mail_from: str | None = None, to: str | Sequence[str] = ()) -> Submission:
        """Return a stored message as it was accepted, perhaps with another envelope. Raises UnknownMessage."""
        trace, raw = self.history.trace(number), self.history.original(number)
        if trace is None or raw is None:
            raise UnknownMessage(f"there is no message {number}")
        summary = trace.summary
        sender = summary.mail_from if mail_from is None else mail_from
        return Submission(summary.direction, sender, list_addresses(to) or summary.recipients, raw)

    def retry_now(self, number: int) -> int:
        """Start the next attempt of each job of a message that waits for one; return how many jobs waited.

        Their pauses count for the rule's timeout as if they had passed. A job that runs already is not affected.

        Raises:
            UnknownMessage: no message has this number.
        """
        self._require_trace(number)
        return self.mail_server.workers.retry_now(number)

    def holds(self, number: int) -> Sequence[Hold]:
        """Return the holds of a message by the action `hold`, decided ones too, until the message is done.

        Raises:
            UnknownMessage: no message has this number.
        """
        return self._holds.find(self._require_trace(number))

    def decide(self, number: int, decision: Decision | str, *, hold: str = "", reason: str = "", wait_s: float = 60.0) -> MessageTrace:
        """Decide on a held message as its first approver, start its next attempt, and wait until it is done or held by another rule.

        Args:
            decision, hold, reason: see `record_decision`.

        Raises:
            UnknownMessage, NotNow, InvalidArgument: see `record_decision`.
            SettleTimeout: the message is not done in time.
        """
        WAIT.check("wait_s", wait_s)
        self.record_decision(number, decision, hold=hold, reason=reason)
        self.mail_server.workers.wait_for(number, wait_s, accepts_held=self._has_pending_hold)
        return self._load_trace(number)

    def record_decision(self, number: int, decision: Decision | str, *, hold: str = "", reason: str = "") -> None:
        """Decide on a held message as its first approver, and start its next attempt.

        Args:
            decision: `approve`, `reject` or `timeout`: the time of the hold is over.
            hold: only on the hold of this name, that of a rule or of a state machine; "" for all.
            reason: of a rejection.

        Raises:
            UnknownMessage: no message has this number.
            NotNow: it has no such hold without a decision.
            InvalidArgument: there is no such decision.
        """
        trace = self._require_trace(number)
        if decision not in list(Decision):
            raise InvalidArgument("decision must be approve, reject or timeout")
        if not self._holds.decide(trace, Decision(decision), name=hold, reason=reason):
            raise NotNow(f"message {number} has no hold without a decision{f' by {hold!r}' if hold else ''}")
        self.mail_server.workers.retry_now(number)

    def _has_pending_hold(self, number: int) -> bool:
        return any(hold.state is HoldState.PENDING for hold in self.holds(number))

    @property
    def _holds(self) -> Holds:
        return Holds(self.mail_server.spool, self._dynamodb, self.holds_table, self.state_machines)

    def _require_trace(self, number: int) -> MessageTrace:
        trace = self.history.trace(number)
        if trace is None:
            raise UnknownMessage(f"there is no message {number}")
        return trace

    def release(self, number: int, *, to: str | Sequence[str], run_number: int = 1, again: bool = False) -> Release:
        """Send a message, as it is after the rules, to a real SMTP server: that of [release] in the configuration.

        Args:
            to: the recipient or recipients; each must match `allowed-recipients`.
            run_number: the rule run whose content is sent, 1 for the first.
            again: send it although it was released before.

        Raises:
            UnknownMessage, NotNow, AlreadyReleased, InvalidField, ReleaseFailed: see `Releases.release`.
        """
        releases = self.mail_server.releases
        trace = self.history.trace(number)
        known = len(releases.list(trace)) if again and trace else 0
        return releases.release(number, list_addresses(to), run_number=run_number, known=known)

    def accept(self, submission: Submission, *, event: Mapping[str, Any] | None = None) -> int:
        """Accept a message as the SMTP server does, and return its number. It is processed in the background.

        Args:
            event: replaces the event that WorkMail would build for the function.

        Raises:
            ContractError: `event` breaks the contract.
            InvalidArgument: `event` is given, but the recipients meet several rules, or one without a function.
        """
        workers = self.mail_server.workers
        return workers.accept(submission) if event is None else workers.accept_with_event(submission, event)

    def wait_for(self, number: int, timeout_s: float) -> MessageTrace:
        """Wait until a message, and every message that it created, is done; return its trace.

        Raises:
            InvalidArgument: the time-out is no number of seconds.
            SettleTimeout: it is not done in time.
            LocalError: the trace is no longer kept, because newer messages have replaced it.
        """
        WAIT.check("timeout_s", timeout_s)
        self.mail_server.workers.wait_for(number, timeout_s)
        return self._load_trace(number)

    def _load_trace(self, number: int) -> MessageTrace:
        """Return the trace of a message that is done. Raises LocalError: it is no longer kept."""
        trace = self.history.trace(number)
        if trace is None:
            raise LocalError(f"message {number} is done, but no longer stored: raise `keep` in [history]")
        return trace

    def wait(
        self, *, search: str = "", mail_from: str = "", to: str = "", subject: str = "", since: int = 0, timeout_s: float = 60.0
    ) -> MessageTrace:
        """Wait until a message is there that matches and is done; return its trace. The newest one that matches counts.

        Args:
            search: what the message fulfils, as in the page (docs/local-web.md).
            mail_from, to, subject: text in the sender, in a recipient and in the subject.
            since: only messages with a higher number count; 0 for all, also those that arrived before this call.

        Raises:
            SettleTimeout: there is none in time.
            InvalidSearch: an operator of the search has an unknown value.
        """
        WAIT.check("timeout_s", timeout_s)
        query = SearchQuery.parse_known(search).narrow(mail_from=mail_from, to=to, subject=subject, since=since)
        arrival, deadline = Arrival(self.history, query), time.monotonic() + timeout_s
        while (found := arrival.check()) is None:
            if time.monotonic() > deadline:
                raise SettleTimeout(f"{arrival.explain()}, after {timeout_s:g} s")
            time.sleep(PAUSE_S)
        return self.wait_for(found.number, timeout_s)

    def wait_until_idle(self, timeout_s: float) -> None:
        """Wait until all messages are done. Raises SettleTimeout when they are not done in time."""
        WAIT.check("timeout_s", timeout_s)
        self.mail_server.workers.wait_until_idle(timeout_s)

    def delivered(self, address: str, *destinations: Destination) -> list[Delivered]:
        """Return the delivered copies for an address, oldest first.

        Args:
            address: any address of a mailbox in the organization, or an address elsewhere.
            destinations: return only copies in these, such as `Destination.JUNK`; all by default.
        """
        addresses = self.configuration.mailboxes(address) or (address,)
        return [copy for each in addresses for copy in self.mail_server.maildirs.delivered(each, *destinations)]

    def _read_mailbox(self, entity: Entity) -> Iterable[ExportedItem]:
        """Return the messages in the inbox and the junk folder of an entity."""
        if not self.has_history:
            return ()
        copies = self.delivered(entity.email, Destination.INBOX, Destination.JUNK)
        return [ExportedItem(str(copy.destination), copy.raw) for copy in copies]

    def dropped(self) -> list[tuple[bytes, dict[str, Any]]]:
        """Return the dropped messages, oldest first, each with the reason."""
        return self.mail_server.maildirs.dropped()

    def delete(self, number: int | None = None, *, search: str | None = None, until: int | None = None) -> int:
        """Delete messages that are done, with their traces, contents and delivered copies; return how many.

        Args:
            number: delete this message; None for all.
            search: delete only messages that this search finds (docs/local-web.md); None for all.
            until: without `number`, delete only messages of this number or a lower one.

        Raises:
            UnknownMessage: no message has this number.
            NotNow: the message of this number is not done. Without a number, such messages stay.
            InvalidSearch: the search is empty, or a part of it is not clear.
        """
        server = self.mail_server
        places = server.spool, server.maildirs, self.store
        if number is None:
            query = ALL if search is None else SearchQuery.parse_clear(search)
            return delete_found(query.narrow_until(until), *places)
        delete_message(number, *places)
        return 1

    @property
    def history(self) -> History:
        """The stored messages and their traces."""
        return self.mail_server.spool

    def smtp_port(self, direction: FlowDirection | str, port: int = 0, host: str = HOST) -> int:
        """Return the port of the SMTP server for one direction; start the server at the first call.

        Args:
            direction: INBOUND for mail from other organizations, OUTBOUND for mail that users of the organization send.
            port, host: where the server listens; port 0 lets the system choose.

        Raises:
            InvalidArgument: the port is out of its range, or there is no such direction.
            PortError: the port is in use.
        """
        PORT.check("port", port)
        direction = _parse_direction(direction)
        if direction not in self._smtp:
            policy = RecipientPolicy(self.mail_server.workers, lambda: self.configuration)
            server = SmtpServer(direction, policy, host=host, port=port, settings=self.configuration.smtp, tls=self._smtp_tls(host))
            server.start()
            self._mail_stack.callback(server.stop)
            self._smtp[direction] = server
        return self._smtp[direction].port

    @property
    def smtp_certificate(self) -> Path:
        """The PEM file of the certificate that clients of the SMTP servers have to trust; it exists once a server is started."""
        return self.mail_server.folder / "smtp-certificate.pem"

    def _smtp_tls(self, host: str) -> SSLContext | None:
        """Return the TLS context of the SMTP servers, one for both; None without TLS."""
        settings = self.configuration.smtp
        if self._tls is None and settings.tls is not Tls.OFF:
            # Imported late: only SMTP needs it.
            from workmail_local.smtp.certificate import create_context

            self._tls = create_context(settings, host, self.smtp_certificate)
        return self._tls

    def smtp_address(self, direction: FlowDirection | str) -> str:
        """Return the address of the SMTP server for one direction, as `host:port`; start the server at the first call."""
        port = self.smtp_port(direction)
        return join_address(self._smtp[_parse_direction(direction)].host, port)

    @property
    def configuration(self) -> Configuration:
        """The current configuration."""
        source = self._configuration
        if source is None or isinstance(source, Path | str):
            source = self._configuration = load_configuration(_DEFAULT_CONFIGURATION if source is None else source)
        return self._merge_environment(source if isinstance(source, Configuration) else source())

    def _merge_environment(self, configuration: Configuration) -> Configuration:
        """Return a configuration whose functions have the variables for all; the same object for the same configuration."""
        if not self._function_environment:
            return configuration
        if self._merged is None or self._merged[0] is not configuration:
            functions = {
                name: replace(function, environment={**function.environment, **self._function_environment})
                for name, function in configuration.functions.items()
            }
            self._merged = configuration, replace(configuration, functions=MappingProxyType(functions))
        return self._merged[1]

    @property
    def has_history(self) -> bool:
        """Whether the server that processes mail runs. It starts at its first use."""
        return self._mail_server is not None

    @property
    def file_problems(self) -> Sequence[FileProblem]:
        """The errors in the files of the configuration and of the functions' policies, as they are saved now."""
        configuration = self.configuration
        reload = self._configuration
        own = reload.problems if isinstance(reload, ConfigReload) else []
        return [*own, *find_policy_problems(configuration)]

    @property
    def mail_server(self) -> MailServer:
        """The server that processes accepted mail. It starts at the first use."""
        if self._mail_server is None:
            folder = self._folder or Path(self._mail_stack.enter_context(tempfile.TemporaryDirectory(prefix="workmail-")))
            self._mail_server = self._mail_stack.enter_context(
                MailServer(
                    folder,
                    self._apply_configuration,
                    lambda: self.environment,
                    self.store,
                    dead_letter=partial(send_dead_letter, self.client),
                    pass_time=lambda job: self._holds.pass_time(job),
                    lambda_endpoint=self._lambda_endpoint,
                    speed=self._speed,
                    report=self._report or self._listener or (lambda _: None),
                    retry_unloadable=self._retry_unloadable,
                    on_progress=self._on_progress,
                )
            )
            self.ews.watch(self._mail_server.maildirs)
            if self._folder is None:
                # Its mail ends with it, so a call that hangs is not waited for.
                self._mail_stack.callback(self._mail_server.end_functions)
        return self._mail_server

    def _apply_configuration(self) -> Configuration:
        """Return the current configuration; after a change, update the directory and create the configured buckets."""
        configuration = self.configuration
        with self._lock:
            if configuration is not self._applied:
                if self._applied is not None:
                    self.organization.clear()
                fill_organization(self.organization, configuration)
                known = {self.bucket, *self._own_buckets, *(self._applied.buckets if self._applied else ())}
                self._own_buckets = _find_own(configuration, "REWRITE_BUCKET", BUCKET_PATTERN) - {self.bucket}
                for bucket in sorted({*configuration.buckets, *self._own_buckets} - known):
                    self.make_bucket(bucket, versioned=bucket in self._own_buckets)
                for table in sorted(_find_own(configuration, "RATES_TABLE", _TABLE) - {*self._tables}):
                    self.make_rates_table(table)
                self._applied = configuration
        return configuration

    def _remove_old_objects(self, references: Sequence[S3Reference]) -> None:
        """Remove old objects from the rewrite buckets; objects in other buckets stay."""
        with self._lock:
            own = {self.bucket, *self._own_buckets}
        self._rewritten.add((each for each in references if each.bucket in own), self._s3)


def _parse_direction(text: str) -> FlowDirection:
    """Return the direction of a text in any case. Raises InvalidArgument: there is none of this name."""
    try:
        return FlowDirection(text.upper())
    except ValueError:
        raise InvalidArgument("direction must be INBOUND or OUTBOUND") from None


def _find_own(configuration: Configuration, variable: str, valid: re.Pattern[str]) -> frozenset[str]:
    """Return the buckets or tables that functions name in a variable of their own, as far as the names are valid."""
    names = (function.environment.get(variable, "") for function in configuration.functions.values())
    return frozenset(name for name in names if valid.fullmatch(name))
