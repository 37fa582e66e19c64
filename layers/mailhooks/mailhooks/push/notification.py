"""Parses the SOAP message SendNotification of EWS, in which WorkMail posts the events of a mailbox.

Elements are found by their local names in either of EWS's two namespaces, with any prefix, because servers other than Exchange confuse
them. The limits are far above a real message: each exists so that a hostile one costs little.
"""

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from mailhooks.contract.timestamps import parse_iso_time
from mailhooks.errors import MailhooksError

MAX_OCTETS: Final = 256 * 1024
MAX_EVENTS: Final = 500
"""An event has about 600 octets, so that larger ones reach `MAX_OCTETS` first."""

_MAX_ELEMENTS: Final = 10_000
_MAX_DEPTH: Final = 30
_MAX_TEXT: Final = 2048
"""Characters of an ID or a watermark. Exchange's item IDs have about 200."""

_SOAP: Final = "{http://schemas.xmlsoap.org/soap/envelope/}"
"""SOAP 1.1 section 3."""

_EWS: Final = re.compile(r"\{http://schemas\.microsoft\.com/exchange/services/2006/(?:messages|types)\}([A-Za-z]+)")
_KIND: Final = re.compile(r"([A-Z][A-Za-z]{0,59})Event")
_IDS: Final = ("ItemId", "FolderId", "ParentFolderId", "OldItemId", "OldFolderId", "OldParentFolderId")
_CODE: Final = re.compile(r"[A-Za-z]{1,80}")


class InvalidNotification(MailhooksError):
    """The content is not a SendNotification message. The text does not quote it."""


class Id(NamedTuple):
    """The ID of an item or a folder; `change_key` is "" if EWS sends none."""

    id: str
    change_key: str


class Event(NamedTuple):
    """An event of a mailbox.

    Attributes:
        kind: the element's name without the suffix Event, such as `NewMail`; `Status` is the heartbeat.
        watermark: the position of the event in the subscription.
        time: when it happened; None for a heartbeat.
        ids: by element, such as `ItemId`, `ParentFolderId`, `OldParentFolderId`.
        unread: the unread messages of a modified folder; None if EWS sends no number.
    """

    kind: str
    watermark: str
    time: datetime | None
    ids: dict[str, Id]
    unread: int | None

    @property
    def is_heartbeat(self) -> bool:
        return self.kind == "Status"


class Notification(NamedTuple):
    """The events of one subscription in a message."""

    subscription_id: str
    events: tuple[Event, ...]


class Message(NamedTuple):
    """A SendNotification message.

    Attributes:
        notifications: of the successful response messages, at least one unless there are error codes.
        error_codes: of the other response messages, in which WorkMail reports an error of a subscription.
    """

    notifications: tuple[Notification, ...]
    error_codes: tuple[str, ...]


def parse_message(content: bytes | str) -> Message:
    """Parse a SendNotification message.

    Args:
        content: octets in the encoding that their byte order mark or XML declaration names, else UTF-8; or text, whose declaration is
            ignored.

    Raises:
        InvalidNotification: it is not well-formed XML, has a document type, is not such a message, or is beyond a limit.
    """
    try:
        root = _parse(content)
    except DefusedXmlException:
        # SOAP 1.1 section 3: "A SOAP message MUST NOT contain a Document Type Declaration."
        raise InvalidNotification("it has a document type") from None
    except (ParseError, LookupError, ValueError):
        # Not chained: the error may quote the message. The last two are of an unknown encoding.
        raise InvalidNotification("it is not well-formed XML") from None
    if root.tag != f"{_SOAP}Envelope":
        raise InvalidNotification("expected a SOAP 1.1 envelope, got another root element")
    body = next((child for child in root if child.tag == f"{_SOAP}Body"), None)
    request = _child(body, "SendNotification")
    messages = _children(_child(request, "ResponseMessages"), "SendNotificationResponseMessage")
    if not messages:
        raise InvalidNotification("expected a SendNotificationResponseMessage in ResponseMessages in SendNotification")
    notifications: list[Notification] = []
    error_codes: list[str] = []
    for message in messages:
        if message.get("ResponseClass") == "Error":
            code = _text(_child(message, "ResponseCode"))
            error_codes.append(code if _CODE.fullmatch(code) else "unknown")
        else:
            notifications.append(_read_notification(_child(message, "Notification")))
    if sum(len(each.events) for each in notifications) > MAX_EVENTS:
        raise InvalidNotification(f"it has more than {MAX_EVENTS} events")
    return Message(tuple(notifications), tuple(error_codes))


class _Builder(TreeBuilder):
    """Builds the tree of a small document."""

    def __init__(self) -> None:
        super().__init__()
        self._elements = self._depth = 0

    def start(self, tag: Any, attrs: Any, /) -> Any:
        self._elements += 1
        self._depth += 1
        if self._elements > _MAX_ELEMENTS:
            raise InvalidNotification(f"it has more than {_MAX_ELEMENTS:,} elements")
        if self._depth > _MAX_DEPTH:
            raise InvalidNotification(f"it is nested deeper than {_MAX_DEPTH} elements")
        return super().start(tag, attrs)

    def end(self, tag: Any, /) -> Any:
        self._depth -= 1
        return super().end(tag)


def _parse(content: bytes | str) -> Element:
    encoding = "utf-8" if isinstance(content, str) else None
    parser = DefusedXMLParser(target=_Builder(), encoding=encoding, forbid_dtd=True)
    parser.feed(content.encode("utf-8", "replace") if isinstance(content, str) else content)
    root: Element = parser.close()
    return root


def _read_notification(element: Element | None) -> Notification:
    if element is None:
        raise InvalidNotification("expected a Notification in SendNotificationResponseMessage")
    subscription_id = _require_text(_child(element, "SubscriptionId"), "SubscriptionId")
    events = tuple(_read_event(kind[1], child) for child in element if (kind := _KIND.fullmatch(_name(child))))
    if not events:
        raise InvalidNotification("expected an event in Notification")
    return Notification(subscription_id, events)


def _read_event(kind: str, element: Element) -> Event:
    ids = {}
    for name in _IDS:
        if (child := _child(element, name)) is not None:
            ids[name] = Id(_check_length(child.get("Id", ""), name), _check_length(child.get("ChangeKey", ""), name))
    unread = _text(_child(element, "UnreadCount"))
    return Event(
        kind,
        _require_text(_child(element, "Watermark"), "Watermark"),
        _read_time(_text(_child(element, "TimeStamp"))),
        ids,
        int(unread) if re.fullmatch("[0-9]{1,9}", unread) else None,
    )


def _read_time(text: str) -> datetime | None:
    """Return a time in UTC; None for a text that is not a time, which must not keep the event from the bus."""
    with suppress(ValueError, OverflowError):
        moment = parse_iso_time(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return None


def _name(element: Element) -> str:
    """Return the local name of an element of EWS; "" for another."""
    match = _EWS.fullmatch(element.tag)
    return match[1] if match else ""


def _children(element: Element | None, name: str) -> list[Element]:
    return [child for child in (() if element is None else element) if _name(child) == name]


def _child(element: Element | None, name: str) -> Element | None:
    return next(iter(_children(element, name)), None)


def _text(element: Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _require_text(element: Element | None, name: str) -> str:
    text = _check_length(_text(element), name)
    if not text:
        raise InvalidNotification(f"expected a {name} with text")
    return text


def _check_length(text: str, name: str) -> str:
    if len(text) > _MAX_TEXT:
        raise InvalidNotification(f"{name} is longer than {_MAX_TEXT:,} characters")
    return text
