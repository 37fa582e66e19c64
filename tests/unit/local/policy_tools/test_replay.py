import csv
import io
import json
from pathlib import Path

import pytest

from local.cli.parser import main
from local.cli.policy.replay import _with_progress
from local.policy_tools.runs import Row
from tests.support.policy_files import MESSAGE, POLICY, saved, written


@pytest.fixture
def replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """`replayed(*options, policy=...)`: what the command prints of the folder `mail`."""

    def run(*options: str, policy: str = POLICY) -> list[str]:
        assert main(["replay", written(tmp_path, policy), str(tmp_path / "mail"), *options]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return [" ".join(line.split()) for line in captured.out.splitlines()]

    return run


def test_every_message_has_its_row_and_every_rule_its_number(replayed, tmp_path: Path) -> None:
    saved(tmp_path / "mail", name="a.eml")
    saved(tmp_path / "mail", MESSAGE.replace(b"Our contract", b"Hello"), name="deep/down/b.EML")
    assert replayed() == [
        "Message Rules Verdicts Changes and more",
        'a.eml External banner, Co... 1 BOUNCE, 1 D... subject_tag "[EXTERNAL]"; arc...',
        'deep/down/b.EML External banner 2 DEFAULT subject_tag "[EXTERNAL]"',
        "",
        "2 messages",
        "2 External banner",
        "1 Contracts",
    ]


def test_a_maildir_is_read_and_what_is_no_message_is_not(replayed, tmp_path: Path) -> None:
    for name in ("box/cur/1:2,S", "box/new/2.host", "box/tmp/3", "notes.txt", "box/cur/.hidden", "box/cur/x.msg", "new.eml"):
        saved(tmp_path / "mail", name=name)
    rows = replayed()
    assert [row.split()[0] for row in rows[1 : rows.index("")]] == ["new.eml", "box/cur/1:2,S", "box/new/2.host"]


def test_a_message_that_cannot_be_tried_is_a_row_that_says_so(replayed, tmp_path: Path) -> None:
    saved(tmp_path / "mail", b"", "empty.eml")
    saved(tmp_path / "mail", b"\xff\xfe\0\0", "junk.eml")
    saved(tmp_path / "mail", b"From: a@example.net\r\nTo: x@example.org\r\n\r\n", "nobody.eml")
    saved(tmp_path / "mail", b"From: @@@\r\nTo: <<<<@example.com\r\n\r\n", "odd.eml")
    saved(tmp_path / "mail", b"From: " + b"(" * 50_000 + b"\r\nTo: ana@example.com\r\n\r\n", "nested.eml")
    (tmp_path / "mail/gone.eml").symlink_to(tmp_path / "none")
    saved(tmp_path / "mail", name="good.eml")
    rows = replayed()
    assert "empty.eml empty" in rows
    assert "gone.eml cannot be read: No such file or directory" in rows
    assert any(row.startswith("nobody.eml no envelope: the message names no recipient in example.com") for row in rows)
    assert any(row.startswith("good.eml External banner") for row in rows)
    assert any(row.startswith("7 messages; ") for row in rows)


def test_a_message_that_breaks_the_policys_evaluation_is_a_row_too(replayed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("x")

    monkeypatch.setattr("mailhooks.policy.Policy.evaluate", broken)
    saved(tmp_path / "mail", name="a.eml")
    assert "a.eml cannot be tried: ZeroDivisionError: x" in replayed()


def test_against_another_policy_only_what_differs_is_shown(replayed, tmp_path: Path) -> None:
    saved(tmp_path / "mail", name="a.eml")
    saved(tmp_path / "mail", MESSAGE.replace(b"Our contract", b"Hello"), name="b.eml")
    old = written(tmp_path, POLICY.replace("subject: contract", "subject: price"), "old.yaml")
    assert replayed("--against", old) == [
        "Message Rules Verdicts Changes and more",
        'a.eml External banner 2 DEFAULT subject_tag "[EXTERNAL]"',
        '-> External banner, Co... 1 BOUNCE, 1 D... subject_tag "[EXTERNAL]"; arc...',
        "",
        "2 messages, 1 differ",
        "2 -> 2 External banner",
        "0 -> 1 Contracts",
    ]


@pytest.mark.parametrize(
    "change, differs",
    [
        (("name: Contracts", "name: Other"), False),
        (('"[EXTERNAL]"', '"[EXT]"'), True),
        (("No: %%", "Never: %%"), True),
        (("example-archive", "other-archive"), True),
        (("do: { subject_tag", "mode: report\n    do: { subject_tag"), True),
        (("lists:", "defaults: { on_error: retry }\nlists:"), False),
    ],
)
def test_an_outcome_differs_by_what_becomes_of_the_message(replayed, tmp_path: Path, change: tuple[str, str], differs: bool) -> None:
    saved(tmp_path / "mail", name="a.eml")
    assert change[0] in POLICY
    rows = replayed("--against", written(tmp_path, POLICY.replace(*change), "old.yaml"))
    assert f"1 message, {int(differs)} differ" in rows


def test_the_table_has_every_message_uncut(replayed, tmp_path: Path) -> None:
    saved(tmp_path / "mail", name="a.eml")
    saved(tmp_path / "mail", MESSAGE.replace(b"Our contract", b"Hello"), name="=b.eml")
    old = written(tmp_path, POLICY.replace("subject: contract", "subject: price"), "old.yaml")
    replayed("--against", old, "--csv", str(tmp_path / "out.csv"))
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["message"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {"'=b.eml", "a.eml"}
    row = rows["a.eml"]
    assert (row["rules"], row["verdicts"], row["differs"]) == ("External banner; Contracts", "1 BOUNCE, 1 DEFAULT", "yes")
    assert (row["bounces"], row["old_rules"], row["recipients"]) == ("No: Our contract", "External banner", "2")
    assert rows["'=b.eml"]["differs"] == "no"


def test_messages_are_counted_and_timed_by_their_dates(replayed, tmp_path: Path) -> None:
    for minute in (0, 1, 2, 30):
        saved(tmp_path / "mail", MESSAGE.replace(b"08:00:00", f"08:{minute:02}:00".encode()), f"{minute:02}.eml")
    policy = (
        "version: 1\norganization: { domains: [example.com] }\nrules:\n"
        "  - { name: Many, when: { rate: { more_than: 2, minutes: 10, per: sender } }, do: drop }\n"
        '  - { name: Early, when: { time: { until: "08:02" } }, do: { count: Early } }\n'
        "  - { name: Later, active: { from: 2026-06-01T00:00:00Z }, do: { count: Later } }\n"
    )
    rows = replayed(policy=policy)
    assert rows[-3:] == ["1 Many", "2 Early", "0 Later (not active when any of these messages was sent: see --at)"]
    assert replayed("--at", "2026-06-02T12:00Z", policy=policy)[-3:] == ["2 Many", "0 Early", "4 Later"]


@pytest.mark.parametrize(
    "date", [b"", b"Date: never\r\n", b"Date: Mon, 4 May 99999 08:00:00 +0000\r\n", b"Date: 1 Jan 0001 00:00:00 +2359\r\n"]
)
def test_a_message_without_a_date_counts_as_of_now(replayed, tmp_path: Path, date: bytes) -> None:
    saved(tmp_path / "mail", MESSAGE.replace(b"Date: Mon, 4 May 2026 08:00:00 +0000\r\n", date), "a.eml")
    assert replayed()[-3:] == ["1 message", "1 External banner", "1 Contracts"]


KEPT = {
    "messageId": "m-1",
    "invocationId": "i-1",
    "flowDirection": "INBOUND",
    "mailFrom": "bounce@example.net",
    "sender": None,
    "recipients": ["ana@example.com"],
    "truncated": False,
    "subject": "Our contract",
}


def kept(folder: Path, name: str = "kept", **envelope: object) -> None:
    """What the action `archive` writes, of a message whose header names others than its envelope."""
    saved(folder, b"From: x@example.org\r\nTo: Undisclosed recipients:;\r\nSubject: Our contract\r\n\r\nHello\r\n", f"{name}/message.eml")
    (folder / name / "envelope.json").write_text(json.dumps(KEPT | envelope), "utf-8")


def test_what_the_archive_has_kept_comes_with_its_envelope(replayed, tmp_path: Path) -> None:
    kept(tmp_path / "mail")
    kept(tmp_path / "mail", "report", mailFrom="", recipients=["ben@example.com", "carl@example.com"])
    kept(tmp_path / "mail", "out", flowDirection="OUTBOUND", mailFrom="ana@example.com", recipients=["x@example.org"])
    rows = replayed()
    assert rows[1].startswith("kept/message.eml External banner, Co... 1 BOUNCE")
    assert rows[2:4] == ["out/message.eml - 1 DEFAULT -", "report/message.eml - 2 DEFAULT -"]
    assert replayed("--to", "ben@example.com", "--from", "a@partner.example")[1] == "kept/message.eml - 1 DEFAULT -"


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[" * 100_000, json.dumps(KEPT | {"recipients": [7]}), json.dumps(KEPT | {"flowDirection": "UP"})]
)
def test_an_envelope_that_the_archive_has_not_written_is_a_row_that_says_so(replayed, tmp_path: Path, text: str) -> None:
    kept(tmp_path / "mail")
    (tmp_path / "mail/kept/envelope.json").write_text(text, "utf-8")
    assert replayed()[1].startswith("kept/message.eml no envelope: envelope.json beside it")


def test_the_envelope_may_be_given_for_all_messages(replayed, tmp_path: Path) -> None:
    saved(tmp_path / "mail", b"From: x@example.org\r\nSubject: Our contract\r\n\r\n", "a.eml")
    assert "give one or more with --to" in replayed("--csv", str(tmp_path / "out.csv"))[1] + (tmp_path / "out.csv").read_text("utf-8")
    assert replayed("--to", "ana@example.com")[1].startswith("a.eml External banner, Co... 1 BOUNCE")


@pytest.mark.parametrize("options", [("--from", "garbage"), ("--to", "a@example.com", "<b@example.com>"), ("--from", "")])
def test_what_is_no_address_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        main(["try", written(tmp_path), saved(tmp_path), *options])
    assert "is no mail address" in capsys.readouterr().err


def test_a_folder_without_mail_says_what_is_looked_for(replayed, tmp_path: Path) -> None:
    saved(tmp_path / "mail", name="notes.txt")
    assert replayed()[-1].endswith("replay looks for .eml files, also in folders of it, and for cur/ and new/ of Maildirs")


def test_the_direction_and_domains_may_be_given(replayed, tmp_path: Path) -> None:
    saved(tmp_path / "mail", name="a.eml")
    assert replayed("--outbound")[-2:] == ["0 External banner", "1 Contracts"]
    policy = POLICY.replace("organization: { domains: [example.com] }\n", "")
    assert replayed("--domains", "example.com", policy=policy)[-2:] == ["1 External banner", "1 Contracts"]


def test_what_cannot_be_replayed_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", written(tmp_path), str(tmp_path / "none")]) == 2
    assert "is no folder" in capsys.readouterr().err
    assert main(["replay", written(tmp_path), str(tmp_path), "--against", written(tmp_path, "version: 1\nrules: []", "old.yaml")]) == 2
    assert "old.yaml:2: rules: expected" in capsys.readouterr().err


def test_a_terminal_sees_how_far_it_is_and_nothing_of_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    clock = iter(range(100))
    monkeypatch.setattr("local.cli.policy.replay.time.monotonic", lambda: next(clock))
    stream = Terminal()
    rows = [Row(name) for name in "abc"]
    assert list(_with_progress(rows, stream)) == rows
    assert stream.getvalue().startswith("\r1 messages\r\r2 messages\r")
    assert stream.getvalue().endswith(" " * len("3 messages") + "\r")
