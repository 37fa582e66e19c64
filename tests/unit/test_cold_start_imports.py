"""Which modules an entry point must not load: Lambda imports them while the first message or request waits."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from mailhooks import contract
from mailhooks.contract.availability import check_availability_request, check_availability_response

ROOT: Final = Path(__file__).parents[2]

AWS: Final = {"boto3", "botocore.session", "urllib3"}
POLICY_FILE: Final = {"mailhooks.policy.loading.loader", "yaml", "re2"}
BACKENDS: Final = {"exchangelib", "lxml", "msal", "jwt", "google.auth", "cryptography", "boto3", "botocore.session"}
"""Libraries of availability backends. Each backend loads its own only."""

AVAILABILITY: Final = {
    "mailhooks.availability",
    "mailhooks.contract.availability",
    "requests",
    "exchangelib",
    "lxml",
    "msal",
    "google.auth",
}
MAIL: Final = {"mailhooks.hooks", "mailhooks.policy", "mailhooks.content", "mailhooks.mime"}

FORBIDDEN: Final[dict[str, set[str]]] = {
    "mailhooks.contract": AVAILABILITY | AWS | POLICY_FILE | {"mailhooks.hooks"},
    "mailhooks.hook": AVAILABILITY | AWS | POLICY_FILE | {"mailhooks.policy", "mailhooks.content.template", "aws_xray_sdk"},
    "functions/bounce": AVAILABILITY | AWS | POLICY_FILE | {"mailhooks.content.template", "aws_xray_sdk", "email"},
    "functions/disclaimer": AVAILABILITY | POLICY_FILE | {"aws_xray_sdk", "boto3"},
    "functions/rewrite": AVAILABILITY | POLICY_FILE | {"aws_xray_sdk", "boto3"},
    "functions/observe": AVAILABILITY | POLICY_FILE | {"mailhooks.policy", "mailhooks.content.template", "aws_xray_sdk", "boto3"},
    "functions/mailflow": AVAILABILITY | {"re2", "aws_xray_sdk", "boto3"},
    "mailhooks.availability": BACKENDS | MAIL | {"requests"},
    "functions/availability": BACKENDS | MAIL | {"requests"},
    "mailhooks.availability.backends.caldav": BACKENDS,
    "mailhooks.availability.backends.ics": BACKENDS | {"dateutil"},
    "mailhooks.availability.backends.graph.backend": BACKENDS,
    "mailhooks.availability.backends.google.backend": BACKENDS - {"google.auth", "cryptography"},
    "mailhooks.availability.backends.ews.backend": {"msal", "google.auth", "boto3", "botocore.session"},
    "mailhooks.availability.backends.workmail": {"msal", "google.auth", "boto3"},
}


LOADER: Final = """
import json, os, sys
from importlib import import_module

def report(entry, forbidden):
    function = entry.startswith("functions/")
    if function:
        os.chdir(entry)
        sys.path.insert(0, "")
    import_module("app" if function else entry)
    for module in set(sys.modules) & set(forbidden):
        print(entry, "loads", module, flush=True)

for entry, forbidden in json.load(sys.stdin):
    if entry in ("mailhooks.contract", "mailhooks.availability"):
        report(entry, forbidden)
    elif not os.fork():
        report(entry, forbidden)
        break
    elif os.wait()[1]:
        print(entry, "cannot be loaded", flush=True)
"""
"""Imports each entry point in a fork of a new process, which has imported the package that the following entry points share."""


def test_no_entry_point_loads_what_it_does_not_need() -> None:
    entries = json.dumps([(entry, sorted(modules)) for entry, modules in FORBIDDEN.items()])
    variables = {"PYTHONPATH": str(ROOT / "layers/mailhooks"), "AWS_DEFAULT_REGION": "eu-west-1"}
    done = subprocess.run(
        [sys.executable, "-c", LOADER], input=entries, env=variables, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout + done.stderr == ""


def test_every_function_is_an_entry_point_here() -> None:
    assert {f"functions/{path.parent.name}" for path in ROOT.glob("functions/*/app.py")} <= set(FORBIDDEN)


def test_the_contract_loads_its_availability_part_on_first_use() -> None:
    assert contract.check_availability_request is check_availability_request
    assert contract.check_availability_response is check_availability_response
    with pytest.raises(AttributeError, match="check_calendar"):
        contract.check_calendar  # noqa: B018 - the access is the test
