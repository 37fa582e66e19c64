"""The exceptions from parity, as docs/after.md lists them, and the result that each path has in place of WorkMail's."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from mailhooks.contract import MailFlowEvent
from mailhooks.core.evaluator import FixedPolicy, PolicyEvaluator
from mailhooks.core.mail import Mail
from mailhooks.deadline import Deadline
from mailhooks.errors import StillHeld
from mailhooks.hooks.preflight import blocking, rejections
from mailhooks.mime.edits import splice
from mailhooks.mime.message import Message
from mailhooks.relay.dsn import may_bounce
from mailhooks.relay.platforms import GATEWAY
from tests.integration.parity.cases import Case
from tests.integration.parity.effects import RecordedEffects
from tests.integration.parity.hook_path import make_event, run_hook
from tests.integration.parity.result import BOUNCED, DELIVERED, DELIVERING, DROPPED, HELD, Result
from tests.support.milter_mta import read_by_mta

PAGE: Final = Path(__file__).parents[3] / "docs" / "after.md"
_HEAD: Final = "| in place of WorkMail's result | milter | gateway, LMTP | gateway, SMTP | `ses` |"


class Exceptions:
    """The rows of the table, each with the paths that have the exception. `used` counts the messages that needed each."""

    def __init__(self) -> None:
        self.paths = _read_table()
        self.used: Counter[str] = Counter()

    def expect(self, path: str, case: Case) -> Result:
        """Return the result that a path has to have: the hook's, but for the exceptions of the path."""
        if self._has(path, "rewritten") and (rewritten := read_by_mta(case.raw)) != case.raw:
            self.used["rewritten"] += 1
            case = replace(case, raw=rewritten)
        expected = run_hook(case)
        for name, change in _CHANGES.items():
            if self._has(path, name) and (changed := change(path, case, expected)) != expected:
                self.used[name] += 1
                expected = changed
        return expected

    def _has(self, path: str, name: str) -> bool:
        return path in self.paths[name]


def _read_table() -> dict[str, frozenset[str]]:
    lines = PAGE.read_text("utf-8").splitlines()
    assert _HEAD in lines, f"{PAGE.name} has no table of exceptions"
    paths = [each.strip(" `") for each in _HEAD.strip("|").split("|")][1:]
    found: dict[str, frozenset[str]] = {}
    for line in lines[lines.index(_HEAD) + 2 :]:
        if not line.startswith("|"):
            break
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        found[name.split("`")[1]] = frozenset(path for path, cell in zip(paths, cells, strict=True) if cell == "yes")
    assert found.keys() == {*_CHANGES, "rewritten"}
    return found


def _make_rejected_change(_path: str, case: Case, expected: Result) -> Result:
    """Return the result with the change that WorkMail's pre-flight rejects."""
    event = MailFlowEvent.parse(make_event(case))
    mail = Mail(event, lambda: case.raw, Deadline.after(60), authserv_ids=frozenset({"amazonses.com"}))
    evaluator = PolicyEvaluator(FixedPolicy(case.policy), GATEWAY, RecordedEffects(), case.make_services(), case.make_holds)
    try:
        change = evaluator.evaluate(mail).change
    except StillHeld:
        return expected
    if change is None or not change.edits:
        return expected
    changed = splice(case.raw, change.edits)
    if changed == expected.content or not blocking(rejections(case.raw, changed, added_parts=_count_added_parts(case.raw, changed))):
        return expected
    assert expected.content in {case.raw, b""}
    return replace(expected, content=changed if expected.content else b"")


def _count_added_parts(raw: bytes, changed: bytes) -> int:
    return len(list(Message(changed).structure.root.walk())) - len(list(Message(raw).structure.root.walk()))


def _quarantine(_path: str, case: Case, expected: Result) -> Result:
    """Return the result of a milter for a message that a rule holds: it asks no approver."""
    undecided = run_hook(replace(case, row={**case.row, "decision": "pending"}))
    return replace(undecided, effects=expected.effects) if HELD in undecided.verdicts.values() else expected


def _send_no_report(path: str, case: Case, expected: Result) -> Result:
    """Return the result if the sender must get no report: a recipient whose bounce is only in a report is dropped."""
    own = {word for each, word in expected.verdicts.items() if path == "milter" or each in map(str.lower, case.recipients)}
    # A milter that passes the message on to an added recipient cannot reject it.
    in_dialogue = path != "ses" and all(word.startswith(BOUNCED) for word in own)
    if in_dialogue or may_bounce(case.sender, case.raw):
        return expected
    return replace(expected, verdicts=_map(expected.verdicts, lambda word: DROPPED if word.startswith(BOUNCED) else word))


def _make_one_copy(_path: str, case: Case, expected: Result) -> Result:
    """Return the result if all recipients get one copy: its junk mark is the one that all recipients of the client have."""
    own = {word for each, word in expected.verdicts.items() if word in DELIVERING and each in map(str.lower, case.recipients)}
    common = own.pop() if len(own) == 1 else DELIVERED
    return replace(expected, verdicts=_map(expected.verdicts, lambda word: common if word in DELIVERING else word))


def _map(verdicts: Mapping[str, str], change: Callable[[str], str]) -> dict[str, str]:
    return {each: change(word) for each, word in verdicts.items()}


_CHANGES: Final[dict[str, Callable[[str, Case, Result], Result]]] = {
    "rejected": _make_rejected_change,
    "quarantined": _quarantine,
    "unreported": _send_no_report,
    "one copy": _make_one_copy,
}
"""By the name of the exception."""
