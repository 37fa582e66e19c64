"""Writes the SOAP message SendNotificationResult of EWS, which answers a notification."""

from enum import StrEnum
from typing import Final

CONTENT_TYPE: Final = "text/xml; charset=utf-8"
"""SOAP 1.1 section 6."""

_ANSWER: Final = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
    '<SendNotificationResult xmlns="http://schemas.microsoft.com/exchange/services/2006/messages">'
    "<SubscriptionStatus>{status}</SubscriptionStatus>"
    "</SendNotificationResult></soap:Body></soap:Envelope>"
)


class SubscriptionStatus(StrEnum):
    """The subscriber's answer to a notification (Exchange reference, "SubscriptionStatus")."""

    OK = "OK"
    """The events have arrived."""

    UNSUBSCRIBE = "Unsubscribe"
    """WorkMail ends the subscription."""


def build_answer(status: SubscriptionStatus) -> str:
    """Return the SOAP message with a status."""
    return _ANSWER.format(status=status)
