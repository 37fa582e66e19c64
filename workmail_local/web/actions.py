"""The actions of the pages on a running local WorkMail. The pages read messages from `History`."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from mail_gateway.errors import CommandError
from mailhooks.contract import FlowDirection
from mailhooks.contract.limits import MAX_MESSAGE_BYTES, MAX_RECIPIENTS
from mailhooks.relay.addresses import is_mailbox
from workmail_local.config.problems import FileProblem
from workmail_local.config.release import ReleaseServer
from workmail_local.config.smtp import Tls
from workmail_local.errors import LocalError, NotNow
from workmail_local.ews.subscriptions import SubscriptionState
from workmail_local.mail.history import MessageTrace
from workmail_local.mail.release import Release
from workmail_local.mail.submission import Submission
from workmail_local.queue.holds import Hold
from workmail_local.queue.recipient_policy import RecipientPolicy
from workmail_local.queue.webhook import WebhookFailure
from workmail_local.rules.matching import Match, match_rules
from workmail_local.rules.rule import Rule
from workmail_local.runtime.invocation import Invocation
from workmail_local.workmail import LocalWorkMail

_PROVIDER_LIMIT_S: Final = 25.0
"""WorkMail's time limit for an availability function (guide, "Custom availability provider")."""

_MAX_REPLIES: Final = 5
_ENDPOINT: Final = "AWS_ENDPOINT_URL_"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of the servers, with examples to try.

    Attributes:
        inbound, outbound: the SMTP ports, each as `host:port`.
        environment: variables that point boto3 and the AWS CLI to the servers.
        user: an address of the organization, for examples.
        calendars: addresses that have free/busy times, for examples.
        submission: what the SMTP port `outbound` offers and asks of a client, in words.
        swaks: the options with which the command `swaks` sends mail to that port.
        certificate: the file that SMTP clients have to trust; None without TLS.
        subscriptions: to push notifications.
    """

    inbound: str
    outbound: str
    environment: Mapping[str, str]
    domains: Sequence[str] = ("example.com",)
    user: str = "ana@example.com"
    calendars: Sequence[str] = ()
    submission: str = ""
    swaks: str = ""
    certificate: Path | None = None
    subscriptions: Sequence[SubscriptionState] = ()

    @property
    def endpoints(self) -> dict[str, str]:
        """The URLs of the APIs, by the names of the services."""
        urls = {name: url for name, url in self.environment.items() if name.startswith(_ENDPOINT) and urlsplit(url).port}
        return {name.removeprefix(_ENDPOINT).lower().replace("_", " "): url for name, url in urls.items()}


def _refuse_syntax(address: str, other: str) -> str | None:
    """Return the reply that refuses an address which is neither a mailbox nor this other name (RFC 5321 section 4.1.2)."""
    return None if is_mailbox(address) or address.lower() == other else "553 5.1.3 Not a mail address"


class Actions:
    """The actions of the pages, which call them in worker threads.

    Args:
        wm: a started local WorkMail.
        samples: sample messages by name.
        calendars: addresses that have free/busy times.
    """

    def __init__(self, wm: LocalWorkMail, samples: Mapping[str, bytes], calendars: Sequence[str] = ()) -> None:
        self._calendars = calendars
        self._wm = wm
        self._samples = samples
        self._policy = RecipientPolicy(wm.mail_server.workers, lambda: wm.configuration)

    def list_rules(self) -> Sequence[Rule]:
        """Return the flow rules in the order of the configuration."""
        return self._wm.configuration.rules

    def list_file_problems(self) -> Sequence[FileProblem]:
        """Return the errors in the saved files of the configuration and of the policies."""
        return self._wm.file_problems

    def test_rule(self, direction: FlowDirection, author: str, sender: str, recipients: Sequence[str]) -> Sequence[Match]:
        """Return the rule that WorkMail runs for each recipient."""
        return match_rules(self.list_rules(), direction, author=author, sender=sender, recipients=recipients)

    def send(self, direction: FlowDirection, mail_from: str, recipients: Sequence[str], raw: bytes) -> int:
        """Submit a message as if the SMTP port of that direction had received it, and return its number.

        Raises:
            LocalError: the SMTP server would reject the message; the text has its replies.
        """
        if not 1 <= len(recipients) <= MAX_RECIPIENTS:
            raise LocalError(f"give 1 to {MAX_RECIPIENTS} recipients")
        if len(raw) > MAX_MESSAGE_BYTES:
            raise LocalError(f"the message is too large: WorkMail accepts {MAX_MESSAGE_BYTES // 1024 // 1024} MB")
        refusals = [(mail_from, _refuse_syntax(mail_from, "") or self._policy.refuse_sender(direction, mail_from, ""))]
        refusals += [
            (address, _refuse_syntax(address, "postmaster") or self._policy.refuse_recipient(direction, address)) for address in recipients
        ]
        if refused := [f"{address}: {refusal}" for address, refusal in refusals if refusal]:
            more = f"; and {len(refused) - _MAX_REPLIES} more" if len(refused) > _MAX_REPLIES else ""
            raise LocalError("; ".join(refused[:_MAX_REPLIES]) + more)
        return self._wm.accept(Submission(direction, mail_from, tuple(recipients), raw))

    def delete(self, number: int | None = None, *, search: str | None = None, until: int | None = None) -> int:
        """Delete messages; see `LocalWorkMail.delete`."""
        return self._wm.delete(number, search=search, until=until)

    def send_again(self, number: int, mail_from: str | None = None, recipients: Sequence[str] = ()) -> int:
        """Submit a stored message again, perhaps with another envelope, and return the number of the new message.

        Raises:
            UnknownMessage: no message has this number.
            LocalError: see `send`.
        """
        submission = self._wm.load_submission(number, mail_from=mail_from, to=recipients)
        return self.send(submission.direction, submission.mail_from, submission.recipients, submission.raw)

    def retry_now(self, number: int) -> int:
        """Start the next attempt of each job of a message that waits for one; return how many jobs waited.

        Raises:
            UnknownMessage: no message has this number.
            NotNow: no job waits.
        """
        count = self._wm.retry_now(number)
        if not count:
            raise NotNow(f"message {number} does not wait for an attempt")
        return count

    def list_holds(self, number: int) -> Sequence[Hold]:
        """Return the holds of a message that is not done; see `LocalWorkMail.holds`."""
        return self._wm.holds(number)

    def decide(self, number: int, decision: str, hold: str, reason: str) -> None:
        """Decide on a held message; see `LocalWorkMail.record_decision`."""
        self._wm.record_decision(number, decision, hold=hold, reason=reason)

    def find_release_server(self) -> ReleaseServer | None:
        """Return the SMTP server for released messages; None when the configuration has none."""
        return self._wm.configuration.release

    def list_releases(self, trace: MessageTrace) -> Sequence[Release]:
        """Return the releases of a message, oldest first."""
        return self._wm.mail_server.releases.list(trace)

    def release(self, number: int, recipients: Sequence[str], run_number: int, known: int) -> Release:
        """Send a message to a real SMTP server; see `Releases.release`."""
        return self._wm.mail_server.releases.release(number, recipients, run_number=run_number, known=known)

    def find_webhook_failure(self) -> WebhookFailure | None:
        """Return the last failure of the webhook; see `WebhookCaller.failure`."""
        return self._wm.mail_server.webhook.failure

    def list_samples(self) -> Mapping[str, bytes]:
        """Return the sample messages by name."""
        return self._samples

    def get_addresses(self) -> Addresses:
        """Return the addresses of the servers."""
        configuration = self._wm.configuration
        users, smtp = configuration.directory.users, configuration.smtp
        user = users[0].address if users else f"ana@{configuration.domains[0]}"
        return Addresses(
            self._wm.smtp_address("INBOUND"),
            self._wm.smtp_address("OUTBOUND"),
            self._wm.environment,
            configuration.domains,
            user,
            self._calendars,
            smtp.describe(passwords=any(each.password for each in users)),
            smtp.write_swaks_options(user),
            None if smtp.tls is Tls.OFF else self._wm.smtp_certificate.absolute(),
            self._wm.ews.subscriptions.list_states(),
        )

    def ask_availability(self, request: Mapping[str, Any]) -> Invocation:
        """Call the availability function with WorkMail's time limit. The request and the response are not checked here."""
        name = self._wm.configuration.availability
        if not name:
            error = "there is no availability function: name one in workmail.toml, in [availability]"
            return Invocation(error=error)
        try:
            invoker, timeout_s = self._wm.mail_server.find_function(name)
        except CommandError as error:
            return Invocation(error=str(error))
        return invoker.invoke(request, str(uuid.uuid4()), min(timeout_s, _PROVIDER_LIMIT_S))
