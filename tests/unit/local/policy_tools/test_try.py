from pathlib import Path

import pytest

from local.cli.parser import main
from local.policy_tools.memory_services import MemoryDirectory, MemoryRates
from mailhooks.deadline import Deadline
from tests.support.policy_files import MESSAGE, POLICY, saved, written

SOON = Deadline.after(60)


@pytest.fixture
def tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """`tried(*options, policy=..., raw=...)`: what the command prints."""

    def run(*options: str, policy: str = POLICY, raw: bytes = MESSAGE, code: int = 0) -> str:
        assert main(["try", written(tmp_path, policy), saved(tmp_path, raw), *options]) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out

    return run


def line(out: str, start: str) -> str:
    """The first line that begins so, in single spaces."""
    return next(" ".join(text.split()) for text in out.splitlines() if text.strip().startswith(start))


def rule(text: str) -> str:
    return f"version: 1\norganization: {{ domains: [example.com] }}\nrules:\n  - name: R\n    {text}\n"


def test_each_rule_says_for_whom_it_applies_and_what_it_saw(tried) -> None:
    out = tried()
    assert line(out, 'Rule "External') == 'Rule "External banner" applies to all recipients'
    assert line(out, "sender_scope") == "sender_scope external yes"
    assert line(out, "unless") == "unless no exception"
    assert line(out, "kind") == "kind (nothing) no"
    assert line(out, 'Rule "Contracts') == 'Rule "Contracts" applies to ana@example.com'
    assert line(out, "recipient") == "recipient ana@example.com, ben@example.com yes for 1 of 2: ana@example.com"
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 100


def test_the_outcome_has_verdicts_bounces_effects_and_the_changed_content(tried) -> None:
    out = tried()
    assert line(out, "Verdicts") == "Verdicts ana@example.com BOUNCE"
    assert line(out, "ben@example.com  ") == "ben@example.com DEFAULT"
    assert line(out, "Bounce") == 'Bounce "No: Our contract"'
    assert line(out, "Beside") == 'Beside archive a copy under s3://example-archive/mail/ (rule "Contracts"; not done here)'
    assert line(out, "+ Subject") == "+ Subject: [EXTERNAL] Our contract"


def test_several_exceptions_are_shown_once_each(tried) -> None:
    out = tried(raw=b"List-Id: <l.example>\r\n" + MESSAGE)
    assert line(out, "unless") == "unless an exception"
    assert out.count("unless") == 1
    assert line(out, 'Rule "External') == 'Rule "External banner" does not apply'


def test_the_envelope_may_be_given(tried) -> None:
    out = tried("--from", "ana@example.com", "--to", "a@example.org", "b@example.org")
    assert "(OUTBOUND, policy" in out
    assert line(out, "From") == "From ana@example.com"
    assert "(INBOUND" in tried("--from", "ana@example.com", "--inbound")
    assert "(OUTBOUND" in tried("--outbound")


def test_a_truncated_event_has_recipients_that_nobody_lists(tried) -> None:
    out = tried("--truncated")
    assert "(those not listed)" in out
    assert line(out, 'Rule "Contracts') == 'Rule "Contracts" applies to ana@example.com'


@pytest.mark.parametrize("at, verdict", [("2026-11-24T18:00+01:00", "DROP"), ("2026-11-24T17:59+01:00", "DEFAULT")])
def test_the_moment_may_be_given(tried, at: str, verdict: str) -> None:
    policy = rule('when: { time: { from: "18:00", until: "07:00", zone: Europe/Berlin } }\n    do: drop')
    assert line(tried("--at", at, policy=policy), "Verdicts") == f"Verdicts ana@example.com {verdict}"


def test_a_rule_that_is_not_asked_says_why(tried) -> None:
    policy = POLICY + "  - {name: Over, do: drop, active: {until: 2020-01-01T00:00:00Z}}\n  - {name: Off, do: drop, enabled: false}\n"
    out = tried(policy=policy)
    assert line(out, 'Rule "Over"') == 'Rule "Over" not asked: not active at this moment'
    assert line(out, 'Rule "Off"') == 'Rule "Off" not asked: not enabled'


@pytest.mark.parametrize("before, verdict", [(4, "DEFAULT"), (5, "DROP")])
def test_counts_begin_with_what_is_given(tried, before: int, verdict: str) -> None:
    policy = rule("when: { rate: { more_than: 5, minutes: 5 } }\n    do: drop")
    assert line(tried("--rates", str(before), policy=policy), "Verdicts") == f"Verdicts ana@example.com {verdict}"


def test_groups_have_the_members_that_are_given_and_else_none(tried) -> None:
    policy = rule("when: { recipient_in_group: all@example.com }\n    do: drop")
    assert line(tried("--group", "All@example.com=ANA@example.com,x@example.com", policy=policy), "Verdicts").endswith("DROP")
    out = tried(policy=policy)
    assert line(out, "Verdicts").endswith("DEFAULT")
    assert line(out, "Note").startswith("Note all@example.com has no members here")


def test_report_mode_says_so(tried) -> None:
    out = tried(policy=rule("mode: report\n    do: drop"))
    assert "(report mode: it changes nothing)" in out
    assert "  (no conditions)" in out
    assert line(out, "Verdicts").endswith("DEFAULT")


def test_a_change_that_cannot_be_made_says_why(tried) -> None:
    signed = MESSAGE.replace(
        b"\r\n\r\nHello\r\n", b"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nA\r\n--s--\r\n"
    )
    out = tried(policy=rule("do: { disclaimer: { text: D, on_unmodifiable: bounce } }"), raw=signed)
    assert 'not made: disclaimer of rule "R"' in out
    assert "(on_unmodifiable: bounce) and so those for whom the rule wants it do not get the message" in " ".join(out.split())
    out = tried(policy=rule("do: { disclaimer: { text: D } }"), raw=signed)
    assert "(on_unmodifiable: pass)" in " ".join(out.split())
    assert "do not get the message" not in out


def test_a_rule_that_fails_with_retry_says_what_workmail_does(tried, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> int:
        raise RuntimeError

    monkeypatch.setattr(MemoryRates, "hit", fail)
    out = tried(policy=rule("on_error: retry\n    when: { rate: { more_than: 5, minutes: 5 } }\n    do: drop"))
    assert line(out, "FAILS").startswith('FAILS rule "R": rate: RuntimeError')
    out = tried(policy=rule("when: { rate: { more_than: 5, minutes: 5 } }\n    do: drop"))
    assert line(out, "Failed") == 'Failed rule "R": rate: RuntimeError'
    assert line(out, "rate") == "rate could not be told"


def test_the_domains_may_be_given_and_are_missed(tried) -> None:
    policy = "version: 1\nrules: [{name: R, do: drop}]\n"
    assert "--domains" in tried(policy=policy, code=2)
    assert "(INBOUND" in tried("--domains", "example.com", policy=policy)
    assert "(OUTBOUND" in tried("--domains", "example.net", policy=policy)


def test_what_cannot_be_tried_says_why(tried, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is empty" in tried(raw=b"", code=2)
    assert "--from" in tried(raw=b"To: ana@example.com\r\n\r\n", code=2)
    assert "policy.yaml:1: version: expected 1" in tried(policy="version: 3\nrules: [{name: R, do: drop}]", code=2)
    assert main(["try", str(tmp_path / "none.yaml"), str(tmp_path / "mail.eml")]) == 2
    capsys.readouterr()
    for option in (["--at", "soon"], ["--rates", "-1"], ["--group", "x"], ["--inbound", "--outbound"]):
        with pytest.raises(SystemExit, match="2"):
            main(["try", "p.yaml", "m.eml", *option])


def test_a_strangers_control_characters_do_not_reach_the_terminal(tried) -> None:
    out = tried(raw=MESSAGE.replace(b"Our contract", b"=?utf-8?Q?contract=1B[2J?="))
    assert "\x1b" not in out


def test_preview_shows_what_a_policy_makes_of_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, page = tmp_path / "out.eml", tmp_path / "page.html"
    arguments = ["preview", saved(tmp_path), "--policy", written(tmp_path), "--out", str(out), "--html", str(page)]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert line(text, "Rules") == "Rules External banner"
    assert line(text, "Verdicts") == "Verdicts 1 BOUNCE, 1 DEFAULT"
    assert "header: changed Subject" in text
    assert b"Subject: [EXTERNAL] Our contract\r\n" in out.read_bytes()
    assert "External banner" in page.read_text("utf-8")


def test_preview_takes_a_policy_or_a_disclaimer() -> None:
    for options in ([], ["--policy", "p.yaml", "--disclaimer", "D"]):
        with pytest.raises(SystemExit, match="2"):
            main(["preview", "m.eml", *options])


def test_preview_with_a_policy_that_does_nothing_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", saved(tmp_path), "--policy", written(tmp_path), "--from", "ana@example.com"]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_a_window_slides_and_an_invocation_counts_once() -> None:
    now = [0.0]
    rates = MemoryRates(lambda: now[0])

    def hit(invocation: str, key: str = "k") -> int:
        return rates.hit(key, invocation, window_s=60, limit=5, deadline=SOON)

    assert [hit("a"), hit("b"), hit("a"), hit("c", "other")] == [1, 2, 1, 1]
    now[0] = 60.0
    assert hit("d") == 1
    now[0] = 61.0
    assert hit("e") == 2
    now[0] = 30.0
    assert hit("f") == 3


def test_groups_hold_groups_and_circles_end() -> None:
    directory = MemoryDirectory({"A@x": ["b@x", "Ana@x"], "b@x": ["a@x", "ben@x"]}, ["Example.com"])
    assert directory.members("a@X", SOON) == {"ana@x", "ben@x"}
    assert directory.members("c@x", SOON) == frozenset()
    assert directory.unknown == {"c@x"}
    assert directory.domains(SOON) == {"example.com"}
