"""The local WorkMail in one `with` line.

with LocalWorkMail() as wm:
    message_id = wm.store.add(raw)
    wm.organization.add_group("sales@example.com", [wm.organization.add_user("ana@example.com")])
    # wm.environment leads boto3 here, in this process or another

with LocalWorkMail(Path("workmail.toml")) as wm:
    story = wm.send(raw, mail_from="nora@example.net", to=["ana@example.com"])
    [copy] = wm.delivered("ana@example.com")
"""

import json
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local.aws.services import LocalAws
from local.config.functions import REGION
from local.servers import HOST
from local.storage.s3_reference import S3Reference
from mailhooks.contract import FlowDirection

if TYPE_CHECKING:
    from local.config.configuration import Configuration, Group, Person
    from local.mail.history import Destination, MessageTrace
    from local.queue.mail_server import MailServer
    from local.smtp.server import SmtpServer
    from local.storage.maildir import Delivered
    from local.storage.spool import Spool

__all__ = ["REGION", "LocalWorkMail"]

_BARE: Final = 'organization = { domains = ["example.com"] }'


_REWRITTEN: Final = 500
"""Objects in the rewrite bucket that are kept at least; DeleteObjects takes 1,000 at once."""

_PAGE: Final = 100
"""Entries a page that the directory's calls give at most (guide, API reference: MaxResults)."""


class LocalWorkMail(LocalAws):
    """The services of `LocalAws`; and, for mail that is sent here, flow rules, functions and mailboxes.

    Args:
        configuration: the organization, its rules and functions: a `Configuration`, something that gives one, the path of a
            `workmail.toml`, or such a file's text. Without it: the domain example.com, a mailbox for every address in it, and no rules.
        folder: of the spool and the mailboxes; None for one that goes with this instance.
        speed: how much faster than in WorkMail time goes by where it waits: for a retry, for the rule's timeout.
        lambda_endpoint: of `sam local start-lambda` or another that runs functions; "" for none.
        services: see `LocalAws`.

    Raises:
        ServerTrouble: on entering, when a port is taken.
        BadConfiguration, SpoolTrouble: when mail is first sent.
    """

    def __init__(
        self,
        configuration: "Configuration | Callable[[], Configuration] | Path | str | None" = None,
        *,
        folder: Path | None = None,
        speed: float = 60.0,
        lambda_endpoint: str = "",
        **services: Any,
    ) -> None:
        super().__init__(**services)
        self._configuration = configuration
        self._folder = folder
        self._speed = speed
        self._lambda_endpoint = lambda_endpoint
        self._engine: MailServer | None = None
        self._smtp: dict[FlowDirection, SmtpServer] = {}
        self._rewritten: list[S3Reference] = []
        self._filled: Configuration | None = None
        self._lock = threading.Lock()

    def send(
        self,
        raw: bytes,
        *,
        mail_from: str | None = None,
        to: Sequence[str] = (),
        direction: FlowDirection | str | None = None,
        wait_s: float = 60.0,
    ) -> "MessageTrace":
        """Sends a message and waits until it is where it ends.

        Args:
            raw: as SMTP would bring it: lines end in CRLF.
            mail_from, to: the envelope; what is not given comes from the header.
            direction: `INBOUND` or `OUTBOUND`; else outbound when the sender is in the organization.
            wait_s: seconds to wait at most.

        Returns:
            What became of it.

        Raises:
            NoEnvelope: the header does not say who sends to whom, and nor do the arguments.
            NotSettled: it is not done in time. It goes on.
        """
        from local.mail.event_builder import EnvelopeOverrides, envelope_for
        from local.mail.submission import Submission

        wishes = EnvelopeOverrides(FlowDirection(direction.upper()) if direction else None, mail_from, to)
        envelope = envelope_for(raw, wishes, self.configuration.domains)
        sender = envelope.author if mail_from is None else mail_from
        engine = self.engine
        number = engine.flow.accept(Submission(envelope.direction, sender, envelope.recipients, raw))
        engine.flow.wait(number, wait_s)
        story = engine.spool.story(number)
        assert story is not None
        return story

    def delivered(self, address: str, *places: "Destination") -> "list[Delivered]":
        """The copies for a mailbox of the organization, by any of its addresses, or for somebody elsewhere; oldest first.

        Args:
            places: such as `Destination.JUNK`; all when none is given.
        """
        addresses = self.configuration.mailboxes(address) or (address,)
        return [copy for each in addresses for copy in self.engine.office.delivered(each, *places)]

    def dropped(self) -> list[tuple[bytes, dict[str, Any]]]:
        """What was delivered to nobody, oldest first, and why."""
        return self.engine.office.dropped()

    @property
    def history(self) -> "Spool":
        """What happened to each message: see `local.mail.history.History`."""
        return self.engine.spool

    def smtp_port(self, direction: FlowDirection | str, port: int = 0, host: str = HOST) -> int:
        """The port of the SMTP server for mail of that direction, which is started when it is first asked for.

        Args:
            direction: INBOUND for mail from the world, OUTBOUND for what users of the organization send.
            port, host: where it shall listen, the first time; port 0 lets the system choose.

        Raises:
            ServerTrouble: the port is taken.
        """
        from local.queue.recipient_policy import RecipientPolicy
        from local.smtp.server import SmtpServer

        direction = FlowDirection(direction.upper())
        if direction not in self._smtp:
            server = SmtpServer(direction, RecipientPolicy(self.engine.flow, lambda: self.configuration), host=host, port=port)
            server.start()
            self._stack.callback(server.stop)
            self._smtp[direction] = server
        return self._smtp[direction].port

    @property
    def configuration(self) -> "Configuration":
        """The one that is in force."""
        from local.config.configuration import Configuration, load

        given = self._configuration
        if given is None or isinstance(given, Path | str):
            given = self._configuration = load(_BARE if given is None else given)
        return given if isinstance(given, Configuration) else given()

    @property
    def engine(self) -> "MailServer":
        """What takes mail from where it is accepted to where it ends; begins to work when it is first asked for."""
        if self._engine is None:
            from local.queue.mail_server import MailServer

            folder = self._folder or Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="workmail-")))
            self._engine = MailServer(
                folder,
                self._in_force,
                lambda: self.environment,
                self.store,
                self._dead_letter,
                self._used,
                lambda_endpoint=self._lambda_endpoint,
                speed=self._speed,
            )
            self._stack.enter_context(self._engine)
        return self._engine

    def _in_force(self) -> "Configuration":
        """The configuration; where it is another one than before, the directory's calls answer as it says, and its buckets are there."""
        configuration = self.configuration
        with self._lock:
            if configuration is not self._filled:
                self._fill(configuration)
                self._filled = configuration
        return configuration

    def _fill(self, configuration: "Configuration") -> None:
        if self._filled is not None:
            self.organization.clear()
        self.organization.id = configuration.organization_id
        self.organization.domains = list(configuration.domains)
        # Functions that AWS shows do not turn pages.
        self.organization.page_size = _PAGE
        for user in configuration.users:
            self.organization.add_user(user.address, aliases=user.aliases)
        for group in configuration.groups:
            self.organization.add_group(group.address, aliases=group.aliases)
        everybody: list[Person | Group] = [*configuration.users, *configuration.groups]
        primary = {alias: each.address for each in everybody for alias in each.aliases}
        for group in configuration.groups:
            self.organization.add_members(group.address, *(primary.get(member, member) for member in group.members))
        for bucket in configuration.buckets:
            if not self._filled or bucket not in self._filled.buckets:
                self.make_bucket(bucket)

    def _used(self, references: Sequence[S3Reference]) -> None:
        """Removes old objects from the rewrite bucket, as the stack's lifecycle rule does: moto has them all in memory. The newest stay,
        for people to look at, and so does everything in other buckets.
        """
        with self._lock:
            self._rewritten += [reference for reference in references if reference.bucket == self.bucket]
            if len(self._rewritten) < 2 * _REWRITTEN:
                return
            old, self._rewritten = self._rewritten[:-_REWRITTEN], self._rewritten[-_REWRITTEN:]
        for start in range(0, len(old), _REWRITTEN):
            objects = [
                {"Key": each.key} | ({"VersionId": each.version} if each.version else {}) for each in old[start : start + _REWRITTEN]
            ]
            self._s3.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})

    def _dead_letter(self, function: str, event: Mapping[str, Any], error: str) -> None:
        """As Lambda puts it into the queue of a function (AWS Lambda Developer Guide, "Dead-letter queues")."""
        sqs = self.client("sqs")
        try:
            queue = sqs.create_queue(QueueName=f"{function}-dead-letters")["QueueUrl"]
            attributes = {"ErrorCode": "200", "ErrorMessage": error[:1000] or "unknown"}
            sqs.send_message(
                QueueUrl=queue,
                MessageBody=json.dumps(event),
                MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
            )
        finally:
            sqs.close()
