"""The evaluator in force, which a listener asks for at each message."""

from dataclasses import dataclass
from typing import Final, Protocol

from mailhooks.deadline import Deadline
from mailhooks.relay.disposition import Disposition
from mailhooks.relay.received import Received

EVALUATION_S: Final = 60.0
"""Seconds for the evaluation of a message, with its calls to other services. A client waits ten minutes (RFC 5321 section 4.5.3.2.6)."""


class Evaluator(Protocol):
    """Evaluates messages: `mailhooks.relay.evaluate.MessageEvaluator`."""

    def evaluate(self, received: Received, deadline: Deadline) -> Disposition:
        """Return the disposition of a message. Raises TryAgain, Refused."""
        ...


@dataclass(slots=True)
class EvaluatorSlot:
    """The place of the evaluator of a listener. Another one gets there when the configuration is read again."""

    evaluator: Evaluator
