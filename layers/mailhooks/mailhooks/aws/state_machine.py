"""Starts an execution of a Step Functions state machine for a message, and reads its result.

The name of the execution is the ID of the invocation, so that a message starts it once: Step Functions keeps a name for 90 days.
"""

from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from mailhooks.aws.client import call, error_code, make_client
from mailhooks.deadline import Deadline


class Execution(NamedTuple):
    """An execution.

    Attributes:
        status: such as `RUNNING` or `SUCCEEDED` (Step Functions API reference, DescribeExecution).
        started_at: seconds since 1970.
        input: JSON; `{}` if the role may not read it.
        output: JSON; `""` unless it succeeded.
    """

    status: str
    started_at: float
    input: str
    output: str


class StateMachines:
    """Starts and reads executions of standard state machines."""

    def __init__(self) -> None:
        self._client = make_client("stepfunctions")

    def read(self, state_machine: str, name: str, deadline: Deadline) -> Execution | None:
        """Return an execution; None if there is none. One that was started moments ago may be missing.

        Args:
            state_machine: its ARN, without a version or an alias.

        Raises:
            TransientError, Misconfigured: see `mailhooks.errors`.
        """
        arn = f"{state_machine.replace(':stateMachine:', ':execution:')}:{name}"

        def describe_execution() -> dict[str, Any] | None:
            try:
                found: dict[str, Any] = self._client.describe_execution(executionArn=arn)
            except ClientError as error:
                if error_code(error) != "ExecutionDoesNotExist":
                    raise
                return None
            return found

        answer = call("DescribeExecution", describe_execution, deadline)
        if answer is None:
            return None
        return Execution(answer["status"], answer["startDate"].timestamp(), answer.get("input", "{}"), answer.get("output", ""))

    def start(self, state_machine: str, name: str, document: str, deadline: Deadline) -> None:
        """Start an execution with a JSON document, unless there was one of this name. Raises as `read`."""

        def start_execution() -> None:
            try:
                self._client.start_execution(stateMachineArn=state_machine, name=name, input=document)
            except ClientError as error:
                if error_code(error) != "ExecutionAlreadyExists":
                    raise

        call("StartExecution", start_execution, deadline)
