"""The web page of the local WorkMail: messages with their traces, rules, availability, a form to send mail. The same as JSON."""

from workmail_local.web.app import create_app

__all__ = ["create_app"]
