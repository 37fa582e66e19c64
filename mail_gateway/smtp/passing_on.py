"""Passes an evaluated message on, and answers the client: in transactions with the next host, one for each copy of the message."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from mail_gateway.smtp.commands import MailParameters
from mail_gateway.smtp.next_host import HostLimits, NextHostConnection, NextHostFailed
from mail_gateway.smtp.replies import is_positive, is_transient, make_reply
from mail_gateway.smtp.reports import REPORT_REFUSED, SentReports, send_report
from mailhooks.relay.disposition import Copy, Disposition
from mailhooks.relay.errors import CannotPassOn
from mailhooks.relay.replies import Reply, bounce_reply
from mailhooks.relay.smtp_data import has_false_end, is_ascii

OK: Final = make_reply(250, "2.0.0", "Ok")
NOT_ASCII: Final = make_reply(554, "5.6.3", "The next host does not accept 8BITMIME, which the message needs")  # RFC 6152 section 3
FALSE_END: Final = make_reply(550, "5.6.0", "The message has a lone dot next to NUL or to a line end that is not CRLF")
_REFUSED_LATE: Final = "The mail server of this recipient refused the message."


@dataclass(slots=True)
class Transaction:
    """A message of the client.

    Attributes:
        sender: the reverse-path; "" for the null one.
        attributes: those of XFORWARD.
        accepted: the recipients that the next host has accepted, in the client's order, with those that it names twice.
    """

    sender: str
    parameters: MailParameters
    attributes: Mapping[str, str]
    accepted: list[str] = field(default_factory=list)

    @property
    def recipients(self) -> tuple[str, ...]:
        """The accepted recipients, each once."""
        return tuple(dict.fromkeys(self.accepted))


@dataclass(frozen=True, slots=True)
class Checked:
    """A disposition, with what the next host has to know of it: found out in the thread of the evaluation, because it reads all octets.

    Attributes:
        copies: who gets which copy.
        needs_8bitmime: whether a copy has octets above 127.
    """

    disposition: Disposition
    copies: tuple[Copy, ...]
    needs_8bitmime: bool


def check_copies(disposition: Disposition, limits: HostLimits, *, split: bool) -> Checked:
    """Check a disposition before it is carried out. A change that the next host cannot get is left out.

    Raises:
        TryAgain: a rule requires its change.
    """
    copies = disposition.copies(split)
    needs_8bitmime = any(not is_ascii(copy.pieces()) for copy in copies)
    problem = _find_problem(disposition, copies, limits, needs_8bitmime=needs_8bitmime) if disposition.is_changed else ""
    if problem:
        return check_copies(disposition.without_change(CannotPassOn(problem)), limits, split=split)
    return Checked(disposition, copies, needs_8bitmime)


def _find_problem(disposition: Disposition, copies: tuple[Copy, ...], limits: HostLimits, *, needs_8bitmime: bool) -> str:
    """Return why the next host cannot get the changed message, although it could get the received one; "" if it can."""
    content = disposition.received.content
    if any(has_false_end(copy.pieces()) for copy in copies):
        return "the changed message has a lone dot next to NUL or to a line end that is not CRLF"
    if needs_8bitmime and not limits.has_8bitmime and content.isascii():
        return "the next host does not accept 8BITMIME, which the changed message needs"
    if limits.max_octets and len(content) <= limits.max_octets < max((copy.size for copy in copies), default=0):
        return "the next host does not accept the size of the changed message"
    return ""


class PassingOn:
    """The transactions with the next host for one message.

    Args:
        has_reply_each: whether the client reads a reply for each recipient (LMTP). If not, recipients who do not get the message are in a
            delivery status notification to the sender, unless no recipient gets it.
        may_end: whether the client still waits.

    Attributes:
        notes: what an operator should know, for the log.
    """

    def __init__(
        self,
        host: NextHostConnection,
        transaction: Transaction,
        checked: Checked,
        sent: SentReports,
        *,
        has_reply_each: bool,
        may_end: Callable[[], bool],
    ) -> None:
        self._host = host
        self._transaction = transaction
        self._disposition = checked.disposition
        self._copies = checked.copies
        self._needs_8bitmime = checked.needs_8bitmime
        self._sent = sent
        self._has_reply_each = has_reply_each
        self._may_end = may_end
        self._used = False  # whether the transaction that the client has begun is no longer there
        self.notes: list[str] = []

    async def run(self) -> list[Reply]:
        """Pass the message on, and return the replies to the end of the content: one for each accepted recipient if the client reads them.

        Raises:
            Withdrawn: the client does not wait.
        """
        bounced = {recipient: bounce_reply(text) for recipient, text in self._disposition.bounced.items()}
        replies = dict.fromkeys(self._transaction.recipients, OK) | bounced
        if self._has_reply_each:
            replies |= await self._pass_on_all()
            return [replies[recipient] for recipient in self._transaction.accepted]
        if len(bounced) == len(replies):
            # Rules may have different texts for the recipients, and add others who get the message all the same.
            passed = await self._pass_on_all()
            wait = next((reply for reply in passed.values() if is_transient(reply)), None)
            return [wait or _join(list(dict.fromkeys(bounced.values())))]
        if self._copies and self._host.has_transaction and self._lacks_8bitmime:
            return [NOT_ASCII]
        refusal = await self._try(self._report(self._disposition.bounced))
        if refusal is not None:
            return [refusal]
        passed = await self._pass_on_all()
        return [next((reply for reply in passed.values() if not is_positive(reply)), next(iter(passed.values()), OK))]

    async def _pass_on_all(self) -> dict[str, Reply]:
        """Pass all copies on, and return the reply for each of their recipients."""
        replies: dict[str, Reply] = {}
        for copy in self._copies:
            try:
                replies |= await self._pass_on(copy)
            except NextHostFailed as error:
                self.notes.append(error.reason)
                replies |= dict.fromkeys(copy.recipients, error.reply)
        return replies

    async def _pass_on(self, copy: Copy) -> dict[str, Reply]:
        """Pass a copy on, and return the reply for each of its recipients."""
        refused = await self._begin(copy)
        if self._host.has_transaction and self._lacks_8bitmime:
            return dict.fromkeys(copy.recipients, NOT_ASCII)
        accepted = tuple(each for each in copy.recipients if each not in refused)
        # The client reads no reply for these.
        silent = {each: reply for each, reply in refused.items() if not self._has_reply_each or each not in self._transaction.recipients}
        wait = next((reply for reply in silent.values() if is_transient(reply)), None)
        if wait is not None:
            return dict.fromkeys(copy.recipients, wait)
        if silent and (accepted or self._has_reply_each):
            lost = self._disposition.list_lost(silent)
            reply = await self._report_refused(silent, lost)
            if reply is not None:
                return dict.fromkeys((*copy.recipients, *lost), reply)
            heard = {each: reply for each, reply in refused.items() if each not in silent}
            return heard | (await self._pass_on(replace(copy, recipients=accepted)) if accepted else {})
        if accepted:
            refused |= dict.fromkeys(accepted, await self._host.send(copy.pieces(), self._may_end))
        return refused

    @property
    def _lacks_8bitmime(self) -> bool:
        return self._needs_8bitmime and "8bitmime" not in self._host.extensions

    async def _begin(self, copy: Copy) -> dict[str, Reply]:
        """Begin the transaction of a copy, if it is not the one that the client has begun, and return the replies of refused recipients."""
        parameters = self._transaction.parameters
        declares = parameters.body == "8BITMIME" or not (self._disposition.is_changed and self._needs_8bitmime)
        if self._host.has_transaction and declares and copy.recipients == self._transaction.recipients and not self._used:
            self._used = True
            return {}
        self._used = True
        body = "8BITMIME" if self._needs_8bitmime else parameters.body
        reply = await self._host.begin(
            self._transaction.sender, parameters._replace(size=copy.size, body=body), self._transaction.attributes
        )
        if not is_positive(reply):
            return dict.fromkeys(copy.recipients, reply)
        replies = {recipient: await self._host.add_recipient(recipient) for recipient in copy.recipients}
        return {recipient: reply for recipient, reply in replies.items() if not is_positive(reply)}

    async def _report_refused(self, refused: Mapping[str, Reply], lost: Collection[str]) -> Reply | None:
        """Report recipients whom the next host refuses although it has accepted them before, or in whose place a rule has added others.

        Args:
            lost: those of the client's recipients whom the message does not reach. It did not name the others.

        Returns:
            the reply for the client if it has to try again: the report cannot be sent.
        """
        self.notes.append("the next host refuses a recipient at the end of the message")
        if not lost:
            return None
        bounced = dict(self._disposition.bounced) | dict.fromkeys(lost, _REFUSED_LATE)
        self._disposition = replace(self._disposition, bounced=bounced)
        if self._disposition.bounce_report(lost) is not None:
            return await self._report(lost)
        # Without a sender to notify, the client gets the refusal of its own recipient when it tries again.
        own = any(recipient in self._transaction.recipients for recipient in refused)
        return make_reply(451, "4.3.0", "The next host refuses a recipient now, try again later") if own else None

    async def _report(self, recipients: Collection[str]) -> Reply | None:
        """Send a delivery status notification about recipients who do not get the message.

        Returns:
            the reply for the client if it has to try again. A sender who cannot be reached at all is not notified.

        Raises:
            NextHostFailed: as its commands.
        """
        report = self._sent.find_unsent(self._disposition, recipients)
        if report is None:
            return None
        self._used = True
        transaction = self._transaction
        reply = await send_report(self._host, report.content, transaction.sender, self._may_end, smtputf8=transaction.parameters.smtputf8)
        if is_transient(reply):
            return reply
        if is_positive(reply):
            self._sent.add(report)
        else:
            self.notes.append(REPORT_REFUSED)
        return None

    async def _try(self, work: Awaitable[Reply | None]) -> Reply | None:
        try:
            return await work
        except NextHostFailed as error:
            self.notes.append(error.reason)
            return error.reply


def _join(replies: list[Reply]) -> Reply:
    first = replies[0]
    return first._replace(lines=tuple(line for reply in replies for line in reply.lines))
