"""Exceptions of the scan (`make scan`): each needs a finding and a reason."""

import subprocess
import sys

from tests.infrastructure.stack import ROOT, read_template
from tools.scan import Finding, compare, read_exceptions

NO_LOG = Finding("Bucket", "CKV_AWS_18", "Ensure the S3 bucket has access logging enabled")


def test_a_finding_without_an_exception_is_a_problem() -> None:
    [problem] = compare([NO_LOG], {})

    assert problem.startswith("Bucket: CKV_AWS_18: Ensure the S3 bucket has access logging enabled.")


def test_a_finding_with_a_reason_is_none() -> None:
    assert list(compare([NO_LOG], {("Bucket", "CKV_AWS_18"): "Objects live for a day."})) == []


def test_an_exception_counts_for_its_resource_only() -> None:
    other = NO_LOG._replace(resource="Archive")

    [problem] = compare([NO_LOG, other], {("Bucket", "CKV_AWS_18"): "Objects live for a day."})

    assert problem.startswith("Archive: CKV_AWS_18")


def test_an_exception_needs_a_reason() -> None:
    [problem] = compare([NO_LOG], {("Bucket", "CKV_AWS_18"): ""})

    assert problem == "Bucket: CKV_AWS_18: the exception needs a comment with the reason"


def test_an_exception_without_a_finding_is_a_problem() -> None:
    [problem] = compare([], {("Bucket", "CKV_AWS_18"): "Objects live for a day."})

    assert problem == "Bucket: CKV_AWS_18: there is no such finding, so remove the exception"


def test_exceptions_are_read_from_the_metadata_of_resources() -> None:
    exceptions = read_exceptions(read_template())

    assert "access log" in exceptions["RewriteBucket", "CKV_AWS_18"]
    assert all(exceptions.values())


def test_the_scan_ends_when_it_tries_to_use_the_network() -> None:
    program = "import socket, sys, tools.scan; sys.addaudithook(tools.scan.refuse_network); socket.create_connection(('127.0.0.1', 9))"

    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)

    assert ended.returncode == 1
    assert "tries to use the network" in ended.stderr
