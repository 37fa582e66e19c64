"""Scan the templates for weak settings, with the policies of checkov and without network:

    .venv-scan/bin/python -m tools.scan TEMPLATE ...

`make check` runs it over all templates. SAM's transform is applied first, so that the roles, versions and permissions that SAM adds are
scanned too. A finding fails unless the template gives a reason for it, in checkov's own form, in the metadata of the resource:

    Metadata:
      checkov:
        skip:
          - id: CKV_AWS_116
            comment: WorkMail invokes the function synchronously and retries itself.

An exception without a reason, or for which there is no finding, fails too.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

_CODE: Final = ("CodeUri", "ContentUri", "DefinitionUri")
"""Properties with a local folder until `sam package` uploads it; SAM's transform accepts only addresses of S3."""


class Finding(NamedTuple):
    """A setting that a policy rejects.

    Attributes:
        resource: its logical ID in the template.
        check: the policy's ID.
        title: the policy's title.
    """

    resource: str
    check: str
    title: str


def main(arguments: Sequence[str]) -> int:
    """Scan the templates, print the problems, and return 1 if there are any."""
    # Here and in scan, because the tests of this module run in an environment without checkov and SAM.
    from samtranslator.yaml_helper import yaml_parse

    sys.addaudithook(refuse_network)
    problems = 0
    for path in arguments:
        template = yaml_parse(Path(path).read_text("utf-8"))
        exceptions = read_exceptions(template)
        passed, findings = scan(template)
        found = list(compare(findings, exceptions))
        print(f"{path}: {passed} checks passed, {len(exceptions)} exceptions, {len(found)} problems", *found, sep="\n  ")
        problems += len(found)
    return 1 if problems else 0


def read_exceptions(template: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Return the reasons of the template's exceptions by logical ID and check."""
    return {
        (name, entry["id"]): entry.get("comment", "")
        for name, resource in template["Resources"].items()
        for entry in resource.get("Metadata", {}).get("checkov", {}).get("skip", ())
    }


def scan(template: Mapping[str, Any]) -> tuple[int, list[Finding]]:
    """Return the number of checks that pass, and the findings. The template's exceptions are not applied.

    Args:
        template: a SAM or CloudFormation template. It is changed.
    """
    from boto3 import Session
    from checkov.cloudformation.runner import Runner
    from checkov.runner_filter import RunnerFilter
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    for resource in template["Resources"].values():
        resource.pop("Metadata", None)
        for name in resource.get("Properties", {}).keys() & set(_CODE):
            resource["Properties"][name] = "s3://bucket/key"
    sources = list(template["Resources"])
    if "Transform" in template:
        template = Translator({}, Parser(), boto_session=Session(region_name="us-east-1")).translate(template, {})
    with TemporaryDirectory() as folder:
        Path(folder, "template.json").write_text(json.dumps(template), "utf-8")
        report = Runner().run(root_folder=folder, runner_filter=RunnerFilter(framework=["cloudformation"]))
    if report.parsing_errors:
        raise SystemExit("checkov cannot read the template after SAM's transform")
    return len(report.passed_checks), [
        Finding(_source(record.resource.rpartition(".")[2], sources), record.check_id, record.check_name) for record in report.failed_checks
    ]


def compare(findings: Iterable[Finding], exceptions: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """Yield a line for each finding without an exception, each exception without a reason, and each without a finding."""
    found = set(findings)
    for resource, check, title in sorted(found):
        if (resource, check) not in exceptions:
            yield f"{resource}: {check}: {title}. Correct the resource, or give the reason in its metadata (see tools/scan.py)"
    for (resource, check), reason in exceptions.items():
        if not reason:
            yield f"{resource}: {check}: the exception needs a comment with the reason"
        if not any((resource, check) == (finding.resource, finding.check) for finding in found):
            yield f"{resource}: {check}: there is no such finding, so remove the exception"


def _source(name: str, sources: Iterable[str]) -> str:
    """Return the resource of the template from which SAM made this one: the one with the longest name that it begins with."""
    return max((source for source in sources if name.startswith(source)), key=len, default=name)


def refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    """End the program when it tries to use the network (an audit hook): in some configurations checkov asks its vendor's servers."""
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"the scanner tries to use the network: {event} {arguments[1:2]}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
