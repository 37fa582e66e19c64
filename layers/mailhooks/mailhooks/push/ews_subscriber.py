"""Makes push subscriptions by the EWS operation Subscribe, on behalf of each mailbox's owner.

Source: the WorkMail guide, "Working with notifications"; the EWS reference, "Subscribe operation".
"""

from typing import Any, Final, NamedTuple

from exchangelib.account import IMPERSONATION, Identity  # type: ignore[import-untyped]
from exchangelib.properties import DistinguishedFolderId, Mailbox  # type: ignore[import-untyped]
from exchangelib.services import SubscribeToPush  # type: ignore[import-untyped]
from exchangelib.util import TNS, create_element  # type: ignore[import-untyped]

from mailhooks.availability.backends.ews.connection import Connection
from mailhooks.availability.backends.ews.errors import failure_for_code
from mailhooks.availability.backends.ews.response import read_back_off
from mailhooks.availability.backends.ews.xml import InvalidXml, descendants, parse, text
from mailhooks.availability.backends.http.client import HttpResponse, failure_for
from mailhooks.availability.errors import LookupFailed, ServerBusy, TimedOut, Unreachable
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, ServiceFailed, Throttled
from mailhooks.push.config import WantedSubscription

_REQUEST_S: Final = 10.0
"""Time for one request. A server that does not answer must not use up the time of all other mailboxes."""

_PAUSE_S: Final = 10.0
"""The pause of a busy server that asks for none."""

_NOT_ABOUT_WATERMARK: Final = frozenset({"ErrorExceededSubscriptionCount", "ErrorNonExistentMailbox", "ErrorImpersonateUserDenied"})


class Busy(Throttled):
    """WorkMail throttles requests. The next one may follow after a pause."""

    def __init__(self, message: str, pause_s: float) -> None:
        super().__init__(message)
        self.pause_s = pause_s


class SubscriptionRefused(MailhooksError):
    """WorkMail does not make the subscription; `code` is the response code of EWS."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class NewSubscription(NamedTuple):
    """A subscription that WorkMail has made: its ID, and the watermark at which it begins."""

    id: str
    watermark: str


class EwsSubscriber:
    """Makes subscriptions over the connections of an impersonation role."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sign_in(self, deadline: Deadline) -> None:
        """Get the role's token, so that a role that cannot be assumed is one error, and not one of each mailbox.

        Raises:
            Busy, ServiceFailed, Misconfigured: the role cannot be assumed.
        """
        try:
            self._connection.sign_in(deadline)
        except LookupFailed as failure:
            raise _convert(failure) from None

    def subscribe(self, wanted: WantedSubscription, url: str, watermark: str, deadline: Deadline) -> NewSubscription:
        """Make a subscription.

        Args:
            url: receives the notifications.
            watermark: of the last event that an earlier subscription has notified; "" to begin now. WorkMail does not document for how long
                it accepts one: if it refuses the request, the subscription begins now.

        Raises:
            Busy, ServiceFailed, SubscriptionRefused, Misconfigured: WorkMail has made no subscription. After ServiceFailed it may have made
                one, whose ID is unknown.
        """
        try:
            return self._subscribe(wanted, url, watermark, deadline)
        except SubscriptionRefused as refused:
            if not watermark or refused.code in _NOT_ABOUT_WATERMARK:
                raise
            return self._subscribe(wanted, url, "", deadline)

    def _subscribe(self, wanted: WantedSubscription, url: str, watermark: str, deadline: Deadline) -> NewSubscription:
        service = _Service(account=_Account(self._connection.protocol, wanted.mailbox))
        envelope = service.build_envelope(wanted, url, watermark)
        try:
            return _read(self._connection.post("Subscribe", envelope, Deadline(min(deadline.at, Deadline.after(_REQUEST_S).at))))
        except LookupFailed as failure:
            raise _convert(failure) from None


class _Account:
    """The attributes that exchangelib's service reads of an account. Its `Account` sends requests of its own."""

    access_type = IMPERSONATION
    default_timezone = None

    def __init__(self, protocol: Any, mailbox: str) -> None:
        self.protocol = protocol
        self.version = protocol.version
        self.identity = Identity(smtp_address=mailbox)


class _Service(SubscribeToPush):  # type: ignore[misc]
    """Builds exchangelib's request without sending it."""

    def build_envelope(self, wanted: WantedSubscription, url: str, watermark: str) -> bytes:
        """Build the SOAP request."""
        mailbox = Mailbox(email_address=wanted.mailbox)
        payload = self.get_payload(
            folders=[DistinguishedFolderId(id=name, mailbox=mailbox) for name in wanted.folders] or None,
            event_types=[f"{name}Event" for name in wanted.events],
            watermark=None,
            status_frequency=wanted.status_minutes,
            url=url,
        )
        if watermark:
            # QUIRK: exchangelib 5.6 writes the watermark in the namespace of messages. It is one of types, after EventTypes (types.xsd,
            # BaseSubscriptionRequestType).
            element = create_element("t:Watermark")
            element.text = watermark
            payload.find(f".//{{{TNS}}}EventTypes").addnext(element)
        envelope: bytes = self.wrap(payload, self.account.version.api_version)
        return envelope


def _read(response: HttpResponse) -> NewSubscription:
    """Read the answer. An error of the mailbox is a response message with HTTP 200, one of the request a SOAP fault with another status."""
    if response.status == 401 or b"Envelope" not in response.content[:4096]:
        raise failure_for(response)
    try:
        root = parse(response.content)
    except InvalidXml as error:
        raise ServiceFailed(f"Subscribe: the answer is not EWS: {error}") from None
    code = text(next(descendants(root, "ResponseCode"), None))
    if code != "NoError":
        failure = failure_for_code(code, read_back_off(root))
        if isinstance(failure, ServerBusy | TimedOut):
            raise failure
        raise SubscriptionRefused(f"Subscribe: {failure}", code)
    new = NewSubscription(*(text(next(descendants(root, name), None)) for name in ("SubscriptionId", "Watermark")))
    if not new.id:
        raise ServiceFailed("Subscribe: the answer has no subscription")
    return new


def _convert(failure: LookupFailed) -> MailhooksError:
    """Return the error of this package for a failure of the shared EWS client."""
    match failure:
        case ServerBusy():
            return Busy(str(failure), _PAUSE_S if failure.retry_after is None else failure.retry_after)
        case Unreachable() | TimedOut():
            return ServiceFailed(str(failure))
        case _:
            return Misconfigured(str(failure))
