"""Side effects that are recorded, and not carried out."""

import hashlib
from collections.abc import Sequence

from mailhooks.core.mail import Mail
from mailhooks.core.side_effects_base import SideEffects
from mailhooks.deadline import Deadline
from mailhooks.policy.rules.rule import Archive, Notify


class RecordedEffects(SideEffects):
    """Keeps the side effects of one message.

    Attributes:
        found: in their order: the name, the target, the envelope's recipients, and of `archive` the digest of the stored message.
    """

    def __init__(self) -> None:
        self.found: tuple[tuple[str, ...], ...] = ()

    def archive(self, effect: Archive, mail: Mail, deadline: Deadline) -> None:
        self.found += (("archive", effect.bucket, *sorted(mail.envelope.recipients), hashlib.sha256(mail.raw).hexdigest()),)

    def notify(self, effect: Notify, mail: Mail, rule: str, verdicts: Sequence[str], deadline: Deadline) -> None:
        self.found += (("notify", effect.kind, rule, *sorted(mail.envelope.recipients), *sorted(verdicts)),)
