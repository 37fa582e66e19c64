"""Returns mail without a subject to its sender (synchronous rule)."""

from mailhooks.contract import Verdict
from mailhooks.hook import Mail, sync_hook


def require_subject(mail: Mail) -> Verdict | None:
    """Return a verdict that bounces mail without a subject, or None to deliver it."""
    if mail.event.subject.strip():
        return None
    return mail.verdict().bounce("Please send the message again, with a subject.")


handler = sync_hook(require_subject)
