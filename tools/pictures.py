"""`python -m tools.pictures`: make the pictures of docs/local-web.md with headless Chromium."""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from mailhooks.content.disclaimer import add_disclaimer
from mailhooks.contract import ActionType, FlowDirection, MailFlowEvent
from mailhooks.policy import Trace, load
from mailhooks.policy.evaluation.explanation import RuleExplanation, explain_rules
from tests.integration.workmail_local.web.fakes import NOW, RESPONSE, FakeActions, FakeHistory, answered
from tests.support.colours import reduce_colours
from workmail_local.mail.event_builder import EnvelopeOverrides, event_for
from workmail_local.mail.history import Attempt, Destination, RecipientResult, State
from workmail_local.mail.verdict import Origin
from workmail_local.runtime.invocation import Invocation
from workmail_local.servers import HttpServer
from workmail_local.web import create_app

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
DARK = ("messages", "trace")
NARROW = ("messages", "trace")
SAMPLES = {path.stem: path.read_bytes() for path in sorted((ROOT / "events/mail").glob("*.eml"))}
TEXT = "Example GmbH, Köln. This message is confidential."
HTML = '<p style="border-top:1px solid #999;color:#555;font:12px sans-serif">Example GmbH, K&ouml;ln. This message is confidential.</p>'
METRICS = {"Dimensions": [["hook"]], "Metrics": [{"Name": "Changed"}, {"Name": "Duration", "Unit": "Milliseconds"}]}
LOG = "\n".join(
    map(
        json.dumps,
        (
            {"level": "INFO", "message": "the message is handled", "timestamp": "2026-05-04 08:00:01,123+0000", "verdict": ["DEFAULT"]},
            {"_aws": {"CloudWatchMetrics": [METRICS]}, "hook": "mailflow", "Changed": [1.0], "Duration": [12.4]},
        ),
    )
)

POLICY = """
version: 1
organization: { domains: [example.com] }
rules:
  - name: External banner
    when: { direction: inbound, sender_scope: external }
    unless: { sender: partner.example.net }
    do: { subject_tag: "[EXTERNAL]" }
  - name: Invoices to the portal
    when: { subject_or_body: [invoice, bill], recipient: ana@example.com }
    do: { bounce: "Please send invoices to our portal." }
  - name: Company disclaimer
    when: { direction: outbound, recipient_scope: external }
    unless: { kind: encrypted }
    mixed: all
    do: { disclaimer: { text: "Example GmbH, Köln. This message is confidential.", position: after-reply } }
  - name: No programs
    when: { attachment: { extension: [exe, scr] } }
    do: drop
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium."""
    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox does not work for root
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        try:
            yield browser
        finally:
            browser.close()


def example() -> FakeActions:
    """Make the messages of one morning."""
    history = FakeHistory()
    for _ in range(3):
        _add_rejected(history)
        _add_delivered(history)
        _add_outbound(history)
    _add_retried(history)
    _add_two_rule_runs(history)
    _add_outbound(history)
    return FakeActions(history, SAMPLES, answer=free_busy())


def _add_rejected(history: FakeHistory) -> None:
    history.add(
        SAMPLES["bounce-junk"],
        rule="Newsletters",
        function="",
        why="From matches *.example.net and the recipient ana@example.com; no other rule matches as specifically.",
        attempts=(),
        results=(RecipientResult("ana@example.com", ActionType.MOVE_TO_JUNK, Origin.RULE, Destination.JUNK),),
    )
    history.add(
        SAMPLES["bounce-blocked"],
        attempts=(Attempt(1, NOW + 1, 6.2, False, "", RESPONSE.replace("DEFAULT", "BOUNCE"), "blocked sender\n"),),
        results=(RecipientResult("ana@example.com", ActionType.BOUNCE, Origin.ALL, Destination.BOUNCED, "Please call us instead."),),
    )


def _add_delivered(history: FakeHistory) -> None:
    raw = SAMPLES["rewrite-external"]
    history.add(raw, raw.replace(b"Subject: ", b"Subject: [EXTERNAL] ", 1), recipients=("ana@example.com", "ben@example.com"))
    history.add(SAMPLES["rewrite-headers"], rule="", function="", attempts=(), why="No inbound rule matches both sender and recipient.")


def _add_outbound(history: FakeHistory) -> None:
    raw, recipients = SAMPLES["disclaimer-outbound-reply"], ("clara@example.org", "dora@example.net")
    history.add(
        raw,
        add_disclaimer(raw, text=TEXT, html=HTML, position="after-reply"),
        direction=FlowDirection.OUTBOUND,
        rule="Disclaimer",
        function="disclaimer",
        why="From matches example.com and the recipient *; no other rule matches as specifically.",
        recipients=recipients,
        destination=Destination.OUTGOING,
        attempts=(Attempt(1, NOW + 1, 212.7, True, "", RESPONSE, LOG, decide(raw, FlowDirection.OUTBOUND, *recipients)),),
    )


def _add_retried(history: FakeHistory) -> None:
    attempts = (
        Attempt(1, NOW + 80, 15_002.0, True, "no answer within 15 s", "", "connecting to the archive\n"),
        Attempt(
            2,
            NOW + 96,
            31.5,
            False,
            "the function raised KeyError: 'sender'",
            "",
            "Traceback (most recent call last):\nKeyError: 'sender'\n",
        ),
    )
    history.add(
        SAMPLES["rewrite-reply"],
        state=State.RETRYING,
        due=NOW + 160,
        attempts=attempts,
        results=(),
        problems=("attempt 2: the function raised KeyError: 'sender'",),
    )


def _add_two_rule_runs(history: FakeHistory) -> None:
    raw = SAMPLES["rewrite-signed"]
    tagged = raw.replace(b"Subject: ", b"Subject: [EXTERNAL] ", 1)
    attempt = Attempt(1, NOW + 1, 23.4, True, "", RESPONSE, LOG, decide(raw, FlowDirection.INBOUND, "ben@example.com"))
    history.add_trace(
        raw,
        (
            history.rule_run(raw, tagged, recipients=("ben@example.com",), attempts=(attempt,)),
            history.rule_run(
                raw,
                rule="No lottery",
                function="",
                attempts=(),
                results=(RecipientResult("ana@example.com", ActionType.DROP, Origin.RULE, Destination.DROPPED),),
            ),
        ),
    )


def decide(raw: bytes, direction: FlowDirection, *recipients: str) -> tuple[RuleExplanation, ...]:
    """Explain the policy of the pictures for a message."""
    event = MailFlowEvent.parse(event_for(raw, EnvelopeOverrides(direction, None, recipients), frozenset({"example.com"})))
    policy, trace = load(POLICY), Trace()
    outcome = policy.evaluate(event, raw, trace=trace)
    return tuple(explain_rules(policy.rules, trace, outcome, outcome.changes))


def free_busy() -> Invocation:
    """Make an answer with three mailboxes, one of them unknown."""

    def event(day: int, start: str, end: str, kind: str, subject: str = "", location: str = "") -> dict[str, Any]:
        document: dict[str, Any] = {
            "startTime": f"2026-05-{day:02}T{start}:00.000Z",
            "endTime": f"2026-05-{day:02}T{end}:00.000Z",
            "busyType": kind,
        }
        if subject:
            more = {"instanceType": "SINGLE_INSTANCE", "isMeeting": True, "isReminderSet": True, "isPrivate": False}
            document["details"] = {"subject": subject, "location": location, **more}
        return document

    transition = {"time": "03:00:00", "week": "LAST", "dayOfWeek": "SUN"}
    hours = {
        "timezone": {
            "name": "W. Europe Standard Time",
            "bias": -60,
            "standardTime": {"offset": 0, "month": "OCT", **transition},
            "daylightTime": {"offset": -60, "month": "MAR", **transition, "time": "02:00:00"},
        },
        "workingPeriods": [{"startMinutes": 540, "endMinutes": 1020, "days": ["MON", "TUE", "WED", "THU", "FRI"]}],
    }
    bob = [
        event(5, "07:00", "08:00", "BUSY", "Budget 2026", "Room 1"),
        event(5, "09:30", "11:30", "TENTATIVE", "Lunch with Dora"),
        event(5, "13:00", "14:15", "BUSY", "Interview"),
        event(6, "08:00", "09:00", "BUSY", "Stand-up"),
        event(6, "12:00", "15:30", "FREE", "Focus"),
    ]
    room = [event(5, "07:00", "12:00", "BUSY"), event(6, "06:30", "07:30", "BUSY"), event(6, "11:00", "12:00", "TENTATIVE")]
    mailboxes: list[dict[str, Any]] = [
        {"mailbox": "bob@example.net", "events": bob, "workingHours": hours},
        {"mailbox": "room1@example.net", "events": room, "workingHours": hours},
        {"mailbox": "eve@example.org", "error": "MailboxNotFound"},
    ]
    return answered({"mailboxes": mailboxes}, 184.0, "lookup: exchange, 2 mailboxes\n")


def _ask(page: Page) -> None:
    page.get_by_label("Mailboxes").fill("bob@example.net, room1@example.net, eve@example.org")
    page.get_by_label("Begin").fill("2026-05-05T00:00")
    page.get_by_label("End").fill("2026-05-07T00:00")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("heading", name="Answer").wait_for()


def _take(browser: Browser, page: Page, addresses: Mapping[str, str], suffix: str) -> None:
    for name, address in addresses.items():
        page.goto(address)
        if name == "availability":
            _ask(page)
        page.evaluate("scrollTo(0, 0)")
        height = page.evaluate("document.querySelector('main').getBoundingClientRect().bottom")
        width = page.evaluate("innerWidth")
        shot = page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": width, "height": min(height, 1000)})
        (IMAGES / f"{name}{suffix}.png").write_bytes(reduce_colours(browser, shot))
        if (excess := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
            print(f"{name}{suffix}: {excess} px too wide")


def main() -> int:
    if shutil.which("chromium") is None:
        print("skipped: Chromium is not installed (Debian package `chromium`)")
        return 0
    IMAGES.mkdir(parents=True, exist_ok=True)
    actions = example()
    last = actions.history.count()
    with serve(actions) as full, serve(FakeActions(FakeHistory(), SAMPLES)) as empty, chromium() as browser:
        query = "direction=INBOUND&author=shop%40mail.example.net&sender=&recipients=ana%40example.com"
        addresses = {
            "messages": f"{full}/",
            "trace": f"{full}/messages/{last}",
            "structure": f"{full}/messages/{last}?view=structure",
            "source": f"{full}/messages/{last}?view=source",
            "retry": f"{full}/messages/{last - 2}",
            "rules": f"{full}/rules?{query}",
            "availability": f"{full}/availability",
            "send": f"{full}/send",
            "addresses": f"{full}/addresses",
            "start": f"{empty}/",
        }
        options: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"}
        with browser.new_page(**options) as page:
            _take(browser, page, addresses, "")
        with browser.new_page(**options, color_scheme="dark") as page:
            _take(browser, page, {name: addresses[name] for name in DARK}, "-dark")
        with browser.new_page(**options | {"viewport": {"width": 375, "height": 800}}) as page:
            _take(browser, page, {name: addresses[name] for name in NARROW}, "-narrow")
    for picture in sorted(IMAGES.iterdir()):
        print(f"{picture.relative_to(ROOT)}  {picture.stat().st_size:,}")
    return 0


@contextmanager
def serve(actions: FakeActions) -> Iterator[str]:
    """Serve the pages, and return their address."""
    server = HttpServer(create_app(actions.history, actions), 0)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
