"""Answers WorkMail's questions for free/busy times of mailboxes elsewhere (custom availability provider)."""

from mailhooks.availability.function.handler import availability_handler

handler = availability_handler()
