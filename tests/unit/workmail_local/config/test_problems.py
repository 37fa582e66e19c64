"""Errors in saved files: those of the configuration, and of the functions' policies."""

from pathlib import Path

import pytest

from workmail_local.config import problems
from workmail_local.config.config_reload import ConfigReload
from workmail_local.config.configuration import load_configuration
from workmail_local.config.problems import FileProblem, find_policy_problems

VALID = 'organization = { domains = ["example.com"] }\n'
POLICY = "version: 1\nrules:\n  - name: Contracts\n    do: drop\n"
BROKEN = POLICY.replace("drop", "dorp")


def save_function(folder: Path, policy: str, code: str = "from mailhooks.hook import sync_hook\n") -> str:
    """Write a function with a policy, and return a configuration that has it."""
    (folder / "app.py").write_text(code)
    (folder / "policy.yaml").write_text(policy)
    return f'{VALID}[functions.hook]\npath = "{folder}"\n'


def find(configuration: str) -> list[FileProblem]:
    return list(find_policy_problems(load_configuration(configuration)))


def test_an_invalid_file_leaves_the_configuration_before_in_force_until_it_is_mended(tmp_path: Path) -> None:
    file, reports = tmp_path / "workmail.toml", []
    file.write_text(VALID)
    configuration = ConfigReload(file, reports.append)
    before = configuration()
    assert configuration.problems == []

    file.write_text(f"{VALID}[history]\nkeep = 0\n")
    assert configuration() is before
    [problem] = configuration.problems
    assert (problem.file, problem.line) == ("workmail.toml", 3)
    assert problem.text.startswith("workmail.toml:3: [history]: keep: expected")
    assert problem.effect == "the configuration before it stays in force"

    file.unlink()
    assert configuration() is before
    assert len(configuration.problems) == 1

    file.write_text(f"{VALID}[history]\nkeep = 5\n")
    assert configuration().history == 5
    assert configuration.problems == []


def test_an_invalid_policy_has_its_line_and_the_function_that_fails(tmp_path: Path) -> None:
    configuration = save_function(tmp_path, BROKEN)
    [problem] = find(configuration)
    assert (problem.file, problem.line) == ("hook/policy.yaml", 4)
    assert problem.text.startswith('hook/policy.yaml:4: rule "Contracts": do: expected')
    assert problem.effect == "until it is valid, the function hook fails for each message"

    (tmp_path / "policy.yaml").write_text(POLICY)
    assert find(configuration) == []


def test_a_file_that_a_policy_names_is_read_again_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = save_function(tmp_path, "version: 1\nrules: [{name: Imprint, do: {disclaimer: {html_file: imprint.html}}}]\n")
    monkeypatch.setattr(problems, "AGAIN_S", 0.0)
    for _ in range(2):
        assert "there is no imprint.html" in find(configuration)[0].text
        (tmp_path / "imprint.html").write_text("<p>Example GmbH</p>")
        for _ in range(3):
            assert find(configuration) == []
        (tmp_path / "imprint.html").unlink()


def test_a_valid_policy_is_not_read_again_without_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = save_function(tmp_path, POLICY)
    monkeypatch.setattr(problems, "AGAIN_S", 0.0)
    for _ in range(2):
        find(configuration)
    loaded: list[Path] = []
    monkeypatch.setattr(problems, "load", loaded.append)
    assert find(configuration) == []
    assert loaded == []


def test_a_policy_that_an_editor_replaces_meanwhile_is_no_error_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = load_configuration(save_function(tmp_path, POLICY))
    (tmp_path / "policy.yaml").unlink()
    monkeypatch.setattr(Path, "is_file", lambda _path: True)
    assert [problem.text for problem in find_policy_problems(configuration)] == ["hook/policy.yaml: No such file or directory"]


@pytest.mark.parametrize("code", ["def handler(event, context): ...\n", ""])
def test_a_file_of_the_name_next_to_another_program_is_no_policy(tmp_path: Path, code: str) -> None:
    assert find(save_function(tmp_path, BROKEN, code)) == []


def test_a_policy_that_is_not_in_a_file_is_not_checked(tmp_path: Path) -> None:
    configuration = save_function(tmp_path, BROKEN)
    assert find(f'{configuration}environment = {{ POLICY = "s3://bucket/policy.yaml" }}\n') == []
    (tmp_path / "other.yaml").write_text(POLICY)
    assert find(f'{configuration}environment = {{ POLICY = "other.yaml" }}\n') == []
