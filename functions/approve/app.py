"""Shows a held message to its approvers, and records their decision (Lambda function URL)."""

from mailhooks.hooks.functions.approve import approve_handler

handler = approve_handler()
