"""Checks the parameters of a call by botocore's model of the WorkMail API, as AWS does before the service sees the call."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape, StructureShape

from workmail_local.aws.service_errors import ServiceError

_TYPES: Final[dict[str, Any]] = {"structure": dict, "string": str, "integer": int}
_MAX_REASONS: Final = 3


def check_parameters(operation: str, parameters: Any) -> None:
    """Check the parameters of a call. AWS ignores parameters that the model does not have; here, a filter that it does not have is refused.

    Raises:
        ServiceError: SerializationException for a wrong type; ValidationException for a missing parameter, an unknown filter, or a value
            that the model does not allow.
    """
    defects = list(_find_defects(_load_operation(operation).input_shape, parameters, ""))
    if defects:
        plural = "" if len(defects) == 1 else "s"
        text = f"{len(defects)} validation error{plural} detected: {'; '.join(defects[:_MAX_REASONS])}"
        raise ServiceError("ValidationException", text)


@cache
def _load_operation(operation: str) -> OperationModel:
    return ServiceModel(Loader().load_service_model("workmail", "service-2")).operation_model(operation)


def _find_defects(shape: Shape, value: Any, name: str) -> Iterator[str]:
    """Yield what is wrong with a value, in the words of AWS, and without the value itself."""
    if not isinstance(value, _TYPES[shape.type_name]) or isinstance(value, bool):
        raise ServiceError("SerializationException", f"{name or 'the body'} is not a JSON {shape.type_name}")
    if isinstance(shape, StructureShape):
        if name and not value.keys() <= shape.members.keys():
            yield f"Value at '{name}' failed to satisfy constraint: Member must have only {', '.join(shape.members)}"
        for key, member in shape.members.items():
            place = f"{name}.{key}".lstrip(".")
            # AWS reads null as a missing parameter.
            if value.get(key) is not None:
                yield from _find_defects(member, value[key], place)
            elif key in shape.required_members:
                yield f"Value null at '{place}' failed to satisfy constraint: Member must not be null"
    else:
        yield from (
            f"Value at '{name}' failed to satisfy constraint: Member must {constraint}" for constraint in _list_breaches(shape, value)
        )


def _list_breaches(shape: Shape, value: Any) -> Iterator[str]:
    constraints = shape.metadata
    size, what = (len(value), "have length") if isinstance(value, str) else (value, "have value")
    if "min" in constraints and size < constraints["min"]:
        yield f"{what} greater than or equal to {constraints['min']}"
    if "max" in constraints and size > constraints["max"]:
        yield f"{what} less than or equal to {constraints['max']}"
    if "enum" in constraints and value not in constraints["enum"]:
        yield f"satisfy enum value set: [{', '.join(constraints['enum'])}]"
    if "pattern" in constraints and not re.fullmatch(constraints["pattern"], value, re.ASCII):
        yield f"satisfy regular expression pattern: {constraints['pattern']}"
