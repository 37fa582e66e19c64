"""The policy file: rules by recipient. Calls no AWS service itself; see `services`."""

from pathlib import Path

from mailhooks.policy.errors import PolicyError, Problem, RuleFailed
from mailhooks.policy.evaluation.outcome import Outcome, Trace
from mailhooks.policy.facts.services import Contacts, Directory, Rates, Services
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.rule import Rule

__all__ = [
    "Contacts",
    "Directory",
    "Outcome",
    "Policy",
    "PolicyError",
    "Problem",
    "Rates",
    "Rule",
    "RuleFailed",
    "Services",
    "Trace",
    "load",
]


def load(path_or_text: Path | str) -> Policy:
    """Load a policy from a file (a `Path`) or from a text (YAML or JSON).

    Raises:
        PolicyError: the policy is rejected; has one line for each problem.
        OSError: the file cannot be read.
    """
    # Late: a function whose policy is made from its settings needs no YAML and no schema at its cold start.
    from mailhooks.policy.loading.loader import load_policy

    return load_policy(path_or_text)
