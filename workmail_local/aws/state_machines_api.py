"""The operations of Step Functions for the action `hold`, after botocore's model `stepfunctions` (2016-11-23, JSON 1.0)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from workmail_local.aws.service_errors import ServiceError, check_signature
from workmail_local.aws.state_machines import Execution, StateMachines

TARGET: Final = "AWSStepFunctions."
_SIGNED_AS: Final = "states"
_JSON: Final = "application/x-amz-json-1.0"


@dataclass(frozen=True, slots=True)
class StateMachinesApi:
    """The operations StartExecution and DescribeExecution.

    Attributes:
        machines: has the executions.
        listener: called with one line of text for each answered call.
    """

    machines: StateMachines
    listener: Callable[[str], None] | None = None

    def route(self, path: str = "") -> Route:
        """Return the route of all paths that begin with a path."""
        return Route(f"{path}{{rest:path}}", self._answer, methods=["POST"])

    async def _answer(self, request: Request) -> Response:
        operation = request.headers.get("x-amz-target", "").removeprefix(TARGET)
        try:
            check_signature(request, _SIGNED_AS)
            response: Response = JSONResponse(self._call(operation, json.loads(await request.body())), media_type=_JSON)
        except (ValueError, KeyError, TypeError):
            response = ServiceError("SerializationException", "The body is not a request of this operation").json_response("message")
        except ServiceError as error:
            response = error.json_response("message")
        if self.listener:
            self.listener(f"{operation}  {response.status_code}")
        return response

    def _call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if operation == "StartExecution":
            execution = self.machines.start(parameters["stateMachineArn"], parameters["name"], parameters.get("input", "{}"))
            if execution is None:
                raise ServiceError("ExecutionAlreadyExists", "There was an execution of this name")
            return {"executionArn": execution.arn, "startDate": execution.started_at}
        if operation == "DescribeExecution":
            found = self.machines.find(parameters["executionArn"])
            if found is None:
                raise ServiceError("ExecutionDoesNotExist", "There is no execution of this name")
            return _describe(found)
        raise ServiceError("UnknownOperationException", "The local Step Functions has StartExecution and DescribeExecution only")


def _describe(execution: Execution) -> dict[str, Any]:
    return {
        "executionArn": execution.arn,
        "stateMachineArn": execution.arn.replace(":execution:", ":stateMachine:").rpartition(":")[0],
        "name": execution.name,
        "status": execution.status,
        "startDate": execution.started_at,
        "input": execution.input,
        **({"output": execution.output} if execution.status == "SUCCEEDED" else {}),
    }
