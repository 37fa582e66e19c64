"""Runs a state machine of the Amazon States Language, as far as export/state-machine.asl.json uses it.

moto runs no function without Docker. States: Task (lambda:invoke and states:startExecution), Choice, Pass, Wait; paths, context, Retry. Any
other field is an error here, so that a definition cannot use what its test does not run.
"""

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_FIELDS: Final = {
    "Task": {"Type", "Comment", "Resource", "Parameters", "OutputPath", "TimeoutSeconds", "Retry", "Next", "End"},
    "Choice": {"Type", "Choices", "Default"},
    "Pass": {"Type", "Result", "Next"},
    "Wait": {"Type", "SecondsPath", "Next"},
}


_NUMBERS: Final = itertools.count(1)
"""Each execution has a name of its own."""


class ExecutionFailed(Exception):
    """An execution ends with an error that no retry is left for."""


@dataclass
class StateMachine:
    """A state machine.

    Args:
        definition: after DefinitionSubstitutions.
        invoke: calls a function by its ARN; it may raise.
        wait: passes time, in seconds.

    Attributes:
        events: the number of events in the history of the last execution, as Step Functions counts them.
        inputs: the inputs of executions that still have to run.
    """

    definition: Mapping[str, Any]
    invoke: Callable[[str, Any], Any]
    wait: Callable[[float], None]
    arn: str = "arn:aws:states:us-east-1:123456789012:stateMachine:export"
    events: int = 0
    executions: int = 0
    inputs: list[Any] = field(default_factory=list)

    def run(self, document: Any) -> Any:
        """Run an execution, and those that it starts. Return the output of the last."""
        self.inputs.append(document)
        output: Any = None
        while self.inputs:
            output = self._run_one(self.inputs.pop(0))
        return output

    def _run_one(self, document: Any) -> Any:
        self.executions += 1
        self.events = 2
        context = {"Execution": {"Id": f"{self.arn}:{next(_NUMBERS)}"}, "StateMachine": {"Id": self.arn}}
        name = self.definition["StartAt"]
        while True:
            state = self.definition["States"][name]
            assert state.keys() <= _FIELDS[state["Type"]], (name, state.keys())
            self.events += 2
            if state["Type"] == "Choice":
                name = next((each["Next"] for each in state["Choices"] if _applies(each, document)), state["Default"])
                continue
            document = self._run_state(state, document, context)
            if state.get("End"):
                return document
            name = state["Next"]

    def _run_state(self, state: Mapping[str, Any], document: Any, context: Any) -> Any:
        match state["Type"]:
            case "Pass":
                return state["Result"]
            case "Wait":
                self.wait(_select(state["SecondsPath"], document, context))
                return document
        arguments = _fill(state["Parameters"], document, context)
        output = self._retry(state, lambda: self._call(state["Resource"], arguments))
        return json.loads(json.dumps(_select(state.get("OutputPath", "$"), output, context)))

    def _call(self, resource: str, arguments: Mapping[str, Any]) -> Any:
        self.events += 3
        if resource == "arn:aws:states:::states:startExecution":
            assert arguments["StateMachineArn"] == self.arn
            self.inputs.append(arguments["Input"])
            return {}
        assert resource == "arn:aws:states:::lambda:invoke"
        return {"Payload": self.invoke(arguments["FunctionName"], json.loads(json.dumps(arguments["Payload"])))}

    def _retry(self, state: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        counts: dict[int, int] = {}
        while True:
            try:
                return call()
            except Exception as error:
                name = type(error).__name__
                retrier = next(each for each in state["Retry"] if {name, "States.ALL"} & set(each["ErrorEquals"]))
                count = counts.get(id(retrier), 0)
                if count >= retrier["MaxAttempts"]:
                    raise ExecutionFailed(name) from error
                counts[id(retrier)] = count + 1
                self.wait(min(retrier["MaxDelaySeconds"], retrier["IntervalSeconds"] * retrier["BackoffRate"] ** count))


def _applies(choice: Mapping[str, Any], document: Any) -> bool:
    [test] = choice.keys() - {"Variable", "Next"}
    name = choice["Variable"].removeprefix("$.")
    if test == "IsPresent":
        return (name in document) is choice[test]
    assert test == "StringEquals"
    return bool(document[name] == choice[test])


def _fill(template: Any, document: Any, context: Any) -> Any:
    if not isinstance(template, dict):
        return template
    return {
        key.removesuffix(".$"): _select(value, document, context) if key.endswith(".$") else _fill(value, document, context)
        for key, value in template.items()
    }


def _select(path: str, document: Any, context: Any) -> Any:
    source = context if path.startswith("$$") else document
    for name in filter(None, path.lstrip("$").split(".")):
        source = source[name]
    return source
