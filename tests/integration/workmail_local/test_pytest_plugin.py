"""The pytest plugin, in an environment with the wheel: as users have it."""

import re
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
CASES = {
    "tests/test_installed.py": """
        def test_it(workmail):
            assert subject(workmail) == "Offer"
    """,
    "tests/test_marker.py": """
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
    """,
    "tests/test_wrong_marker.py": """
        @pytest.mark.workmail("other.toml")
        def test_path(workmail):
            pass

        @pytest.mark.workmail("organization = 1")
        def test_configuration(workmail):
            pass

        @pytest.mark.workmail(spede=2)
        def test_option(workmail):
            pass
    """,
    "configured/tests/test_configured.py": """
        def test_it(workmail):
            assert subject(workmail) == "[TOML] Offer"
    """,
    "tests/test_environment.py": """
        def test_with(workmail):
            assert os.environ["REWRITE_BUCKET"] == workmail.bucket

        def test_without():
            assert not {"REWRITE_BUCKET", "AWS_ENDPOINT_URL"} & set(os.environ)
    """,
    "tests/test_report.py": """
        @pytest.mark.workmail("workmail.toml", environment={"SUBJECT_TAG": "[FIRST]"})
        def test_passed(workmail):
            subject(workmail)

        @pytest.mark.workmail("workmail.toml")
        def test_failed(workmail):
            assert subject(workmail) == "Offer"

        def test_no_mail(workmail):
            assert 0
    """,
    "tests/test_hook.py": """
        @pytest.mark.workmail("[organization]\\ndomains = ['example.com']\\n[[rules]]\\nname = 'R'\\ndirection = 'inbound'\\n"
            "action = 'lambda'\\nsenders = ['*']\\nfunction = 'broken'\\n[functions.broken]\\npath = '.'\\nhandler = 'broken.handler'\\n")
        def test_hook(workmail):
            Path("broken.py").write_text("def handler(event, context):\\n    return event['subjct']\\n")
            subject(workmail)
    """,
}
"""The files of one run of pytest, which is most of the time of these tests."""
CONFIGURED = "import pytest\n@pytest.fixture\ndef workmail_configuration():\n    return 'workmail.toml'\n"
PytestRun = Callable[..., str]


def write(file: Path, source: str) -> None:
    """Write a test file, and the configuration next to it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.with_name("workmail.toml").write_text(RULES)
    file.write_text(textwrap.dedent(HEAD) + textwrap.dedent(source))


def run_pytest(programs: Path, folder: Path, *options: str) -> str:
    """Run pytest in a folder, and return what it prints: a line a test, and the reports of failures."""
    command = [programs / "python", "-m", "pytest", "-v", "--strict-markers", "-W", "error", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=folder, env=clean_environment(programs), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def run(programs: Path, tmp_path: Path) -> PytestRun:
    """Return a function that writes a test file and runs pytest in its folder."""

    def once(source: str, *options: str) -> str:
        write(tmp_path / "tests" / "test_mail.py", source)
        return run_pytest(programs, tmp_path, *options)

    return once


@pytest.fixture(scope="module")
def printed(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a run of all `CASES` prints."""
    folder = tmp_path_factory.mktemp("cases")
    for name, source in CASES.items():
        write(folder / name, source)
    (folder / "configured" / "conftest.py").write_text(CONFIGURED)
    return run_pytest(programs, folder)


def outcomes(printed: str, file: str) -> dict[str, str]:
    """The outcome of each test of a file."""
    return dict(re.findall(rf"^\S*\b{re.escape(file)}::(\w+) ([A-Z]+)", printed, re.MULTILINE))


def section(printed: str, title: str) -> str:
    """The report of a failed test."""
    found = re.search(rf"^_+ {title} _+$(.*?)(?=^_{{3,}} .* _{{3,}}$|^=)", printed, re.MULTILINE | re.DOTALL)
    assert found, printed
    return found[1]


def verify_passed(printed: str, count: int) -> None:
    assert re.search(rf"^=+ {count} passed in ", printed, re.MULTILINE), printed


def test_it_is_registered_by_the_installation(printed: str) -> None:
    assert outcomes(printed, "test_installed.py") == {"test_it": "PASSED"}, printed


def test_a_conftest_may_name_it_too(run: PytestRun, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["workmail_local.pytest_plugin"]\n')
    verify_passed(run("def test_it(workmail):\n    assert subject(workmail) == 'Offer'\n"), 1)


def test_a_run_that_does_not_use_it_imports_neither_the_local_workmail_nor_its_packages(run: PytestRun) -> None:
    source = """
        def test_it():
            assert "workmail_local.pytest_plugin" in sys.modules
            loaded = {name.partition(".")[0] for name in sys.modules} | set(sys.modules)
            assert not loaded & {"workmail_local.workmail", "mailhooks", "boto3", "botocore", "moto", "starlette", "aiosmtpd"}
    """
    verify_passed(run(source), 1)


def test_a_marker_sets_configuration_speed_and_variables_from_the_module_to_the_test(printed: str) -> None:
    names = ("test_module", "test_variables", "test_text", "test_speed", "test_as_new")
    assert outcomes(printed, "test_marker.py") == dict.fromkeys(names, "PASSED"), printed


def test_a_fixture_sets_the_configuration_of_all_tests_also_as_a_path_from_their_file(printed: str) -> None:
    assert outcomes(printed, "test_configured.py") == {"test_it": "PASSED"}, printed


@pytest.mark.parametrize(
    "name, text",
    [
        ("test_path", "tests/other.toml is missing: the configuration of the fixture workmail is a path from the test's file"),
        ("test_configuration", "workmail.toml:1: organization"),
        ("test_option", "unexpected keyword argument 'spede'"),
    ],
)
def test_a_wrong_marker_is_an_error_of_its_test(name: str, text: str, printed: str) -> None:
    assert outcomes(printed, "test_wrong_marker.py")[name] == "ERROR"
    assert text in section(printed, f"ERROR at setup of {name}")


def test_the_environment_of_the_process_is_as_before_after_a_test(printed: str) -> None:
    assert outcomes(printed, "test_environment.py") == {"test_with": "PASSED", "test_without": "PASSED"}, printed


def test_the_report_of_a_failed_test_shows_its_messages_and_not_those_of_others(printed: str) -> None:
    report = section(printed, "test_failed").partition("messages of the local WorkMail")[2]
    assert 'message 1  INBOUND  nora@example.net -> ana@example.com  "Offer"  done' in report
    assert 'rule "Tag", function rewrite' in report
    assert "attempt 1  " in report
    assert "  | INFO the message is handled" in report
    assert "ana@example.com  DEFAULT  Inbox" in report
    assert "[FIRST]" not in report
    assert "messages of the local WorkMail" not in section(printed, "test_no_mail")
    assert printed.count("messages of the local WorkMail") == 2, "only the two tests that sent a message and failed have them"


def test_the_report_of_a_hook_that_fails_shows_the_line_of_the_test_and_none_of_our_own_code(printed: str) -> None:
    report = section(printed, "test_hook").partition("messages of the local WorkMail")[0]
    assert "KeyError: 'subjct'" in report
    assert ">       subject(workmail)" in report
    assert "_wait_for_success" not in report
    assert "workers.py" not in report


def test_processes_of_xdist_have_ports_folders_and_buckets_of_their_own(run: PytestRun, tmp_path: Path) -> None:
    source = """
        @pytest.mark.parametrize("number", range(2))
        def test_it(workmail, number):
            assert subject(workmail) == "Offer"
            [copy] = workmail.delivered("ana@example.com")
            values = [os.environ["AWS_ENDPOINT_URL_S3"], str(workmail.smtp_port("INBOUND")), str(copy.path)]
            Path(os.environ["PYTEST_XDIST_WORKER"] + str(number)).write_text("\\n".join(values))
    """
    verify_passed(run(source, "-n", "2", "--dist", "each"), 4)
    servers, ports, files = zip(*(file.read_text().split() for file in sorted(tmp_path.glob("gw*"))), strict=True)
    assert servers == (servers[0],) * 2 + (servers[2],) * 2
    assert servers[0] != servers[2]
    assert len(set(files)) == 4
    assert set(ports[:2]).isdisjoint(ports[2:])
