"""The command line as a whole."""

import pytest

from workmail_local.cli.main import _COMMANDS, main
from workmail_local.cli.options import build_parser


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
