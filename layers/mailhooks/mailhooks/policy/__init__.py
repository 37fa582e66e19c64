"""The policy file: rules by recipient. Knows no AWS; what it may ask of the world is in `services`."""

from .errors import PolicyError, Problem, RuleFailed
from .load import load
from .model import Policy, Rule
from .outcome import Outcome
from .services import Directory, Rates, Services
from .trace import Trace

__all__ = ["Directory", "Outcome", "Policy", "PolicyError", "Problem", "Rates", "Rule", "RuleFailed", "Services", "Trace", "load"]
