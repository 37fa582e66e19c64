"""Step Functions in place of AWS's: the two calls of a hold, with executions whose end a test decides."""

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.serving import Quiet

_PREFIX = "AWSStepFunctions."


@dataclass
class Executions:
    """The executions by their ARN, as DescribeExecution returns them.

    Attributes:
        now: the start of new executions, in seconds since 1970.
        calls: the names of the calls.
        is_stale: whether DescribeExecution does not find an execution yet, as it may after a start.
        error: the code of an error that all calls return; "" for none.
    """

    now: float = 0
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    is_stale: bool = False
    error: str = ""

    def end(self, status: str = "SUCCEEDED", output: Any = None) -> None:
        """End all executions. An output that is no text is written as JSON."""
        for execution in self.found.values():
            execution["status"] = status
            if status == "SUCCEEDED":
                execution["output"] = output if isinstance(output, str) else json.dumps(output)

    def answer(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.calls.append(operation)
        if self.error:
            return 400, {"__type": self.error, "message": "ordered by a test"}
        if operation == "DescribeExecution":
            execution = None if self.is_stale else self.found.get(request["executionArn"])
            return (200, execution) if execution else (400, {"__type": "ExecutionDoesNotExist", "message": "x"})
        arn = f"{request['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{request['name']}"
        new = {"executionArn": arn, "stateMachineArn": request["stateMachineArn"], "startDate": self.now, "status": "RUNNING"}
        known = self.found.setdefault(arn, new | {"input": request["input"]})
        if known["status"] != "RUNNING" or known["input"] != request["input"]:
            return 400, {"__type": "ExecutionAlreadyExists", "message": "x"}
        return 200, {"executionArn": arn, "startDate": known["startDate"]}

    def handler(self) -> type[BaseHTTPRequestHandler]:
        executions = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                operation = self.headers["X-Amz-Target"].removeprefix(_PREFIX)
                status, document = executions.answer(operation, json.loads(self.body()))
                self.answer(status, json.dumps(document).encode(), Content_Type="application/x-amz-json-1.0")

        return Handler
