"""What WorkMail sends and what it expects, checked against JSON Schemas. Knows no AWS and nothing else of the package."""

from .errors import ContractError
from .event import FlowDirection, MailFlowEvent, check_event
from .verdict import Action, ActionType, Verdict, check_response

__all__ = [
    "Action",
    "ActionType",
    "ContractError",
    "FlowDirection",
    "MailFlowEvent",
    "Verdict",
    "check_event",
    "check_response",
]
