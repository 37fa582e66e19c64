"""Evaluates JSON policies: whether their statements allow one request.

Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements". A condition whose operator or key is unknown here is in
doubt.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """A request to be evaluated.

    Attributes:
        service: the service principal that makes it; empty for a role whose own policies are evaluated.
        context: values of condition keys, by key in lower case.
    """

    action: str
    resource: str
    service: str = ""
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of an evaluation.

    Attributes:
        allowed: whether a statement allows the request and none denies it; statements in doubt are ignored.
        possible: the same, if the Allow statements in doubt apply.
        doubtful: the identifiers of Deny statements whose conditions are in doubt.
    """

    allowed: bool
    possible: bool
    doubtful: tuple[str, ...] = ()


def decide(documents: Iterable[Any], request: PolicyRequest) -> Decision:
    """Evaluate policies for a request.

    Args:
        documents: policies, as JSON or parsed.
    """
    allowed = possible = denied = False
    doubtful: list[str] = []
    for statement in (each for document in documents for each in list_statements(document)):
        matches = _matches(statement, request)
        if statement.get("Effect") == "Allow":
            allowed = allowed or matches is True
            possible = possible or matches is not False
        elif matches is None:
            doubtful.append(str(statement.get("Sid") or "without Sid"))
        else:
            denied = denied or matches
    return Decision(allowed and not denied, possible and not denied, tuple(doubtful))


def list_statements(document: Any) -> list[dict[str, Any]]:
    """Return the statements of a policy; none for a text that is no policy."""
    try:
        parsed = json.loads(document) if isinstance(document, str) else document
    except ValueError:
        return []
    found = parsed.get("Statement", ()) if isinstance(parsed, dict) else ()
    return [each for each in as_list(found) if isinstance(each, dict)]


def as_list(value: Any) -> list[Any]:
    """Return the elements of a value that a policy writes alone if it is one."""
    return list(value) if isinstance(value, list | tuple) else [value]


def list_services(statement: Mapping[str, Any]) -> list[str]:
    """Return the service principals of a statement."""
    principal = statement.get("Principal")
    return [str(each) for each in as_list(principal.get("Service", []))] if isinstance(principal, dict) else []


def list_conditions(statement: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield operator, key in lower case, and values of each condition."""
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, values in keys.items():
            yield str(operator), str(key).lower(), [str(each) for each in as_list(values)]


def fits(pattern: str, value: str) -> bool:
    """Return whether a value matches a pattern with * and ?.

    >>> fits("s3:Get*", "s3:GetObject"), fits("s3:Get?", "s3:GetObject")
    (True, False)
    """
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _matches(statement: Mapping[str, Any], request: PolicyRequest) -> bool | None:
    """Return whether a statement applies to a request; None if it is in doubt."""
    parts = [
        _matches_element(statement, "Action", request.action.lower(), lower=True),
        _matches_element(statement, "Resource", request.resource),
        *([_matches_principal(statement, request.service)] if request.service else []),
        *(_meets(operator, values, request.context.get(key)) for operator, key, values in list_conditions(statement)),
    ]
    if False in parts:
        return False
    return None if None in parts else True


def _matches_element(statement: Mapping[str, Any], name: str, value: str, *, lower: bool = False) -> bool:
    negated = f"Not{name}" in statement
    patterns = [str(each) for each in as_list(statement.get(f"Not{name}" if negated else name, []))]
    return negated != any(fits(pattern.lower() if lower else pattern, value) for pattern in patterns)


def _matches_principal(statement: Mapping[str, Any], service: str) -> bool | None:
    if "NotPrincipal" in statement:
        return None
    principal = statement.get("Principal")
    everyone = principal == "*" or (isinstance(principal, dict) and "*" in as_list(principal.get("AWS", [])))
    return everyone or service in list_services(statement)


_COMPARISONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": lambda pattern, value: pattern == value,
    "StringEqualsIgnoreCase": lambda pattern, value: pattern.lower() == value.lower(),
    "StringLike": fits,
    "ArnEquals": fits,
    "ArnLike": fits,
    "Bool": lambda pattern, value: pattern.lower() == value.lower(),
}


def _meets(operator: str, values: list[str], actual: str | None) -> bool | None:
    operator = operator.rpartition(":")[2]
    if operator == "Null":
        return any((value.lower() == "true") == (actual is None) for value in values)
    optional = operator.endswith("IfExists")
    name = operator.removesuffix("IfExists")
    negated = "Not" in name
    compare = _COMPARISONS.get(name.replace("Not", ""))
    if actual is None:
        return True if optional else None
    if compare is None:
        return None
    return negated != any(compare(value, actual) for value in values)
