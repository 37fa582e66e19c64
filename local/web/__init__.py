"""The pages of the local WorkMail: messages and their stories, rules, availability, a form to send with. And the same as JSON."""

from local.web.actions import Actions, Addresses, Answer
from local.web.app import web

__all__ = ["Actions", "Addresses", "Answer", "web"]
