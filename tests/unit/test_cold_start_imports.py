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
OTHER_CONDITIONS: Final = {
    "mailhooks.policy.loading.content_conditions",
    "mailhooks.policy.facts.words",
    "mailhooks.policy.rules.rate_condition",
    "mailhooks.policy.rules.schedule",
    "mailhooks.mime.text.body",
    "zoneinfo",
}
"""Modules of conditions that the policy built with mailflow does not have."""

HOLDS: Final = {"mailhooks.core.holds", "mailhooks.aws.hold_table", "mailhooks.aws.approval_mail"}
"""Modules of the action `hold`, which the policy built with mailflow does not have."""

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
VALIDATION: Final = {"jsonschema", "referencing"}
"""Libraries that describe why a document is invalid. The generated check of a schema needs none."""

MAIL: Final = {"mailhooks.hooks", "mailhooks.policy", "mailhooks.content", "mailhooks.mime"}

FORBIDDEN: Final[dict[str, set[str]]] = {
    "mailhooks.contract": AVAILABILITY | AWS | POLICY_FILE | {"mailhooks.hooks"},
    "mailhooks.hook": AVAILABILITY | AWS | POLICY_FILE | {"mailhooks.policy", "mailhooks.content.template", "aws_xray_sdk"},
    "functions/bounce": AVAILABILITY | AWS | POLICY_FILE | {"mailhooks.content.template", "aws_xray_sdk", "email"},
    "functions/disclaimer": AVAILABILITY | POLICY_FILE | {"aws_xray_sdk", "boto3"},
    "functions/rewrite": AVAILABILITY | POLICY_FILE | {"aws_xray_sdk", "boto3"},
    "functions/observe": AVAILABILITY | POLICY_FILE | {"mailhooks.policy", "mailhooks.content.template", "aws_xray_sdk", "boto3"},
    "functions/mailflow": AVAILABILITY | OTHER_CONDITIONS | HOLDS | {"re2", "aws_xray_sdk", "boto3"},
    "functions/ses": AVAILABILITY | OTHER_CONDITIONS | HOLDS | {"re2", "aws_xray_sdk", "boto3", "jsonschema"},
    "functions/push": BACKENDS - {"botocore.session"} | MAIL | {"mailhooks.availability", "requests", "yaml", "re2", "aws_xray_sdk"},
    "functions/export": AVAILABILITY | POLICY_FILE | MAIL | {"aws_xray_sdk", "boto3", "botocore.session"},
    "functions/approve": AVAILABILITY | POLICY_FILE | {"mailhooks.policy", "aws_xray_sdk", "boto3", "botocore.session"},
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
    entries = json.dumps([(entry, sorted(modules | VALIDATION)) for entry, modules in FORBIDDEN.items()])
    variables = {"PYTHONPATH": str(ROOT / "layers/mailhooks"), "AWS_DEFAULT_REGION": "eu-west-1"}
    done = subprocess.run(
        [sys.executable, "-c", LOADER], input=entries, env=variables, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout + done.stderr == ""


CALLS: Final = """
import json, sys
from mailhooks.availability.function import config
from mailhooks.availability.function.handler import availability_handler
from mailhooks.hooks.functions.bounce import BounceHook
from mailhooks.hooks.functions.disclaimer import DisclaimerHook
from mailhooks.hooks.functions.rewrite import RewriteHook
from mailhooks.hooks.policy_hook import PolicyHook
from tests.support.backends import Fake, at, request
from tests.support.hooks import handler_of, settings
from tests.support.mail import event

def check(part):
    print(part, sorted({"jsonschema", "referencing"} & set(sys.modules)), file=sys.stderr)

for hook, changes in (
    (BounceHook, {"bounce_rules": '[{"action": "DROP", "senders": ["example.org"]}]'}),
    (DisclaimerHook, {"disclaimer_text": "Example GmbH"}),
    (RewriteHook, {"subject_tag": "[EXTERNAL]"}),
    (PolicyHook, {"policy": "functions/mailflow/policy.yaml"}),
):
    handler = handler_of(hook, **changes)
    for direction in ("INBOUND", "OUTBOUND"):
        assert handler(event(direction=direction), None)["actions"]
    check(hook.__name__)

class Configuration:
    def read(self, *, fresh):
        backend = {"type": "ics", "feeds": [{"mailbox": "a@example.net", "url": "https://ics.example.net/a"}]}
        return json.dumps({"backends": {"files": backend}, "routes": [{"mailboxes": ["example.net"], "backend": "files"}]})

config._create_backend = lambda name, given: Fake({"a@example.net": (at(9),)})
[mailbox] = availability_handler(settings=settings(), source=Configuration())(request("a@example.net"), None)["mailboxes"]
assert mailbox["events"]
check("availability")
"""
"""Calls functions with valid documents, and prints the libraries that describe invalid ones if a call loads them."""


def test_no_call_with_valid_documents_loads_the_libraries_that_describe_invalid_ones() -> None:
    variables = {"PYTHONPATH": f"{ROOT / 'layers/mailhooks'}:{ROOT}"}
    done = subprocess.run([sys.executable, "-c", CALLS], env=variables, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines() == [
        f"{name} []" for name in ("BounceHook", "DisclaimerHook", "RewriteHook", "PolicyHook", "availability")
    ]


def test_every_function_is_an_entry_point_here() -> None:
    assert {f"functions/{path.parent.name}" for path in ROOT.glob("functions/*/app.py")} <= set(FORBIDDEN)


def test_the_contract_loads_its_availability_part_on_first_use() -> None:
    assert contract.check_availability_request is check_availability_request
    assert contract.check_availability_response is check_availability_response
    with pytest.raises(AttributeError, match="check_calendar"):
        contract.check_calendar  # noqa: B018 - the access is the test
