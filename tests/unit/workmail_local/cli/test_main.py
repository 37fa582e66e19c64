"""The command line as a whole."""

import subprocess
import sys

import pytest

from workmail_local.cli.main import _COMMANDS, main
from workmail_local.cli.options import build_parser
from workmail_local.errors import explain_missing_package


def test_each_command_has_options_and_a_function(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert f"{{{','.join(_COMMANDS)}}}" in shown


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_each_command_has_a_help_text(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args([command, "--help"])
    assert ended.value.code == 0
    assert f"usage: workmail-hooks {command}" in capsys.readouterr().out


def test_a_command_that_ctrl_c_interrupts_returns_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(_COMMANDS, "check", interrupt)
    assert main(["check", "policy.yaml"]) == 130


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


def test_a_missing_module_of_this_project_is_an_error_of_the_program() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"mailhooks\.gone"), explain_missing_package():
        raise ModuleNotFoundError("No module named 'mailhooks.gone'", name="mailhooks.gone")
