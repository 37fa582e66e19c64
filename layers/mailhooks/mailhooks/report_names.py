"""The names of metrics and log fields of the functions for mail. Dashboards, alarms and queries use them; a policy must not count them."""

from enum import StrEnum
from typing import Final


class Dimension(StrEnum):
    """The dimensions of each metric. Powertools sets `service`."""

    SERVICE = "service"
    HOOK = "hook"
    DIRECTION = "direction"


class Metric(StrEnum):
    """The metrics of the functions for mail, apart from those in `verdict_metric` and `reason_metric`, and those that a policy counts."""

    MESSAGES = "Messages"
    CHANGED = "Changed"
    PERMANENT = "Permanent"
    PASSING = "Passing"
    FAILED = "Failed"
    DURATION = "Duration"
    MESSAGE_SIZE = "MessageSize"
    RECIPIENTS = "Recipients"
    UNKNOWN_SUMMARY_VERSION = "UnknownSummaryVersion"
    POLICY_REFUSED = "PolicyRefused"
    RULES_MATCHED = "RulesMatched"
    RULES_REPORTED = "RulesReported"
    CONTENT_MIXED = "ContentMixed"
    RULE_FAILURES = "RuleFailures"
    HOLDS_TIMED_OUT = "HoldsTimedOut"
    """Holds that ended without a decision of an approver."""
    HELD = "Held"
    """Attempts that left a message held. Each retry of WorkMail counts."""


class LogKey(StrEnum):
    """The fields of the log line of the functions for mail. Powertools adds `level`, `message`, `service`, `timestamp` and a trace's ID."""

    HOOK = "hook"
    VERDICT = "verdict"
    CHANGED = "changed"
    BYTES = "bytes"
    BYTES_WRITTEN = "bytesWritten"
    MILLISECONDS = "milliseconds"
    COLD_START = "coldStart"
    RELEASE = "release"
    """The version of this project, in the line of a cold start."""
    FUNCTION_VERSION = "functionVersion"
    """The version of the Lambda function, which differs during a gradual deployment."""
    MESSAGE_ID = "messageId"
    INVOCATION_ID = "invocationId"
    SMTP_MESSAGE_ID = "smtpMessageId"
    DIRECTION = "direction"
    RECIPIENT_COUNT = "recipientCount"
    TRUNCATED = "truncated"
    SUMMARY_VERSION = "summaryVersion"
    MAIL_FROM = "mailFrom"
    SENDER = "sender"
    RECIPIENTS = "recipients"
    SUBJECT = "subject"
    DUPLICATE = "duplicate"
    REASON = "reason"
    DETAIL = "detail"
    FRAMES = "frames"
    TRACEBACK = "traceback"
    """Only with LOG_EXCEPTIONS=text."""
    POLICY_REFUSED = "policyRefused"
    POLICY = "policy"
    RULES = "rules"
    REPORTED = "reported"
    MIXED = "mixed"
    FAILURES = "failures"
    NOTES = "notes"
    HOLDS = "holds"
    """The rules that hold or held the message, each with a `HoldState`."""
    DECIDED_BEFORE = "decidedBefore"
    ALREADY_CHECKED = "alreadyChecked"
    """A valid mark shows that the message was checked before: it is passed on unevaluated."""
    DECISION = "decision"
    """The rules and their conditions in words, if LOG_DECISION is true. It quotes the message."""


class HoldState(StrEnum):
    """The state of a hold, in the log and in the table of holds. All but PENDING are final."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    TIMED_OUT = "timed-out"
    WITHDRAWN = "withdrawn"
    """No decision is needed any more: another rule has stopped the message, or the policy has no such rule now."""


_VERDICT: Final = "Verdict"
_REASON: Final = "Reason"

_RESERVED: Final = frozenset({*Metric, *Dimension, LogKey.MESSAGE_ID, LogKey.INVOCATION_ID})
"""Keys of the JSON object of a set of metrics (embedded metric format): metrics, dimensions and metadata."""


def verdict_metric(action: str) -> str:
    """Return the metric that counts messages with an action for a recipient, such as `VerdictMoveToJunk`."""
    return f"{_VERDICT}{action.title().replace('_', '')}"


def reason_metric(error: str) -> str:
    """Return the metric that counts errors of a class, such as `ReasonThrottled`."""
    return f"{_REASON}{error.strip('_')}"


def is_reserved_metric(name: str) -> bool:
    """Return whether the metrics of each message may have a name already."""
    return name in _RESERVED or any(name.startswith(prefix) and name[len(prefix) :][:1].isupper() for prefix in (_VERDICT, _REASON))
