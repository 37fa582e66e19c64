"""What WorkMail sends and what it expects, checked against JSON Schemas. Knows no AWS and nothing else of the package."""

from typing import TYPE_CHECKING, Any

from mailhooks.contract.errors import ContractError
from mailhooks.contract.event import FlowDirection, MailFlowEvent, check_event
from mailhooks.contract.verdict import Action, ActionType, Verdict, check_response

if TYPE_CHECKING:
    from mailhooks.contract.availability import check_availability_request, check_availability_response

__all__ = [
    "Action",
    "ActionType",
    "ContractError",
    "FlowDirection",
    "MailFlowEvent",
    "Verdict",
    "check_availability_request",
    "check_availability_response",
    "check_event",
    "check_response",
]


def __getattr__(name: str) -> Any:
    """Imports the availability contract when it is first asked for (PEP 562): it would cost each mail hook's cold start some 5 ms."""
    if name in {"check_availability_request", "check_availability_response"}:
        from mailhooks.contract import availability

        return getattr(availability, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
