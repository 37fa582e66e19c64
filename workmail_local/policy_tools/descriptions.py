"""Descriptions of a policy's outcome, for `try`, `replay` and `preview --policy`."""

from collections import Counter
from collections.abc import Iterator

from mailhooks.policy import Outcome
from mailhooks.policy.evaluation.outcome import WantedChange
from mailhooks.policy.facts.recipients import RecipientSet
from mailhooks.policy.rules.rule import AddDisclaimer, Archive, ChangeHeaders, Effect, Notify, TagSubject

UNLISTED = "(recipients not listed)"


def count_verdicts(outcome: Outcome) -> str:
    """Describe how many recipients have each verdict, most frequent verdict first."""
    counts = Counter(str(action.type) for action in outcome.by_recipient.values())
    return ", ".join(f"{number} {kind}" for kind, number in counts.most_common())


def describe_recipients(outcome: Outcome, recipients: RecipientSet, limit: int = 3) -> str:
    """Name a set of recipients; at most `limit` by their address."""
    if recipients == outcome.recipients.all:
        return "all recipients" if len(recipients) > 1 else "the recipient"
    names = [address or UNLISTED for address in outcome.recipients.list_addresses(recipients)]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def describe_change(wanted: WantedChange) -> str:
    """Describe a change of the content by its action and its main option."""
    change = wanted.change
    match change:
        case TagSubject():
            return f'subject_tag "{change.tag}"'
        case ChangeHeaders():
            names = {name.lower() for name, _ in change.fields.add} | {name.lower() for name in change.fields.remove}
            return f"headers {', '.join(sorted(names))}"
        case AddDisclaimer():
            text = change.disclaimer.templates[0].source.strip().partition("\n")[0]
            return f'disclaimer ({change.disclaimer.position}) "{text}"'
        case _:
            return change.name


def describe_effect(effect: Effect) -> str:
    """Describe a side effect by its action and its target."""
    if isinstance(effect, Archive):
        retained = f", retained {effect.retain_days} days ({effect.lock})" if effect.lock else ""
        return f"archive a copy under s3://{effect.bucket}/{effect.prefix}{retained}"
    if isinstance(effect, Notify):
        target = ", ".join(filter(None, (effect.sns, effect.eventbridge and f"event bus {effect.eventbridge}", effect.webhook)))
        return f"notify {target}" + (f" with {', '.join(sorted(effect.include))}" if effect.include else "")
    return f"count {effect.metric}"


def describe_failures(outcome: Outcome) -> Iterator[str]:
    """Describe the conditions that could not be evaluated and the actions that could not be carried out."""
    for each in outcome.failures:
        yield f'rule "{each.rule}": {each.what}: {each.error}' + (f": {each.detail}" if each.detail else "")
