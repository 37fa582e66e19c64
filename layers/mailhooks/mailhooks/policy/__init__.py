"""The policy file: rules by recipient. Knows no AWS; what it may ask of the world is in `services`."""

from pathlib import Path

from mailhooks.policy.errors import PolicyError, Problem, RuleFailed
from mailhooks.policy.evaluation.outcome import Outcome
from mailhooks.policy.evaluation.trace import Trace
from mailhooks.policy.facts.services import Directory, Rates, Services
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.rule import Rule

__all__ = ["Directory", "Outcome", "Policy", "PolicyError", "Problem", "Rates", "Rule", "RuleFailed", "Services", "Trace", "load"]


def load(path_or_text: Path | str) -> Policy:
    """The policy in a file (a `Path`), or in a text (YAML or JSON).

    Raises:
        PolicyError: what is wrong, with lines.
        OSError: the file cannot be read.
    """
    # Late: the functions whose policies are made of settings read no file.
    from mailhooks.policy.loading.loader import load_policy

    return load_policy(path_or_text)
