"""The examples of docs/testing.md run."""

import os
import re
from pathlib import Path

import pytest

from tests.support.functions import app
from workmail_local import LocalWorkMail
from workmail_local.config.functions import ROOT

PAGE = (ROOT / "docs" / "testing.md").read_text("utf-8")
TEST, HOLDING, FAILURE, SENDING, SERVICES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

pytest_plugins = ["pytester"]


def test_the_example_that_sends_a_message_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(SENDING, "docs/testing.md", "exec"), {})


def test_the_example_of_a_policy_that_holds_mail_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(HOLDING, "docs/testing.md", "exec"), {})


def test_the_example_of_a_failure_runs(tmp_path: Path) -> None:
    app(
        tmp_path,
        """
        def handler(event, context, calls=[]):
            calls.append(event)
            if len(calls) == 1:
                raise OSError("too early")
            return {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}
    """,
    )
    configuration = re.sub(r"functions/rewrite", str(tmp_path), find_configuration())
    with LocalWorkMail(configuration) as wm:
        exec(compile(FAILURE, "docs/testing.md", "exec"), {"wm": wm, "RAW": b"From: a@example.net\r\nTo: b@example.com\r\n\r\n"})


def find_configuration() -> str:
    """The configuration of the first example."""
    found = re.search(r'CONFIGURATION = """(.*?)"""', SENDING, re.DOTALL)
    assert found
    return found[1]


def test_the_example_of_services_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(SERVICES, "docs/testing.md", "exec"), {})
    assert capsys.readouterr().out == "frozen, as ordered\n"


def test_the_example_for_pytest_runs_with_a_workmail_for_each_test_to_which_boto3_is_led(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(
        test_example=TEST,
        test_alone="""
        import os

        import boto3
        import pytest

        RAW = b"From: a@example.net\\r\\nTo: ana@example.com\\r\\nSubject: x\\r\\n\\r\\nHello\\r\\n"

        @pytest.mark.parametrize("number", [1, 2])
        def test_alone(workmail, number):
            assert workmail.history.count() == 0
            workmail.send(RAW)
            s3 = boto3.client("s3")
            assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [os.environ["REWRITE_BUCKET"]]
            s3.close()
        """,
    )
    (pytester.path / "workmail.toml").write_text(find_configuration().replace("functions/rewrite", str(ROOT / "functions" / "rewrite")))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT, ROOT / "layers" / "mailhooks"))))
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "workmail_local.pytest_plugin").assert_outcomes(passed=3)


@pytest.mark.parametrize("call", re.findall(r"`wm\.faults\.add\((.*?)\)`", PAGE))
def test_the_faults_of_the_table_can_be_added(call: str) -> None:
    from workmail_local.aws.faults import Faults

    faults = Faults()
    eval(f"faults.add({call})", {"faults": faults})
    assert faults.next("get") or faults.next("put")
