"""`workmail-hooks replay`."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.support.policy_files import MESSAGE, POLICY, WITH_FILE, save_message, write_policy
from workmail_local.cli.main import main
from workmail_local.cli.policy.replay import _with_progress
from workmail_local.policy_tools.replay import ReplayRow


@pytest.fixture
def run_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Return a function that runs `replay` for the folder `mail` and returns its lines."""

    def run(*options: str, policy: str = POLICY) -> list[str]:
        assert main(["replay", write_policy(tmp_path, policy), str(tmp_path / "mail"), *options]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return [" ".join(line.split()) for line in captured.out.splitlines()]

    return run


def test_each_message_has_a_row_and_each_rule_a_count(run_replay, tmp_path: Path) -> None:
    save_message(tmp_path / "mail", name="a.eml")
    save_message(tmp_path / "mail", MESSAGE.replace(b"Our contract", b"Hello"), name="deep/down/b.EML")
    assert run_replay() == [
        "Message Rules Verdicts Changes and more",
        'a.eml External banner, Co... 1 BOUNCE, 1 D... subject_tag "[EXTERNAL]"; arc...',
        'deep/down/b.EML External banner 2 DEFAULT subject_tag "[EXTERNAL]"',
        "",
        "2 messages",
        "2 External banner",
        "1 Contracts",
    ]


def test_maildirs_are_read_and_other_files_are_not(run_replay, tmp_path: Path) -> None:
    for name in ("box/cur/1:2,S", "box/new/2.host", "box/tmp/3", "notes.txt", "box/cur/.hidden", "box/cur/x.msg", "new.eml"):
        save_message(tmp_path / "mail", name=name)
    rows = run_replay()
    assert [row.split()[0] for row in rows[1 : rows.index("")]] == ["new.eml", "box/cur/1:2,S", "box/new/2.host"]


def test_an_unusable_message_is_a_row_with_an_error(run_replay, tmp_path: Path) -> None:
    save_message(tmp_path / "mail", b"", "empty.eml")
    save_message(tmp_path / "mail", b"\xff\xfe\0\0", "junk.eml")
    save_message(tmp_path / "mail", b"From: a@example.net\r\nTo: x@example.org\r\n\r\n", "undirected.eml")
    save_message(tmp_path / "mail", b"From: @@@\r\nTo: <<<<@example.com\r\n\r\n", "odd.eml")
    save_message(tmp_path / "mail", b"From: " + b"(" * 50_000 + b"\r\nTo: ana@example.com\r\n\r\n", "nested.eml")
    (tmp_path / "mail/gone.eml").symlink_to(tmp_path / "none")
    save_message(tmp_path / "mail", name="good.eml")
    rows = run_replay()
    assert "empty.eml empty" in rows
    assert "gone.eml cannot be read: No such file or directory" in rows
    assert any(row.startswith("undirected.eml no envelope: the message names no recipient in example.com") for row in rows)
    assert any(row.startswith("good.eml External banner") for row in rows)
    assert any(row.startswith("7 messages; ") for row in rows)


def test_a_message_whose_evaluation_raises_is_a_row_with_an_error(run_replay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("x")

    monkeypatch.setattr("mailhooks.policy.Policy.start_evaluation", broken)
    save_message(tmp_path / "mail", name="a.eml")
    assert "a.eml cannot be evaluated: ZeroDivisionError: x" in run_replay()


def test_only_messages_with_another_outcome_are_shown_against_a_policy(run_replay, tmp_path: Path) -> None:
    save_message(tmp_path / "mail", name="a.eml")
    save_message(tmp_path / "mail", MESSAGE.replace(b"Our contract", b"Hello"), name="b.eml")
    old = write_policy(tmp_path, POLICY.replace("subject: contract", "subject: price"), "old.yaml")
    assert run_replay("--against", old) == [
        "Message Rules Verdicts Changes and more",
        'a.eml External banner 2 DEFAULT subject_tag "[EXTERNAL]"',
        '-> External banner, Co... 1 BOUNCE, 1 D... subject_tag "[EXTERNAL]"; arc...',
        "",
        "2 messages, 1 differ",
        "2 -> 2 External banner",
        "0 -> 1 Contracts",
    ]


def test_outcomes_differ_by_their_results_and_not_by_their_rules(run_replay, tmp_path: Path) -> None:
    save_message(tmp_path / "mail", name="a.eml")
    for change, differs in (
        (("name: Contracts", "name: Other"), False),
        (('"[EXTERNAL]"', '"[EXT]"'), True),
        (("No: %%", "Never: %%"), True),
        (("example-archive", "other-archive"), True),
        (("do: { subject_tag", "mode: report\n    do: { subject_tag"), True),
        (("lists:", "defaults: { on_error: retry }\nlists:"), False),
    ):
        assert change[0] in POLICY
        rows = run_replay("--against", write_policy(tmp_path, POLICY.replace(*change), "old.yaml"))
        assert f"1 message, {int(differs)} differ" in rows, change


STRIP = """\
version: 1
organization: { domains: [example.com] }
rules:
  - { name: Files, do: { strip_attachments: { extensions: [doc] } } }
  - { name: Tag, do: { subject_tag: "[EXTERNAL]" } }
  - { name: Watched, mode: report, do: { subject_tag: "[X]" } }
"""


def test_changes_are_counted_only_in_messages_that_they_change(run_replay, tmp_path: Path) -> None:
    tagged = MESSAGE.replace(b"Subject: Our", b"Subject: [EXTERNAL] Our")
    for name, raw in (("1.eml", MESSAGE), ("2.eml", WITH_FILE), ("3.eml", tagged)):
        save_message(tmp_path / "mail", raw, name)
    tag, strip = 'subject_tag "[EXTERNAL]"', "strip_attachments"
    table = tmp_path / "out.csv"
    assert run_replay("--csv", str(table), policy=STRIP)[-5:-1] == [
        "3 messages",
        "3 Files (changes 1)",
        "3 Tag (changes 2)",
        "3 Watched",
    ]
    with table.open(newline="", encoding="utf-8") as file:
        assert [row["changes"] for row in csv.DictReader(file)] == [tag, f"{strip}; {tag}", ""]
    old = write_policy(tmp_path, STRIP.replace("doc", "zip"), "old.yaml")
    rows = run_replay("--against", old, policy=STRIP)
    assert [row.split()[0] for row in rows[1:3]] == ["2.eml", "->"]
    assert rows[4:] == ["3 messages, 1 differ", "3 -> 3 Files (changes 0 -> 1)", "3 -> 3 Tag (changes 2 -> 2)", "3 -> 3 Watched"]


def test_a_change_that_is_not_possible_has_its_effect_on_the_verdicts(run_replay, tmp_path: Path) -> None:
    signed = b"\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nA\r\n--s--\r\n"
    save_message(tmp_path / "mail", MESSAGE.replace(b"\r\n\r\nHello\r\n", signed), "a.eml")
    policy = "version: 1\norganization: {domains: [example.com]}\nrules: [{name: R, do: {disclaimer: {text: D, on_unmodifiable: bounce}}}]"
    rows = run_replay(policy=policy)
    assert rows[1] == "a.eml R 2 BOUNCE -"
    assert rows[2].startswith('failed: rule "R": disclaimer: CannotChangeSafely')
    assert rows[-2:] == ["1 message; 1 with a condition or an action that failed", "1 R (changes 0)"]


def test_the_table_has_every_message_uncut(run_replay, tmp_path: Path) -> None:
    save_message(tmp_path / "mail", name="a.eml")
    save_message(tmp_path / "mail", MESSAGE.replace(b"Our contract", b"Hello"), name="=b.eml")
    old = write_policy(tmp_path, POLICY.replace("subject: contract", "subject: price"), "old.yaml")
    run_replay("--against", old, "--csv", str(tmp_path / "out.csv"))
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["message"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {"'=b.eml", "a.eml"}
    row = rows["a.eml"]
    assert (row["rules"], row["verdicts"], row["differs"]) == ("External banner; Contracts", "1 BOUNCE, 1 DEFAULT", "yes")
    assert (row["bounces"], row["old_rules"], row["recipients"]) == ("No: Our contract", "External banner", "2")
    assert rows["'=b.eml"]["differs"] == "no"


def test_messages_are_counted_and_timed_by_their_dates(run_replay, tmp_path: Path) -> None:
    for minute in (0, 1, 2, 30):
        save_message(tmp_path / "mail", MESSAGE.replace(b"08:00:00", f"08:{minute:02}:00".encode()), f"{minute:02}.eml")
    policy = (
        "version: 1\norganization: { domains: [example.com] }\nrules:\n"
        "  - { name: Many, when: { rate: { more_than: 2, minutes: 10, per: sender } }, do: drop }\n"
        '  - { name: Early, when: { time: { until: "08:02" } }, do: { count: Early } }\n'
        "  - { name: Later, active: { from: 2026-06-01T00:00:00Z }, do: { count: Later } }\n"
    )
    rows = run_replay(policy=policy)
    assert rows[-3:] == ["1 Many", "2 Early", "0 Later (not active at the time of any message: see --at)"]
    assert run_replay("--at", "2026-06-02T12:00Z", policy=policy)[-3:] == ["2 Many", "0 Early", "4 Later"]


def test_contacts_are_recorded_in_the_order_of_the_files(run_replay, tmp_path: Path) -> None:
    for name in ("1.eml", "2.eml", "3.eml"):
        save_message(tmp_path / "mail", MESSAGE, name)
    policy = (
        "version: 1\norganization: {domains: [example.com]}\nrules: [{name: First, when: {first_contact: true}, do: bypass_spam_check}]"
    )
    assert "1 First" in run_replay("--inbound", policy=policy)
    assert "0 First" in run_replay("--inbound", "--known", "joerg@example.net", policy=policy)


def test_missing_people_have_a_hint(run_replay, tmp_path: Path) -> None:
    save_message(tmp_path / "mail", MESSAGE.replace(b"From: ", b"From: Ana Silva ", 1), "1.eml")
    policy = "version: 1\norganization: {domains: [example.com]}\nrules: [{name: R, when: {display_name: {own_people: true}}, do: junk}]"
    assert "no person is known here: give each with --person" in run_replay(policy=policy)
    assert not any("no person" in line for line in run_replay("--person", "Ben=ben@example.com", policy=policy))


def test_a_message_without_a_date_has_the_present_time(run_replay, tmp_path: Path) -> None:
    for date in (b"", b"Date: never\r\n", b"Date: Mon, 4 May 99999 08:00:00 +0000\r\n", b"Date: 1 Jan 0001 00:00:00 +2359\r\n"):
        save_message(tmp_path / "mail", MESSAGE.replace(b"Date: Mon, 4 May 2026 08:00:00 +0000\r\n", date), "a.eml")
        # WorkMail rejects a change of a message without a date.
        assert [row.partition(" (")[0] for row in run_replay()[-2:]] == ["1 External banner", "1 Contracts"], date


ARCHIVED = {
    "messageId": "m-1",
    "invocationId": "i-1",
    "flowDirection": "INBOUND",
    "mailFrom": "bounce@example.net",
    "sender": None,
    "recipients": ["ana@example.com"],
    "truncated": False,
    "subject": "Our contract",
}


def archive(folder: Path, name: str = "kept", **envelope: object) -> None:
    """Write a message as the action `archive` does; its header names other addresses than its envelope."""
    save_message(
        folder, b"From: x@example.org\r\nTo: Undisclosed recipients:;\r\nSubject: Our contract\r\n\r\nHello\r\n", f"{name}/message.eml"
    )
    (folder / name / "envelope.json").write_text(json.dumps(ARCHIVED | envelope), "utf-8")


def test_an_archived_message_has_its_archived_envelope(run_replay, tmp_path: Path) -> None:
    archive(tmp_path / "mail")
    archive(tmp_path / "mail", "report", mailFrom="", recipients=["ben@example.com", "carl@example.com"])
    archive(tmp_path / "mail", "out", flowDirection="OUTBOUND", mailFrom="ana@example.com", recipients=["x@example.org"])
    rows = run_replay()
    assert rows[1].startswith("kept/message.eml External banner, Co... 1 BOUNCE")
    assert rows[2:4] == ["out/message.eml - 1 DEFAULT -", "report/message.eml - 2 DEFAULT -"]
    assert run_replay("--to", "ben@example.com", "--from", "a@partner.example")[1] == "kept/message.eml - 1 DEFAULT -"


def test_another_envelope_file_is_a_row_with_an_error(run_replay, tmp_path: Path) -> None:
    archive(tmp_path / "mail")
    for text in ("", "{}", "[]", "[" * 100_000, json.dumps(ARCHIVED | {"recipients": [7]}), json.dumps(ARCHIVED | {"flowDirection": "UP"})):
        (tmp_path / "mail/kept/envelope.json").write_text(text, "utf-8")
        assert run_replay()[1].startswith("kept/message.eml no envelope: envelope.json in its folder"), text[:80]


def test_options_set_the_envelope_of_all_messages(run_replay, tmp_path: Path) -> None:
    save_message(tmp_path / "mail", b"From: x@example.org\r\nSubject: Our contract\r\n\r\n", "a.eml")
    assert "give one or more (to;" in run_replay("--csv", str(tmp_path / "out.csv"))[1] + (tmp_path / "out.csv").read_text("utf-8")
    assert run_replay("--to", "ana@example.com")[1].startswith("a.eml External banner, Co... 1 BOUNCE")


def test_a_folder_without_mail_has_a_hint(run_replay, tmp_path: Path) -> None:
    save_message(tmp_path / "mail", name="notes.txt")
    assert run_replay()[-1].endswith("replay reads .eml files, and the folders cur/ and new/ of Maildirs, also in subfolders")


def test_options_set_the_direction_and_domains(run_replay, tmp_path: Path) -> None:
    save_message(tmp_path / "mail", name="a.eml")
    assert run_replay("--outbound")[-2:] == ["0 External banner", "1 Contracts"]
    policy = POLICY.replace("organization: { domains: [example.com] }\n", "")
    assert run_replay("--domains", "example.com", policy=policy)[-2:] == ["1 External banner", "1 Contracts"]


def test_unusable_folders_and_policies_have_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", write_policy(tmp_path), str(tmp_path / "none")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    assert (
        main(["replay", write_policy(tmp_path), str(tmp_path), "--against", write_policy(tmp_path, "version: 1\nrules: []", "old.yaml")])
        == 2
    )
    assert "old.yaml:2: rules: expected" in capsys.readouterr().err


def test_a_terminal_shows_the_progress_and_clears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    clock = iter(range(100))
    monkeypatch.setattr("workmail_local.cli.policy.replay.time.monotonic", lambda: next(clock))
    stream = Terminal()
    rows = [ReplayRow(name) for name in "abc"]
    assert list(_with_progress(rows, stream)) == rows
    assert stream.getvalue().startswith("1 messages\r2 messages\r")
    assert stream.getvalue().endswith("\r\x1b[K")


HOLD = "{ hold: { approvers: boss@example.com, timeout: 1h, on_timeout: %s } }"
HOLDING = f"version: 1\nrules:\n  - name: Hold\n    when: {{ subject: contract }}\n    do: {HOLD}\n"


def test_held_messages_are_counted_and_have_their_hold_in_the_table(run_replay, tmp_path: Path) -> None:
    save_message(tmp_path / "mail", name="a.eml")
    save_message(tmp_path / "mail", MESSAGE.replace(b"Our contract", b"Hello"), name="b.eml")
    rows = run_replay("--csv", str(tmp_path / "t.csv"), "--domains", "example.com", policy=HOLDING % "drop")
    assert "2 messages; 1 held for approval" in rows
    table = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text("utf-8"))))
    assert [row["holds"] for row in table] == ["hold until boss@example.com approves, drop after 1h", ""]


def test_another_hold_is_another_outcome(run_replay, tmp_path: Path) -> None:
    save_message(tmp_path / "mail", name="a.eml")
    old = write_policy(tmp_path, HOLDING % "bounce", "old.yaml")
    assert "1 message, 1 differ; 1 held for approval" in run_replay("--against", old, "--domains", "example.com", policy=HOLDING % "drop")
