"""Random policies and messages, with all conditions and actions."""

from typing import Any, Final

from hypothesis import strategies as st

from mailhooks.hooks.policy_hook import make_verdict
from mailhooks.policy import Outcome, Policy, Services
from tests.support.hostile_mail import HOSTILE
from tests.support.mail import CORPUS
from tests.support.policies import PLAIN, Counts, Groups, Mail, mail, make_policy
from tests.unit.policy.evaluation.test_changes_and_effects import CHANGES, EXE
from tests.unit.policy.rules.test_conditions import LISTS, TABLES
from workmail_local.policy_tools.memory_services import MemoryContacts

PEOPLE: Final = ["a@example.com", "A@Example.com", "b@example.com", "c@sub.example.com", "d@example.net", "user@example.com", "nonsense"]
GROUPS: Final = {"staff@example.com": {"a@example.com", "d@example.net"}}
_IN_GROUPS: Final = ("any", "all", "not")

Rule = dict[str, Any]

ACTIONS: Final[list[Any]] = [
    "deliver",
    "drop",
    "junk",
    "bypass_spam_check",
    *({"bounce": f"Text {n} %%Subject%% %%FromName%%"} for n in range(4)),
    {"add_recipients": ["new@example.com", "b@example.com"]},
    {"remove_recipients": ["b@example.com", "*.example.net"]},
    *({name: rows[0][0]} for name, rows in CHANGES.items()),
    {"archive": {"bucket": "my-bucket"}},
    {"notify": {"eventbridge": "bus", "include": "subject"}},
    {"count": "Seen"},
    {"hold": {"approvers": "boss@example.com", "timeout": "1h", "on_timeout": "bounce", "text": "%%Reason%% %%Subject%%"}},
]

LEAVES: Final = [{name: value} for name, rows in TABLES.items() if name not in (*_IN_GROUPS, "rate") for value, *_ in rows]


def nest(leaves: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    """Return random mappings of conditions, with nested groups."""

    def deeper(inner: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
        several = st.lists(inner, min_size=1, max_size=3)
        return st.one_of(
            several.map(lambda each: {key: value for mapping in each for key, value in mapping.items()}),
            several.map(lambda each: {"any": each}),
            several.map(lambda each: {"all": each}),
            inner.map(lambda one: {"not": one}),
        )

    return st.recursive(leaves, deeper, max_leaves=5)


_RATES = st.sampled_from([{}, {}, {"rate": {"more_than": 1, "minutes": 5}}, {"rate": {"more_than": 1, "minutes": 5, "per": "sender"}}])


def rules_of(leaves: st.SearchStrategy[Rule], actions: list[Any]) -> st.SearchStrategy[Rule]:
    conditions = nest(leaves)
    whens = st.tuples(conditions, _RATES).map(lambda both: both[0] | both[1]) if actions is ACTIONS else conditions
    return st.fixed_dictionaries(
        {"do": st.lists(st.sampled_from(actions), min_size=1, max_size=4).map(_with_one_hold)},
        optional={
            "when": whens,
            "unless": conditions,
            "stop": st.booleans(),
            "enabled": st.sampled_from([True, True, False]),
            "mode": st.sampled_from(["enforce", "enforce", "report"]),
            "mixed": st.sampled_from(["all", "none"]),
            "on_error": st.sampled_from(["skip", "apply", "retry"]),
        },
    )


def _with_one_hold(actions: list[Any]) -> list[Any]:
    """Return the actions without a second hold, which a rule cannot have."""
    first = next((action for action in actions if "hold" in action), None)
    return [action for index, action in enumerate(actions) if action != first or action not in actions[:index]]


def named(rules: list[Rule]) -> list[Rule]:
    return [{"name": f"rule {index}"} | rule for index, rule in enumerate(rules)]


RULE: Final = rules_of(st.sampled_from(LEAVES), ACTIONS)
RULES: Final = st.lists(RULE, min_size=1, max_size=6).map(named)

SERVICES: Final = Services(Counts({"a@example.com": 9, "from@example.net": 9}), Groups(GROUPS), MemoryContacts())

_RAWS: Final = [
    PLAIN,
    EXE,
    *(HOSTILE[name] for name in ("nothing", "brackets in brackets", "half a character", "no boundary")),
    *CORPUS[:40],
]


@st.composite
def mails(draw: st.DrawFn, raws: list[Any] = _RAWS) -> Mail:
    recipients = draw(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=7))
    raw = draw(st.sampled_from(raws))
    return mail(
        raw if isinstance(raw, bytes) else raw.read_bytes(),
        *recipients,
        direction=draw(st.sampled_from(["INBOUND", "OUTBOUND"])),
        truncated=draw(st.booleans()),
        sender=draw(st.sampled_from([None, "sec@example.org", "a@example.com"])),
        subject=draw(st.sampled_from([None, "secret plan b", "\ud800 4111 1111 1111 1111"])),
        services=SERVICES,
    )


def policy_of(rules: list[Rule]) -> Policy:
    return make_policy(*rules, lists=LISTS | {"bad": ["exe"], "fields": ["X-A"]})


def summarize(outcome: Outcome) -> Any:
    """Return everything in an outcome that has an effect."""
    return (
        make_verdict(outcome).to_response(),
        outcome.added,
        [(wanted.rule.name, wanted.change.name, wanted.recipients) for wanted in outcome.changes],
        [(wanted.rule.name, wanted.effect, wanted.recipients) for wanted in outcome.effects],
        [(wanted.rule.name, wanted.hold, wanted.recipients) for wanted in outcome.holds],
        outcome.matched,
        outcome.mixed,
    )
