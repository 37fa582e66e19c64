"""The policy file: rules by recipient. Knows no AWS; what it may ask of the world is in `services`."""

from pathlib import Path

from .errors import PolicyError, Problem, RuleFailed
from .model import Policy, Rule
from .outcome import Outcome
from .services import Directory, Rates, Services
from .trace import Trace

__all__ = ["Directory", "Outcome", "Policy", "PolicyError", "Problem", "Rates", "Rule", "RuleFailed", "Services", "Trace", "load"]


def load(path_or_text: Path | str) -> Policy:
    """The policy in a file (a `Path`), or in a text (YAML or JSON).

    Raises:
        PolicyError: what is wrong, with lines.
        OSError: the file cannot be read.
    """
    # Late: the functions whose policies are made of settings read no file.
    from .loader import load_policy

    return load_policy(path_or_text)
