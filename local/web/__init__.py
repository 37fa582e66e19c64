"""The web page of the local WorkMail: messages with their traces, rules, availability, a form to send mail. The same as JSON."""

from local.web.actions import Actions, Addresses, AvailabilityAnswer
from local.web.app import create_app

__all__ = ["Actions", "Addresses", "AvailabilityAnswer", "create_app"]
