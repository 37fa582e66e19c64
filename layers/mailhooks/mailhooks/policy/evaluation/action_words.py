"""Describes the actions of rules in words, for the explanation of an evaluation and for commands."""

from mailhooks.policy.rules.conditions import one_line
from mailhooks.policy.rules.rule import (
    Action,
    AddDisclaimer,
    AddRecipients,
    Archive,
    ChangeHeaders,
    Count,
    Effect,
    Hold,
    Notify,
    RemoveRecipients,
    SetVerdict,
    TagSubject,
)


def describe_action(action: Action) -> str:
    """Describe an action by its name and its main option, or its target."""
    match action:
        case SetVerdict():
            verdict = str(action.type).lower().replace("_", " ")
            return f'{verdict} "{one_line(action.text)}"' if action.text else verdict
        case AddRecipients():
            return f"add_recipients {', '.join(action.addresses)}"
        case RemoveRecipients():
            return "remove_recipients"
        case TagSubject():
            return f'subject_tag "{action.tag}"'
        case ChangeHeaders():
            names = {name.lower() for name, _ in action.fields.add} | {name.lower() for name in action.fields.remove}
            return f"headers {', '.join(sorted(names))}"
        case AddDisclaimer():
            text = action.disclaimer.templates[0].source.strip().partition("\n")[0]
            return f'disclaimer ({action.disclaimer.position}) "{text}"'
        case Archive() | Notify() | Count():
            return _describe_effect(action)
        case Hold():
            return f"hold until {describe_approvers(action)}, {describe_timeout(action)}"
        case _:
            return action.name


def _describe_effect(effect: Effect) -> str:
    match effect:
        case Archive():
            retained = f", retained {effect.retain_days} days ({effect.lock})" if effect.lock else ""
            return f"archive a copy under s3://{effect.bucket}/{effect.prefix}{retained}"
        case Notify():
            return f"notify {_describe_target(effect)}" + (f" with {', '.join(sorted(effect.include))}" if effect.include else "")
        case Count():
            return f"count {effect.metric}"


def describe_approvers(hold: Hold) -> str:
    """Describe who approves a held message, such as `ana@example.com or bo@example.com approves`."""
    if hold.state_machine:
        return f"the state machine {hold.state_machine.rpartition(':')[2]} approves"
    targets = [f"the receiver of {_describe_target(hold.target)}"] if hold.target else []
    return f"{' or '.join([*hold.approvers, *targets])} approves"


def describe_timeout(hold: Hold) -> str:
    """Describe what follows without a decision, such as `bounce after 1h30m`."""
    hours, minutes = divmod(hold.timeout_s // 60, 60)
    return f"{hold.on_timeout} after {f'{hours}h' if hours else ''}{f'{minutes}m' if minutes else ''}"


def _describe_target(notify: Notify) -> str:
    return ", ".join(filter(None, (notify.sns, notify.eventbridge and f"event bus {notify.eventbridge}", notify.webhook)))
