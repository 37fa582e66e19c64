"""A policy for all mail, which is loaded again when it or one of its files is saved."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mailhooks.policy import load
from workmail_local.config import policy_reload
from workmail_local.config.configuration import Configuration
from workmail_local.config.policy_reload import PolicyReload
from workmail_local.errors import InvalidPolicy
from workmail_local.rules.rule import RuleAction

POLICY = "version: 1\nrules: [{name: Files, do: drop}]\n"
BROKEN = POLICY.replace("drop", "dorp")
TEMPLATE = "version: 1\nrules: [{name: Imprint, do: {disclaimer: {html_file: parts/imprint.html}}}]\n"


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture
def start(tmp_path: Path, reports: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., PolicyReload]:
    """Return a function that starts with a policy and a configuration."""
    monkeypatch.setattr(policy_reload, "AGAIN_S", 0.0)

    def start_with(policy: str, configuration: str = 'organization = { domains = ["example.com"] }\n') -> PolicyReload:
        (tmp_path / "workmail.toml").write_text(configuration)
        save(tmp_path / "policy.yaml", policy)
        return PolicyReload(tmp_path / "workmail.toml", tmp_path / "policy.yaml", copies, reports.append)

    copies = tmp_path / "copies"
    copies.mkdir()
    return start_with


def save(path: Path, text: str) -> None:
    """Save a file as an editor does: under another name first."""
    path.parent.mkdir(exist_ok=True)
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


def copied(configuration: Configuration) -> Path:
    """Return the policy that the function runs."""
    return Path(configuration.functions["mailflow"].environment["POLICY"])


def test_all_mail_of_both_directions_runs_the_policy(start: Callable[..., PolicyReload]) -> None:
    configuration = start(POLICY, Path("workmail_local/workmail.toml").read_text())()
    assert [(rule.direction, rule.senders, rule.recipients, rule.function) for rule in configuration.rules] == [
        ("INBOUND", ("*",), ("*",), "mailflow"),
        ("OUTBOUND", ("*",), ("*",), "mailflow"),
    ]
    assert all(rule.action is RuleAction.LAMBDA and rule.synchronous for rule in configuration.rules)
    assert copied(configuration).read_text() == POLICY
    assert configuration.functions["mailflow"].environment["POLICY_DIRECTORY"] == "true"
    assert configuration.mailboxes("ana.lima@example.com") == ("ana@example.com",)
    assert configuration.availability == "availability"


def test_the_configuration_is_the_same_object_until_a_file_is_saved(start: Callable[..., PolicyReload], tmp_path: Path) -> None:
    reload = start(POLICY)
    first = reload()
    assert reload() is first
    save(tmp_path / "workmail.toml", 'organization = { domains = ["example.org"] }\n')
    second = reload()
    assert second.domains == ("example.org",)
    assert copied(second) == copied(first)
    assert reload() is second


def test_a_saved_policy_is_in_force_at_once(start: Callable[..., PolicyReload], reports: list[str], tmp_path: Path) -> None:
    reload = start(POLICY)
    before = copied(reload())
    save(tmp_path / "policy.yaml", POLICY.replace("drop", "junk"))
    after = copied(reload())
    # The function's process that runs the version before still finds it.
    assert "drop" in before.read_text()
    assert "junk" in after.read_text()
    assert reports == ["policy.yaml has changed: 1 rule"]


def test_an_invalid_policy_leaves_the_one_before_in_force_until_it_is_mended(
    start: Callable[..., PolicyReload], reports: list[str], tmp_path: Path
) -> None:
    reload = start(POLICY)
    before = reload()
    save(tmp_path / "policy.yaml", BROKEN)
    assert reload() is before
    assert copied(before).read_text() == POLICY
    [problem] = reload.problems
    assert (problem.file, problem.line) == ("policy.yaml", 2)
    assert problem.text.startswith('policy.yaml:2: rule "Files": do: expected deliver, drop')
    assert problem.effect == "the policy before it stays in force"
    reload()
    assert len(reports) == 1
    assert reports[0].startswith("policy.yaml has changed, but has an error, so the policy before it stays in force: policy.yaml:2: ")

    (tmp_path / "policy.yaml").unlink()
    assert reload() is before
    assert [problem.text for problem in reload.problems] == ["policy.yaml: No such file or directory"]

    save(tmp_path / "policy.yaml", POLICY.replace("Files", "Others"))
    assert "Others" in copied(reload()).read_text()
    assert reload.problems == []


def test_an_error_of_the_configuration_is_a_problem_too(start: Callable[..., PolicyReload], tmp_path: Path) -> None:
    reload = start(POLICY)
    before = reload()
    save(tmp_path / "workmail.toml", "organization = 7\n")
    save(tmp_path / "policy.yaml", BROKEN)
    assert reload() is before
    assert [problem.file for problem in reload.problems] == ["workmail.toml", "policy.yaml"]


def test_files_that_the_policy_names_are_copied_and_watched(start: Callable[..., PolicyReload], reports: list[str], tmp_path: Path) -> None:
    save(tmp_path / "parts/imprint.html", "<p>Example GmbH</p>")
    reload = start(TEMPLATE)
    before = copied(reload())
    assert load(before).files == ("parts/imprint.html",)

    save(tmp_path / "parts/imprint.html", "<p>Example AG</p>")
    after = copied(reload())
    assert "GmbH" in (before.parent / "parts/imprint.html").read_text()
    assert "AG" in (after.parent / "parts/imprint.html").read_text()

    (tmp_path / "parts/imprint.html").unlink()
    assert copied(reload()) == after
    assert "there is no parts/imprint.html" in reload.problems[0].text
    # The policy itself is not saved again.
    save(tmp_path / "parts/imprint.html", "<p>Example AG</p>")
    assert copied(reload()) != after
    assert reload.problems == []
    assert len(reports) == 3


def test_an_invalid_policy_at_the_start_is_an_error_with_all_its_lines(start: Callable[..., PolicyReload]) -> None:
    with pytest.raises(InvalidPolicy, match=r"is invalid \(see workmail-hooks check .*policy.yaml\)\n.*policy.yaml:2: rule"):
        start(BROKEN)


def test_domains_of_the_policy_are_added_and_then_every_address_has_a_mailbox(start: Callable[..., PolicyReload], tmp_path: Path) -> None:
    sample = Path("workmail_local/workmail.toml").read_text()
    reload = start(f"organization: {{domains: [example.com, example.org]}}\n{POLICY}", sample)
    configuration = reload()
    assert configuration.domains == ("example.com", "example.org")
    assert configuration.mailboxes("kim@example.org") == ("kim@example.org",)
    assert configuration.mailboxes("ana.lima@example.com") == ("ana.lima@example.com",)

    save(tmp_path / "policy.yaml", f"organization: {{domains: [example.com]}}\n{POLICY}")
    assert reload().mailboxes("ana.lima@example.com") == ("ana@example.com",)


def test_only_the_last_copies_stay(start: Callable[..., PolicyReload], tmp_path: Path) -> None:
    reload = start(POLICY)
    for number in range(10):
        save(tmp_path / "policy.yaml", POLICY.replace("Files", f"Files {number}"))
        last = copied(reload())
    assert len(list((tmp_path / "copies").iterdir())) == 5
    assert "Files 9" in last.read_text()


def test_no_file_that_was_there_is_removed(start: Callable[..., PolicyReload], tmp_path: Path) -> None:
    reload = start(POLICY)
    own = [tmp_path / "copies/notes.txt", tmp_path / "copies/0/notes.txt"]
    for path in own:
        save(path, "mine")
    for number in range(10):
        save(tmp_path / "policy.yaml", POLICY.replace("Files", f"Files {number}"))
        reload()
    start(POLICY)
    assert [path.read_text() for path in own] == ["mine", "mine"]
