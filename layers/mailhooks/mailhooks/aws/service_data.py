"""Writes botocore's data of the operations that the functions call: a few per cent of what botocore reads otherwise at a cold start.

`mailhooks.prepare` runs this in the built layer, and `mailhooks.aws.session` reads the result. Only the models and the list of endpoints
are cut, so a client sends the same requests and reads the same responses. tests/unit/aws/test_service_data.py compares both for every
region that botocore knows, with FIPS and dual stack, and for a random sample of the combinations of other settings.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import botocore
from botocore.loaders import Loader

OPERATIONS: Final = {
    "appconfigdata": ("GetLatestConfiguration", "StartConfigurationSession"),
    "dynamodb": ("DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"),
    "events": ("PutEvents",),
    # botocore itself calls the last two: for a bucket in another region, and for a directory bucket.
    "s3": ("GetObject", "ListObjectsV2", "PutObject", "PutObjectTagging", "HeadBucket", "CreateSession"),
    "secretsmanager": ("GetSecretValue",),
    "ses": ("SendBounce",),
    "sesv2": ("SendEmail",),
    "sns": ("Publish",),
    "sqs": ("SendMessage",),
    "ssm": ("GetParameter",),
    "stepfunctions": ("DescribeExecution", "StartExecution"),
    "workmail": (
        "AssumeImpersonationRole",
        "DescribeMailboxExportJob",
        "GetMailboxDetails",
        "ListAliases",
        "ListGroupMembers",
        "ListGroups",
        "ListMailboxExportJobs",
        "ListMailDomains",
        "ListResources",
        "ListUsers",
        "StartMailboxExportJob",
    ),
    "workmailmessageflow": ("GetRawMessageContent", "PutRawMessageContent"),
}
"""The operations that the library calls, by boto3's names of the services."""

_CREDENTIAL_SERVICES: Final = ("sts", "sso", "sso-oidc", "signin")
"""Services that botocore itself may call for credentials. It reads their models uncut."""


def write_service_data(folder: Path) -> None:
    """Write the data of this process's botocore into a folder that has botocore's version as its name."""
    loader = Loader(include_default_search_paths=False, extra_search_paths=[Loader.BUILTIN_DATA_PATH])
    data: dict[str, Any] = {name: loader.load_data(name) for name in ("partitions", "sdk-default-configuration", "_retry")}
    models = {service: loader.load_service_model(service, "service-2") for service in (*OPERATIONS, *_CREDENTIAL_SERVICES)}
    data["endpoints"] = _cut_endpoints(loader.load_data("endpoints"), {model["metadata"]["endpointPrefix"] for model in models.values()})
    for service, operations in OPERATIONS.items():
        place = f"{service}/{loader.determine_latest_version(service, 'service-2')}"
        data[f"{place}/service-2"] = _cut_model(models[service], operations)
        data[f"{place}/endpoint-rule-set-1"] = loader.load_service_model(service, "endpoint-rule-set-1")
    for name, content in data.items():
        path = folder / botocore.__version__ / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, separators=(",", ":")), "utf-8")


def _cut_endpoints(endpoints: dict[str, Any], prefixes: set[str]) -> dict[str, Any]:
    """Return the endpoints of some services, with all partitions and regions."""
    return endpoints | {
        "partitions": [
            partition | {"services": {name: service for name, service in partition["services"].items() if name in prefixes}}
            for partition in endpoints["partitions"]
        ]
    }


def _cut_model(model: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return a service model with some operations, and with all errors: a service may answer with one that the operation does not list."""
    operations = {name: _without_documentation(model["operations"][name]) for name in names}
    shapes = {name: _without_documentation(shape) for name, shape in model["shapes"].items()}
    for shape in shapes.values():
        if "members" in shape:
            shape["members"] = {name: _without_documentation(member) for name, member in shape["members"].items()}
    found: set[str] = set()
    waiting = [*_list_references(operations), *(name for name, shape in shapes.items() if shape.get("exception"))]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_list_references(shapes[name]))
    # Other properties stay: botocore needs the documentation of `clientContextParams`.
    return _without_documentation(model) | {
        "operations": operations,
        "shapes": {name: shape for name, shape in shapes.items() if name in found},
    }


def _without_documentation(described: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in described.items() if name != "documentation"}


def _list_references(described: Any) -> Iterator[str]:
    """Yield the names of the shapes that an operation or a shape refers to."""
    if isinstance(described, dict):
        for name, value in described.items():
            if name == "shape" and isinstance(value, str):
                yield value
            else:
                yield from _list_references(value)
    elif isinstance(described, list):
        for each in described:
            yield from _list_references(each)
