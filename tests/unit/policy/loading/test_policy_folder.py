"""The files that a policy names: templates, images and the address book in its folder, and none outside of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from mailhooks.content.template import read_values
from mailhooks.core.content_changes import apply_changes
from mailhooks.core.policy_source import PolicySource
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from mailhooks.policy import PolicyError, load
from mailhooks.policy.rules.rule import AddDisclaimer
from mailhooks.settings import Settings
from tests.support.mail import parsed
from tests.support.policies import PLAIN


def write(folder: Path, disclaimer: dict[str, Any], organization: dict[str, Any] | None = None, **files: str | bytes) -> Path:
    """Write a policy of one disclaimer, and files with `_` for the dot; return the policy's path."""
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content if isinstance(content, bytes) else content.encode())
    policy = {"version": 1, "organization": organization or {}, "rules": [{"name": "D", "do": {"disclaimer": disclaimer}}]}
    path = folder / "policy.json"
    path.write_text(json.dumps(policy, indent=1), "utf-8")
    return path


def error_of(path: Path) -> str:
    with pytest.raises(PolicyError) as caught:
        load(path)
    [line] = caught.value.lines()
    return line


def disclaimer_of(path: Path) -> AddDisclaimer:
    [rule] = load(path).rules
    [action] = rule.actions
    assert isinstance(action, AddDisclaimer)
    return action


def test_a_template_in_a_file_is_the_same_disclaimer_as_in_the_policy(tmp_path: Path) -> None:
    in_files = disclaimer_of(write(tmp_path, {"text_file": "d.txt", "html_file": "d.html"}, d_txt="\ufeffA\r\nB", d_html="<p>Ö</p>"))
    in_policy = disclaimer_of(write(tmp_path, {"text": "A\nB", "html": "<p>Ö</p>"}))
    assert in_files == in_policy
    assert in_files.disclaimer.stamp == in_policy.disclaimer.stamp


def test_an_image_lies_next_to_its_template(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "logo.png").write_bytes(b"of the template")
    (tmp_path / "mail" / "d.html").write_text('<img src="cid:logo.png">')
    [image] = disclaimer_of(write(tmp_path, {"html_file": "mail/d.html"}, logo_png=b"of the policy")).disclaimer.images
    assert (image.content, image.subtype) == (b"of the template", "png")
    [image] = disclaimer_of(write(tmp_path, {"html": '<img src="cid:logo.png">'})).disclaimer.images
    assert image.content == b"of the policy"


@pytest.mark.parametrize(
    "disclaimer, place, why",
    [
        ({"text_file": "none.txt"}, "text_file", "there is no none.txt"),
        ({"html_file": "none/d.html"}, "html_file", "there is no none/d.html"),
        ({"text_file": "../secret.txt"}, "text_file", "a file in the policy's folder, got ../secret.txt"),
        ({"text_file": "a/../../secret.txt"}, "text_file", "a file in the policy's folder"),
        ({"text_file": "/etc/passwd"}, "text_file", "a file in the policy's folder"),
        ({"text_file": "link.txt"}, "text_file", "a file in the policy's folder"),
        ({"text_file": "."}, "text_file", "a file that can be read"),
        ({"text_file": "a\\b"}, "text_file", "the name of a file in the policy's folder"),
        ({"text_file": "a\x00b"}, "text_file", "the name of a file in the policy's folder"),
        ({"text_file": "x" * 201}, "text_file", "the name of a file in the policy's folder"),
        ({"text_file": "latin.txt"}, "text_file", "latin.txt to be saved as UTF-8"),
        ({"text_file": "long.txt"}, "text_file", "at most 50,000 characters in long.txt, got 50,001"),
        ({"text_file": "huge.txt"}, "text_file", "a file of at most 1 MB"),
        ({"text_file": "empty.txt"}, "", "text or text_file, html or html_file"),
        ({"text_file": "d.txt", "text": "D"}, "", "text or text_file, not both"),
        ({"html_file": "d.html", "html": "D"}, "", "html or html_file, not both"),
        ({"html_file": "d.html"}, "html_file", "there is no logo.png"),
        ({"html": "<img src='cid:../logo.png'>"}, "html", "an image next to the template"),
        ({"html": "<img src='cid:d.txt'>"}, "html", "an image next to the template"),
        ({"text_file": "control.txt"}, "", "remove the control characters"),
        ({"text_file": "variable.txt"}, "", "unknown variables: title"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_problem_with_its_line(disclaimer: dict[str, str], place: str, why: str, tmp_path: Path) -> None:
    folder = tmp_path / "function"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "a").mkdir()
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    path = write(
        folder,
        disclaimer,
        latin_txt=b"K\xf6ln",
        long_txt="x" * 50_001,
        huge_txt="x" * 1_100_000,
        empty_txt=" \n",
        d_txt="D",
        d_html='<img src="cid:logo.png">',
        control_txt="a\x01b",
        variable_txt="%%Title%%",
    )
    line = error_of(path)
    assert why in line
    lines = path.read_text().splitlines()
    key = place or "disclaimer"
    [number] = [number for number, each in enumerate(lines, 1) if f'"{key}": ' in each]
    assert line.startswith(f'policy.json:{number}: rule "D": do/disclaimer{f"/{place}" if place else ""}: ')


def test_a_policy_that_is_only_a_text_has_no_files() -> None:
    with pytest.raises(PolicyError, match="this policy is a text without a folder"):
        load('{"version": 1, "rules": [{"name": "D", "do": {"disclaimer": {"text_file": "d.txt"}}}]}')


def test_a_policy_from_another_place_names_files_of_the_functions_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, {"text_file": "d.txt"}, d_txt="From the folder")
    text = path.read_text()
    path.unlink()
    monkeypatch.chdir(tmp_path)
    [rule] = PolicySource(lambda: text, "s3://bucket/policy.yaml", 300).current().rules
    assert b"From the folder" in splice(PLAIN, rule.changes[0].change(Message(PLAIN), {}).edits)
    (tmp_path / "d.txt").unlink()
    source = PolicySource(lambda: text, "s3://bucket/policy.yaml", 300)
    assert "there is no d.txt" in source.problem


def test_the_setting_policy_decides_the_folder(tmp_path: Path) -> None:
    path = write(tmp_path, {"text_file": "d.txt"}, d_txt="D")
    assert PolicySource.from_settings(Settings(policy=str(path))).current().rules


def test_the_digest_of_a_policy_changes_with_its_files_only_if_it_has_some(tmp_path: Path) -> None:
    digests = []
    for content in (b"one", b"two", b"two"):
        digests.append(load(write(tmp_path, {"html": '<img src="cid:logo.png">'}, logo_png=content)).digest)
    assert len(set(digests)) == 2
    text = '{"version": 1, "rules": [{"name": "D", "do": "drop"}]}'
    (tmp_path / "other.json").write_text(text)
    assert load(tmp_path / "other.json").digest == load(text).digest


BOOK = {"organization": {"address_book": "people.json"}}


def signed(path: Path, sender: str) -> str:
    """Return the text of a message by this sender with the disclaimer."""
    event = parsed(envelope={"mailFrom": {"address": sender}, "recipients": [{"address": "user@example.com"}]})
    outcome = load(path).evaluate(event, PLAIN)
    return apply_changes(Message(PLAIN), outcome.changes, read_values(Message(PLAIN), sender)).content.decode()


def test_the_address_book_has_variables_by_the_senders_address_in_any_case(tmp_path: Path) -> None:
    people = json.dumps({"Ana@Example.net": {"Title": "Engineer", "Phone": 7, "FromName": "Eve"}})
    path = write(tmp_path, {"text": "%%FromName%%\n%%title%%\nPhone: %%PHONE%%\nEnd"}, people_json=people, **BOOK)
    assert "Ana\r\nEngineer\r\nPhone: 7\r\nEnd" in signed(path, "ana@example.net")
    assert "Ana\r\nEnd" in signed(path, "ben@example.net")


@pytest.mark.parametrize(
    "people",
    [
        "{",
        "[]",
        '{"ana@example.com": "Engineer"}',
        b"\xff",
        '{"ana@example.com": {"Title": null}}',
        '{"ana@example.com": {"Title": ["Engineer"]}}',
        '{"ana@example.com": {"Title": true}}',
        '{"ana@example.com": {"Title": "A", "title": "B"}}',
        '{"ana@example.com": {}, "ana@example.com": {}}',
        '{"ana@example.com": {}, "Ana@Example.com": {}}',
        '{"*@example.com": {"Title": "Engineer"}}',
        '{"ana": {"Title": "Engineer"}}',
        '{"Ana <ana@example.com>": {"Title": "Engineer"}}',
    ],
)
def test_an_invalid_address_book_is_a_problem_that_quotes_none_of_it(people: str | bytes, tmp_path: Path) -> None:
    line = error_of(write(tmp_path, {"text": "D"}, people_json=people, **BOOK))
    assert "organization/address_book: expected" in line
    assert "people.json" in line
    assert "Ana <" not in line
