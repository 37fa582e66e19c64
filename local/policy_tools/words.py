"""An outcome in words: what `try`, `replay` and `preview --policy` say of it."""

from collections import Counter
from collections.abc import Iterator

from mailhooks.policy import Outcome
from mailhooks.policy.evaluation.outcome import WantedChange
from mailhooks.policy.rules.actions import AddDisclaimer, Archive, ChangeHeaders, Effect, Notify, StripAttachments, TagSubject

UNLISTED = "(those not listed)"


def counted(outcome: Outcome) -> str:
    """How many recipients have which verdict."""
    counts = Counter(str(action.type) for action in outcome.by_recipient.values())
    return ", ".join(f"{number} {kind}" for kind, number in counts.most_common())


def addresses(outcome: Outcome, bits: int, most: int = 3) -> str:
    """The recipients of these bits, in words."""
    everybody = outcome.recipients.everybody
    if bits == everybody:
        return "all recipients" if bits.bit_count() > 1 else "the recipient"
    names = [address or UNLISTED for _, address in outcome.recipients.named(bits)]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def change(wanted: WantedChange) -> str:
    """A change of the content, by what it says."""
    made = wanted.change
    match made:
        case TagSubject():
            return f'subject_tag "{made.tag}"'
        case ChangeHeaders():
            return f"headers {', '.join(sorted(wanted_fields(made)))}"
        case AddDisclaimer():
            text = made.disclaimer.templates[0].source.strip().partition("\n")[0]
            return f'disclaimer ({made.disclaimer.position}) "{text}"'
        case StripAttachments():
            return "strip_attachments"
        case _:
            return made.name


def wanted_fields(headers: ChangeHeaders) -> set[str]:
    """The names of the fields that are set, added or removed."""
    return {name.lower() for name, _ in headers.fields.add} | {name.lower() for name in headers.fields.remove}


def effect(made: Effect) -> str:
    """What is done beside the message."""
    if isinstance(made, Archive):
        kept = f", kept {made.retain_days} days ({made.lock})" if made.lock else ""
        return f"archive a copy under s3://{made.bucket}/{made.prefix}{kept}"
    if isinstance(made, Notify):
        target = ", ".join(filter(None, (made.sns, made.eventbridge and f"event bus {made.eventbridge}", made.webhook)))
        return f"notify {target}" + (f" with {', '.join(sorted(made.include))}" if made.include else "")
    return f"count {made.metric}"


def failures(outcome: Outcome) -> Iterator[str]:
    """What could not be told or done."""
    for each in outcome.failures:
        yield f'rule "{each.rule}": {each.what}: {each.error}' + (f": {each.detail}" if each.detail else "")
