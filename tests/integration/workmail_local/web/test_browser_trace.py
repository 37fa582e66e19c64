"""The trace of a message in a browser: the rules of a policy in words, and a log that is read easily."""

import json
import re
from typing import Any

from playwright.sync_api import Browser, expect

from mailhooks.policy.evaluation.explanation import ConditionExplanation, RuleExplanation, RuleState
from tests.integration.workmail_local.web.fakes import NOW, RESPONSE
from tests.integration.workmail_local.web.pages import PLAIN, Visit
from workmail_local.config.problems import FileProblem
from workmail_local.mail.history import Attempt

DECISION = (
    RuleExplanation(
        "Invoices",
        RuleState.APPLIES,
        "applies to ana@example.com",
        ("ana@example.com",),
        ('bounce "Please use the portal."',),
        (
            ConditionExplanation("recipient", "recipient is ana@example.com", "ana@example.com, ben@example.com", "yes for 1 of 2", 0),
            ConditionExplanation("subject", 'subject contains "invoice"', "<b>Your invoice</b>", "yes", 0),
        ),
    ),
    RuleExplanation(
        "Lottery",
        RuleState.FAILS,
        "does not apply",
        conditions=(ConditionExplanation("any", "any", "", "no", 0), ConditionExplanation("body", 'body contains "win"', "5", "no", 1)),
    ),
    RuleExplanation("Old", RuleState.SKIPPED, "skipped: not enabled"),
)
FIELDS = {"level": "INFO", "message": "handled", "timestamp": "2026-05-04 08:00:00,123+0000", "rules": ["Invoices"], "subject": "<i>x</i>"}
METRICS = [{"Name": "Changed"}, {"Name": "Duration", "Unit": "Milliseconds"}]
EMF = {"_aws": {"CloudWatchMetrics": [{"Dimensions": [["hook"]], "Metrics": METRICS}]}, "Changed": [1.0], "Duration": [12.0]}
TRACEBACK = (
    'Traceback (most recent call last):\n  File "/f/app.py", line 7, in handler\n    read(event)\n'
    '  File "/x/lib/python3.13/json/x.py", line 3, in y\n    z\nValueError: no subject'
)
LOG = f"printed <b>text</b>\n{json.dumps(FIELDS)}\n{json.dumps(EMF)}\n{TRACEBACK}\nEND RequestId: 1\n"


def add(visit: Visit, **changes: Any) -> None:
    attempt = Attempt(1, NOW, 20.0, True, "", RESPONSE, LOG, DECISION)
    visit.history.add(PLAIN, recipients=("ana@example.com", "ben@example.com"), attempts=(attempt,), **changes)


def test_the_rules_that_matched_come_first_with_each_condition_in_words(visit: Visit) -> None:
    add(visit)
    page = visit.open("/messages/1")
    policy = page.get_by_role("region", name="Policy rules")
    rule = policy.locator("details").first
    expect(rule.locator("summary")).to_contain_text('Invoices applies to ana@example.com bounce "Please use the portal."')
    expect(rule.get_by_role("listitem").nth(1)).to_have_text('subject contains "invoice": yes, <b>Your invoice</b>')
    box, below = policy.bounding_box(), page.get_by_role("heading", name="Attempts").bounding_box()
    assert box
    assert below
    assert box["y"] < below["y"]
    others = policy.get_by_text("2 rules did not match")
    expect(policy.get_by_text("Lottery")).to_be_hidden()
    others.click()
    expect(policy.get_by_text("Lottery does not apply")).to_be_visible()
    expect(policy.get_by_text('body contains "win": no')).to_be_visible()
    expect(policy.get_by_text("Old skipped: not enabled")).to_be_visible()


def test_a_function_without_a_policy_has_no_policy_rules(visit: Visit) -> None:
    visit.history.add(PLAIN)
    expect(visit.open("/messages/1").get_by_text("Policy rules")).to_have_count(0)


def test_the_log_is_read_line_by_line_and_folds_fields_and_metrics(visit: Visit) -> None:
    add(visit)
    page = visit.open("/messages/1")
    log = page.locator(".log")
    expect(log.get_by_label("Output").first).to_have_text("printed <b>text</b>")
    entry = log.get_by_role("group").filter(has_text="handled").first
    expect(entry.locator("summary")).to_contain_text("INFO handled")
    expect(entry.get_by_text("<i>x</i>")).to_be_hidden()
    entry.locator("summary").click()
    expect(entry.get_by_text("<i>x</i>")).to_be_visible()
    expect(log.get_by_text("metrics: Changed 1, Duration 12 ms")).to_be_visible()
    expect(log.get_by_text("ValueError: no subject").first).to_be_visible()
    expect(log.get_by_text("app.py:7, handler")).to_be_visible()
    expect(log.get_by_text("python3.13/json")).to_have_count(2)
    log.get_by_text("As printed").click()
    expect(log.get_by_label("Log as printed")).to_have_text(LOG.strip())
    assert visit.messages == []


def test_folded_parts_stay_open_when_the_trace_updates(visit: Visit) -> None:
    add(visit)
    page = visit.open("/messages/1")
    page.get_by_text("2 rules did not match").click()
    page.locator(".policy summary").first.click()
    visit.history.finish(1, PLAIN + b"x")
    expect(page.locator("#live").get_by_text("changed", exact=True)).to_be_visible()
    expect(page.get_by_text("Lottery does not apply")).to_be_visible()
    expect(page.get_by_text('subject contains "invoice"')).to_be_hidden()


def test_rules_and_log_are_there_without_javascript(browser: Browser, visit: Visit) -> None:
    add(visit)
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{visit.url}/messages/1")
        page.get_by_text("2 rules did not match").click()
        expect(page.get_by_text("Lottery does not apply")).to_be_visible()
        page.get_by_text("metrics: Changed 1, Duration 12 ms").click()
        expect(page.get_by_label("Metrics as printed")).to_contain_text("CloudWatchMetrics")


def test_the_json_of_a_trace_has_the_decision_and_the_log_without_it(visit: Visit) -> None:
    add(visit)
    [attempt] = visit.site.get("/api/messages/1").json()["passages"][0]["attempts"]
    assert attempt["log"] == LOG
    assert attempt["decision"][0]["rule"] == "Invoices"
    assert attempt["decision"][0]["conditions"][1]["answer"] == "yes"


PROBLEM = FileProblem("workmail.toml", 12, 'workmail.toml:12: rule "Offers": expected <b>', "the configuration before it stays in force")


def test_every_page_shows_an_error_in_a_saved_file_and_no_longer_once_it_is_mended(visit: Visit) -> None:
    visit.history.add(PLAIN)
    visit.actions.file_problems.append(PROBLEM)
    for path in ("/", "/messages/1", "/rules", "/availability", "/send", "/addresses", "/messages/99"):
        expect(visit.open(path).get_by_role("alert")).to_have_text(f"{PROBLEM.text} The configuration before it stays in force.")
    assert visit.site.get("/api/problems").json() == {"problems": [PROBLEM._asdict()], "webhook": None}
    for path in ("/", "/messages/1", "/send"):
        page = visit.open(path)
        visit.actions.file_problems.clear()
        expect(page.get_by_role("alert")).to_have_count(0)
        visit.actions.file_problems.append(PROBLEM)
        expect(page.get_by_role("alert")).to_be_visible()


RECORD = """() => {
  const notified = [];
  window.Notification = class {
    static permission = "granted";
    static requestPermission = async () => "granted";
    constructor(title, options) {
      notified.push(options.tag);
      document.body.dataset.notified = notified.join(", ");
    }
  };
}"""
"""Replaces the browser's notifications, which nothing can read."""


def test_a_user_who_asks_is_notified_of_new_trouble_once(browser: Browser, visit: Visit) -> None:
    visit.history.add(PLAIN, problems=("old",))
    with browser.new_context() as context:
        context.add_init_script(f"({RECORD})()")
        page = context.new_page()
        page.goto(f"{visit.url}/rules")
        button = page.get_by_role("button", name="Notify of problems")
        visit.history.add(PLAIN.replace(b"Hello", b"Before"), problems=("it failed",))
        expect(page.locator("#trouble")).to_contain_text("Before")
        expect(button).to_have_attribute("aria-pressed", "false")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        visit.history.add(PLAIN.replace(b"Subject: Hello", b"Subject: Third"), problems=("it failed",))
        expect(page.locator("body")).to_have_attribute("data-notified", "message-3")
        visit.actions.file_problems.append(PROBLEM)
        expect(page.locator("body")).to_have_attribute("data-notified", f"message-3, file-{PROBLEM.text}")
        page.reload()
        expect(button).to_have_attribute("aria-pressed", "true")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "false")
        expect(page.locator("body")).not_to_have_attribute("data-notified", re.compile(".+"))
