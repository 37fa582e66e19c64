"""The SOAP documents of EWS push notifications, as Amazon WorkMail reads and writes them.

Source: the guide, "Working with notifications", and Microsoft's EWS reference: the operations Subscribe and Unsubscribe, SendNotification.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

from mailhooks.availability.backends.ews.xml import Element, InvalidXml, children_by_name, descendants, local_name, parse, text
from workmail_local.servers import is_loopback

_MESSAGES: Final = "http://schemas.microsoft.com/exchange/services/2006/messages"
_TYPES: Final = "http://schemas.microsoft.com/exchange/services/2006/types"
_ERRORS: Final = "http://schemas.microsoft.com/exchange/services/2006/errors"
_ENVELOPE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_NAMESPACES: Final = f'xmlns:t="{_TYPES}" xmlns:m="{_MESSAGES}"'

FOLDERS: Final = frozenset(
    {
        *("calendar", "contacts", "deleteditems", "drafts", "inbox", "journal", "junkemail"),
        *("msgfolderroot", "notes", "outbox", "root", "sentitems", "tasks"),
    }
)
"""The distinguished folders (EWS reference, DistinguishedFolderId) that a mailbox has."""

_EVENT_TYPES: Final = frozenset({"NewMailEvent", "CopiedEvent", "CreatedEvent", "DeletedEvent", "ModifiedEvent", "MovedEvent"})
_ADDRESSES: Final = ("SmtpAddress", "PrimarySmtpAddress")
"""The ways to name a user by an address (EWS reference, ConnectingSID)."""

_MINUTES: Final = range(1, 1441)
_NUMBER: Final = re.compile("[0-9]{1,6}")

_VERSION: Final = (
    f'<soap:Header><ServerVersionInfo xmlns="{_TYPES}" MajorVersion="14" MinorVersion="2" MajorBuildNumber="390" MinorBuildNumber="3" '
    'Version="Exchange2010_SP2"/></soap:Header>'
)


class EwsError(Exception):
    """An error of EWS: its code, its text, and for throttling the milliseconds until the next request."""

    def __init__(self, code: str, message: str, back_off_ms: int = 0) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.back_off_ms = back_off_ms


class EwsFault(EwsError):
    """An error of the whole request, which is a SOAP fault."""


class Request(NamedTuple):
    """A request: the operation with its element, and the address of the user on whose behalf it is sent; "" for none."""

    operation: str
    element: Element
    impersonated: str


@dataclass(frozen=True, slots=True)
class PushRequest:
    """A request for a subscription (EWS reference, PushSubscriptionRequest).

    Attributes:
        folders: distinguished folder IDs; None for all folders.
        events: kinds of events without the suffix, such as `NewMail`.
        watermark: where to begin; "" for now.
        status_minutes: between two heartbeats.
        url: receives the notifications.
    """

    folders: frozenset[str] | None
    events: frozenset[str]
    watermark: str
    status_minutes: int
    url: str


class Event(NamedTuple):
    """A change in a mailbox.

    Attributes:
        kind: such as `NewMail`.
        watermark: identifies the event.
        time: RFC 3339, in UTC.
        item_id, folder_id: the IDs of the message and of its folder.
    """

    kind: str
    watermark: str
    time: str
    item_id: str
    folder_id: str


class Status(StrEnum):
    """The answer of a responder to a notification."""

    OK = "OK"
    UNSUBSCRIBE = "Unsubscribe"
    NONE = ""
    """No valid answer, or another status: the notification is sent again."""


def read_request(content: bytes) -> Request:
    """Read a request. Raises EwsFault: it is not SOAP, or has no operation."""
    try:
        root = parse(content)
    except InvalidXml as error:
        raise EwsFault("ErrorSchemaValidation", f"The request is not XML: {error}") from None
    parts = children_by_name(root)
    body = parts.get("Body")
    if root.tag != f"{{{_ENVELOPE}}}Envelope" or body is None or not len(body):
        raise EwsFault("ErrorSchemaValidation", "The request has no SOAP envelope with an operation")
    header = parts.get("Header")
    addresses = () if header is None else (each for name in _ADDRESSES for each in descendants(header, name))
    impersonated = text(next(iter(addresses), None))
    return Request(local_name(body[0]), body[0], impersonated)


def read_subscribe(element: Element) -> PushRequest:
    """Read the operation Subscribe. WorkMail has push subscriptions only.

    Raises:
        EwsError: the URL is not one of this machine, or the subscription is of another kind.
        EwsFault: the request breaks the schema.
    """
    request = element.find(f"{{{_MESSAGES}}}PushSubscriptionRequest")
    if request is None:
        raise EwsError("ErrorInvalidSubscriptionRequest", "WorkMail has push subscriptions only")
    parts = {}
    for child in request:
        name = child.tag.removeprefix(f"{{{_TYPES}}}")
        if name not in {"FolderIds", "EventTypes", "Watermark", "StatusFrequency", "URL"} or name in parts:
            raise EwsFault("ErrorSchemaValidation", f"The element {local_name(child)} is not expected here")
        parts[name] = child
    if missing := {"EventTypes", "StatusFrequency", "URL"} - parts.keys():
        raise EwsFault("ErrorSchemaValidation", f"An element is missing: {', '.join(sorted(missing))}")
    to_all = request.get("SubscribeToAllFolders", "false")
    if to_all not in {"true", "1", "false", "0"} or ("FolderIds" in parts) == (to_all in {"true", "1"}):
        raise EwsFault("ErrorSchemaValidation", "FolderIds or SubscribeToAllFolders is expected, and not both")
    return PushRequest(
        folders=_read_folders(parts["FolderIds"]) if "FolderIds" in parts else None,
        events=_read_event_types(parts["EventTypes"]),
        watermark=text(parts.get("Watermark")),
        status_minutes=_read_minutes(text(parts["StatusFrequency"])),
        url=_read_url(text(parts["URL"])),
    )


def _read_folders(element: Element) -> frozenset[str]:
    folders = set()
    for child in element:
        if child.tag != f"{{{_TYPES}}}DistinguishedFolderId" or child.get("Id") not in FOLDERS:
            raise EwsError("ErrorFolderNotFound", "The local WorkMail has the distinguished folders only")
        folders.add(child.get("Id"))
    if not folders:
        raise EwsFault("ErrorSchemaValidation", "FolderIds is empty")
    return frozenset(folders)


def _read_event_types(element: Element) -> frozenset[str]:
    names = [text(child) for child in element]
    if not names or not _EVENT_TYPES.issuperset(names):
        raise EwsFault("ErrorSchemaValidation", f"EventTypes must be some of {', '.join(sorted(_EVENT_TYPES))}")
    return frozenset(name.removesuffix("Event") for name in names)


def _read_minutes(written: str) -> int:
    if not _NUMBER.fullmatch(written) or int(written) not in _MINUTES:
        raise EwsFault("ErrorSchemaValidation", "StatusFrequency must be 1 to 1440")
    return int(written)


def _read_url(written: str) -> str:
    """Return a URL of this machine. A notification of a laptop's mail must not go elsewhere."""
    try:
        parts = urlsplit(written)
        valid = parts.scheme in {"http", "https"} and is_loopback(parts.hostname or "") and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not written.isascii() or not written.isprintable() or " " in written:
        raise EwsError("ErrorInvalidPushSubscriptionUrl", "The local WorkMail sends notifications only to URLs of this machine")
    return written


def read_subscription_id(element: Element) -> str:
    """Read the operation Unsubscribe."""
    return text(children_by_name(element).get("SubscriptionId"))


def read_status(content: bytes) -> Status:
    """Read a responder's answer to a notification."""
    try:
        found = next(descendants(parse(content), "SubscriptionStatus"), None)
        return Status(text(found))
    except (InvalidXml, ValueError):
        return Status.NONE


def write_subscribed(subscription_id: str, watermark: str) -> bytes:
    """Write the answer to Subscribe."""
    ids = f"<m:SubscriptionId>{escape(subscription_id)}</m:SubscriptionId><m:Watermark>{watermark}</m:Watermark>"
    return _write_response("Subscribe", f'ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{ids}')


def write_unsubscribed() -> bytes:
    """Write the answer to Unsubscribe."""
    return _write_response("Unsubscribe", 'ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>')


def write_error(operation: str, error: EwsError) -> bytes:
    """Write an error of an operation."""
    code = f"<m:ResponseCode>{error.code}</m:ResponseCode>"
    return _write_response(operation, f'ResponseClass="Error"><m:MessageText>{escape(error.message)}</m:MessageText>{code}')


def _write_response(operation: str, message: str) -> bytes:
    response = f"<m:{operation}ResponseMessage {message}</m:{operation}ResponseMessage>"
    return _write(
        _VERSION, f"<m:{operation}Response {_NAMESPACES}><m:ResponseMessages>{response}</m:ResponseMessages></m:{operation}Response>"
    )


def write_fault(error: EwsFault) -> bytes:
    """Write a SOAP fault (EWS reference, "EWS throttling in Exchange")."""
    pause = f'<t:Value Name="BackOffMilliseconds">{error.back_off_ms}</t:Value>' if error.back_off_ms else ""
    message, code = escape(error.message), escape(error.code)
    return _write(
        "",
        f'<soap:Fault><faultcode xmlns:a="{_TYPES}">a:{code}</faultcode><faultstring xml:lang="en-US">{message}</faultstring>'
        f'<detail><e:ResponseCode xmlns:e="{_ERRORS}">{code}</e:ResponseCode><e:Message xmlns:e="{_ERRORS}">{message}</e:Message>'
        f'<t:MessageXml xmlns:t="{_TYPES}">{pause}</t:MessageXml></detail></soap:Fault>',
    )


def write_notification(subscription_id: str, previous: str, events: Sequence[Event], *, more: bool) -> bytes:
    """Write a notification of events; of a heartbeat without any.

    Args:
        previous: the watermark of the last event that was acknowledged.
        more: whether further events wait.
    """
    written = "".join(map(_write_event, events)) or f"<t:StatusEvent><t:Watermark>{previous}</t:Watermark></t:StatusEvent>"
    header = f'<soap:Header><t:RequestServerVersion {_NAMESPACES} Version="Exchange2010_SP2"/></soap:Header>'
    return _write(
        header,
        f"<m:SendNotification {_NAMESPACES}><m:ResponseMessages>"
        '<m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification>'
        f"<t:SubscriptionId>{escape(subscription_id)}</t:SubscriptionId><t:PreviousWatermark>{previous}</t:PreviousWatermark>"
        f"<t:MoreEvents>{str(more).lower()}</t:MoreEvents>{written}"
        "</m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification>",
    )


def _write_event(event: Event) -> str:
    ids = f"<t:ItemId Id={quoteattr(event.item_id)}/><t:ParentFolderId Id={quoteattr(event.folder_id)}/>"
    content = f"<t:Watermark>{event.watermark}</t:Watermark><t:TimeStamp>{event.time}</t:TimeStamp>{ids}"
    return f"<t:{event.kind}Event>{content}</t:{event.kind}Event>"


def _write(header: str, body: str) -> bytes:
    document = f'<soap:Envelope xmlns:soap="{_ENVELOPE}">{header}<soap:Body>{body}</soap:Body></soap:Envelope>'
    return f'<?xml version="1.0" encoding="utf-8"?>\n{document}'.encode()
