"""Reads EWS notifications with exchangelib's own parser."""

from exchangelib.properties import Notification  # type: ignore[import-untyped]
from exchangelib.services import SendNotification  # type: ignore[import-untyped]


def read_notification(body: bytes) -> Notification:
    """Return the notification of a document."""
    [notification] = SendNotification(protocol=None).parse(body)
    return notification
