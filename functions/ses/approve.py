"""Shows a message that the function ses holds to its approvers, and records their decision (Lambda function URL)."""

from mailhooks.hooks.functions.approve import approve_handler
from mailhooks.ses.held_messages import HeldMessages

handler = approve_handler(messages=HeldMessages.from_env())
