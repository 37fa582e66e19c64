"""The pytest plugin, in an environment with the wheel: as users have it."""

import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.installation import clean_environment
from workmail_local.config.functions import ROOT

RULES = f"""
organization = {{ domains = ["example.com"] }}

[[rules]]
name = "Tag"
direction = "inbound"
action = "lambda"
senders = ["*"]
function = "rewrite"

[functions.rewrite]
path = "{ROOT / "functions" / "rewrite"}"
environment = {{ SUBJECT_TAG = "[TOML]", ORGANIZATION_DOMAINS = "example.com" }}
"""
HEAD = """
    import os
    import sys
    from pathlib import Path

    import pytest

    RAW = "From: nora@example.net\\nTo: ana@example.com\\nDate: Mon, 4 May 2026 08:00:00 +0000\\nSubject: Offer\\n\\nHello\\n"

    def subject(workmail):
        workmail.send(RAW)
        [copy] = workmail.delivered("ana@example.com")
        return copy.raw.partition(b"Subject: ")[2].partition(b"\\r\\n")[0].decode()
"""
PytestRun = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(programs: Path, tmp_path: Path) -> PytestRun:
    """Return a function that writes a test file and runs pytest in its folder."""

    def once(source: str, *options: str) -> "subprocess.CompletedProcess[str]":
        folder = tmp_path / "tests"
        folder.mkdir(exist_ok=True)
        (folder / "workmail.toml").write_text(RULES)
        (folder / "test_mail.py").write_text(textwrap.dedent(HEAD) + textwrap.dedent(source))
        command = [programs / "python", "-m", "pytest", "-q", "--strict-markers", "-W", "error", "-p", "no:cacheprovider", *options]
        return subprocess.run(command, cwd=tmp_path, env=clean_environment(programs), capture_output=True, text=True, timeout=300)

    return once


def verify_passed(done: "subprocess.CompletedProcess[str]", count: int) -> None:
    assert f"{count} passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("conftest", ["", 'pytest_plugins = ["workmail_local.pytest_plugin"]\n'])
def test_it_is_registered_by_the_installation_and_a_conftest_may_name_it_too(conftest: str, run: PytestRun, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(conftest)
    verify_passed(run("def test_it(workmail):\n    assert subject(workmail) == 'Offer'\n"), 1)


def test_a_run_that_does_not_use_it_imports_neither_the_local_workmail_nor_its_packages(run: PytestRun) -> None:
    source = """
        def test_it():
            assert "workmail_local.pytest_plugin" in sys.modules
            loaded = {name.partition(".")[0] for name in sys.modules} | set(sys.modules)
            assert not loaded & {"workmail_local.workmail", "mailhooks", "boto3", "botocore", "moto", "starlette", "aiosmtpd"}
    """
    verify_passed(run(source), 1)


def test_a_marker_sets_configuration_speed_and_variables_from_the_module_to_the_test(run: PytestRun) -> None:
    source = """
        pytestmark = pytest.mark.workmail("workmail.toml", environment={"SUBJECT_TAG": "[MODULE]"})

        def test_module(workmail):
            assert subject(workmail) == "[MODULE] Offer"

        @pytest.mark.workmail(environment={"SUBJECT_TAG": "[TEST]"})
        def test_variables(workmail):
            assert subject(workmail) == "[TEST] Offer"

        @pytest.mark.workmail('organization = { domains = ["example.com"] }')
        def test_text(workmail):
            assert subject(workmail) == "Offer"

        @pytest.mark.workmail(Path("workmail.toml"), speed=100_000)
        def test_speed(workmail):
            workmail.faults.add("get", error="InternalServerException", status=500, times=None)
            [run] = workmail.send(RAW, expect_failure=True).rule_runs
            assert len(run.attempts) > 10

        def test_as_new(workmail):
            assert workmail.history.count() == 0
            assert subject(workmail) == "[MODULE] Offer"
    """
    verify_passed(run(source), 5)


def test_a_fixture_sets_the_configuration_of_all_tests_also_as_a_path_from_their_file(run: PytestRun, tmp_path: Path) -> None:
    source = "import pytest\n@pytest.fixture\ndef workmail_configuration():\n    return 'workmail.toml'\n"
    (tmp_path / "conftest.py").write_text(source)
    verify_passed(run("def test_it(workmail):\n    assert subject(workmail) == '[TOML] Offer'\n"), 1)


@pytest.mark.parametrize(
    "arguments, text",
    [
        ("'other.toml'", "tests/other.toml is missing: the configuration of the fixture workmail is a path from the test's file"),
        ("'organization = 1'", "workmail.toml:1: organization"),
        ("spede=2", "unexpected keyword argument 'spede'"),
    ],
)
def test_a_wrong_marker_is_an_error_of_its_test(arguments: str, text: str, run: PytestRun) -> None:
    done = run(f"@pytest.mark.workmail({arguments})\ndef test_it(workmail):\n    pass\n")
    assert "1 error" in done.stdout
    assert text in done.stdout


def test_the_environment_of_the_process_is_as_before_after_a_test(run: PytestRun) -> None:
    source = """
        def test_with(workmail):
            assert os.environ["REWRITE_BUCKET"] == workmail.bucket

        def test_without():
            assert not {"REWRITE_BUCKET", "AWS_ENDPOINT_URL"} & set(os.environ)
    """
    verify_passed(run(source), 2)


def test_the_report_of_a_failed_test_shows_its_messages_and_not_those_of_others(run: PytestRun) -> None:
    source = """
        @pytest.mark.workmail("workmail.toml", environment={"SUBJECT_TAG": "[FIRST]"})
        def test_passed(workmail):
            subject(workmail)

        @pytest.mark.workmail("workmail.toml")
        def test_failed(workmail):
            assert subject(workmail) == "Offer"

        def test_no_mail(workmail):
            assert 0
    """
    done = run(source)
    report = done.stdout.partition("messages of the local WorkMail")[2].partition("_____ test_no_mail")[0]
    assert 'message 1  INBOUND  nora@example.net -> ana@example.com  "Offer"  done' in report
    assert 'rule "Tag", function rewrite' in report
    assert "attempt 1  " in report
    assert "  | INFO the message is handled" in report
    assert "ana@example.com  DEFAULT  Inbox" in report
    assert "[FIRST]" not in report
    assert done.stdout.count("messages of the local WorkMail") == 1


def test_the_report_of_a_hook_that_fails_shows_the_line_of_the_test_and_none_of_our_own_code(run: PytestRun) -> None:
    source = """
        @pytest.mark.workmail("[organization]\\ndomains = ['example.com']\\n[[rules]]\\nname = 'R'\\ndirection = 'inbound'\\n"
            "action = 'lambda'\\nsenders = ['*']\\nfunction = 'broken'\\n[functions.broken]\\npath = '.'\\nhandler = 'broken.handler'\\n")
        def test_failed(workmail):
            Path("broken.py").write_text("def handler(event, context):\\n    return event['subjct']\\n")
            subject(workmail)
    """
    done = run(source)
    report = done.stdout.partition("_ test_failed _")[2].partition("messages of the local WorkMail")[0]
    assert "KeyError: 'subjct'" in report, done.stdout
    assert ">       subject(workmail)" in report
    assert "_wait_for_success" not in report
    assert "workers.py" not in report


def test_processes_of_xdist_have_ports_folders_and_buckets_of_their_own(run: PytestRun, tmp_path: Path) -> None:
    source = """
        @pytest.mark.parametrize("number", range(4))
        def test_it(workmail, number):
            assert subject(workmail) == "Offer"
            [copy] = workmail.delivered("ana@example.com")
            values = [os.environ["AWS_ENDPOINT_URL_S3"], str(workmail.smtp_port("INBOUND")), str(copy.path)]
            Path(os.environ["PYTEST_XDIST_WORKER"] + str(number)).write_text("\\n".join(values))
    """
    verify_passed(run(source, "-n", "2", "--dist", "each"), 8)
    servers, ports, files = zip(*(file.read_text().split() for file in sorted(tmp_path.glob("gw*"))), strict=True)
    assert servers == (servers[0],) * 4 + (servers[4],) * 4
    assert servers[0] != servers[4]
    assert len(set(files)) == 8
    assert set(ports[:4]).isdisjoint(ports[4:])
