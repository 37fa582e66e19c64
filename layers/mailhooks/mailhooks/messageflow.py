"""Public name of the content store in AWS: `MessageFlow` reads and replaces a message in transit (docs/hooks.md)."""

from mailhooks.aws.message_flow import MessageFlow

__all__ = ["MessageFlow"]
