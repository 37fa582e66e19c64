"""The command line as a whole."""

import re
import subprocess
import sys

import pytest

from workmail_local.cli.main import _COMMANDS, TRACEBACK, main
from workmail_local.cli.options import build_parser
from workmail_local.config.functions import ROOT
from workmail_local.errors import explain_missing_package


def test_each_command_has_options_and_a_function(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    found = re.search(r"\{(.*?)\}", capsys.readouterr().out)
    assert found
    assert sorted(found[1].split(",")) == sorted(_COMMANDS)


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_each_command_has_a_help_text(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args([command, "--help"])
    assert ended.value.code == 0
    assert f"usage: workmail-hooks {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, meant",
    [
        (["sevre"], "did you mean serve?"),
        (["test_rule"], "did you mean test-rule?"),
        (["serve", "--smpt-port", "0"], "no such option: --smpt-port; did you mean --smtp-port?"),
        (["serve", "--weport=0"], "no such option: --weport; did you mean --web-port?"),
        (["serve", "--export", "powershel"], "did you mean powershell?"),
        (["run", "--fallback", "drop"], "did you mean DROP?"),
        (["run", "rewrite-sined"], "did you mean rewrite-signed?"),
        (["send", "events/mail/rewrite-signed.eml", "--function", "rewrit"], "did you mean rewrite?"),
    ],
)
def test_an_error_names_the_word_that_was_probably_meant(
    arguments: list[str], meant: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    error = capsys.readouterr().err
    assert code == 2
    assert meant in error
    assert len(error.splitlines()) == 1


def test_an_option_cannot_be_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--spee", "60"])
    assert "no such option: --spee; did you mean --speed?" in capsys.readouterr().err


def test_a_command_that_ctrl_c_interrupts_returns_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(_COMMANDS, "check", interrupt)
    assert main(["check", "policy.yaml"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_defect_is_one_line_without_its_text_and_a_traceback_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise KeyError("a line of a mail")

    monkeypatch.setitem(_COMMANDS, "check", fail)
    monkeypatch.delenv(TRACEBACK, raising=False)
    assert main(["check", "policy.yaml"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "defect of workmail-hooks: KeyError in test_main.py, line " in line
    assert f"{TRACEBACK}=1" in line
    assert "mail." not in line
    monkeypatch.setenv(TRACEBACK, "1")
    with pytest.raises(KeyError):
        main(["check", "policy.yaml"])


@pytest.mark.parametrize(
    "missing, arguments",
    [("moto", "['run']"), ("jinja2", "['preview', 'mail.eml', '--disclaimer', 'x']"), ("tzlocal", "['availability', '--config', 'x']")],
)
def test_without_its_package_a_command_names_the_extra_to_install(missing: str, arguments: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None\nfrom workmail_local.cli.main import main\nsys.exit(main({arguments}))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.endswith(f": the package {missing} is not installed: pip install 'workmail-hooks[local]'\n")
    assert ended.stderr.count("\n") == 1


def test_the_gateway_needs_another_extra() -> None:
    program = (
        "import sys; sys.modules['aiosmtplib'] = None\nfrom workmail_local.cli.main import main\nsys.exit(main(['gateway', 'check', 'x']))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stderr == "workmail-hooks gateway: the package aiosmtplib is not installed: pip install 'workmail-hooks[gateway]'\n"


def test_a_missing_module_of_this_project_is_an_error_of_the_program() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"mailhooks\.gone"), explain_missing_package():
        raise ModuleNotFoundError("No module named 'mailhooks.gone'", name="mailhooks.gone")
