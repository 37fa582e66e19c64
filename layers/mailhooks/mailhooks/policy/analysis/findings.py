"""Findings about a valid policy."""

from dataclasses import dataclass
from enum import StrEnum

from mailhooks.policy.rules.rule import Rule


class Severity(StrEnum):
    """How much a finding matters."""

    WARNING = "warning"
    """The policy does not do what is written in it."""
    NOTE = "note"
    """The policy may not do what its author wants."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A remark about a policy, with its reason."""

    rule: str
    """The name of the rule; `""` for a finding about the whole policy."""
    text: str
    severity: Severity = Severity.WARNING
    line: int = 0
    """The line of the file on which the rule begins; 0 without a rule."""
    platform: str = ""
    """The name of the platform that it is about; `""` for a finding about every platform."""

    def __str__(self) -> str:
        return f'{self.severity}: rule "{self.rule}": {self.text}' if self.rule else f"{self.severity}: {self.text}"


def make_finding(rule: Rule, text: str, severity: Severity = Severity.WARNING) -> Finding:
    """Return a finding about a rule."""
    return Finding(rule.name, text, severity, rule.line)
