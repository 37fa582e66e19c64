"""Errors are logged, so their texts quote neither values nor names of unknown properties."""

import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailhooks.contract import (
    ActionType,
    ContractError,
    MailFlowEvent,
    Verdict,
    check_availability_request,
    check_availability_response,
    check_event,
    check_response,
)
from mailhooks.contract.availability import AvailabilityRequest
from mailhooks.contract.verdict import Action
from tests.support.mail import parsed
from tests.unit.contract.documents import load, named, put

SECRET = "sEcReT"

Check = Callable[[Any], object]

CHECKS: dict[str, tuple[Check, str]] = {
    "check_event": (check_event, "event-*"),
    "MailFlowEvent.parse": (MailFlowEvent.parse, "event-*"),
    "check_response, inbound": (lambda document: check_response(document, "INBOUND"), "response-*"),
    "check_response, outbound": (lambda document: check_response(document, "OUTBOUND"), "response-*"),
    "check_availability_request": (check_availability_request, "availability-request-*"),
    "AvailabilityRequest.parse": (AvailabilityRequest.parse, "availability-request-*"),
    "check_availability_response": (check_availability_response, "availability-response-*"),
}

secrets = st.one_of(
    st.just(SECRET),
    st.text(max_size=20).map(lambda text: SECRET + text),
    st.sampled_from(["{}@example.com", "{}/~0~1/x", "{}\n", "2021-05-04T00:00:00Z{}", "/{}", "m-{}", '"{}"', "%{}s {{0}}"]).map(
        lambda text: text.format(SECRET)
    ),
)
names = st.sampled_from([SECRET, f"{SECRET}@example.com", f"recipients{SECRET}"])
"""Names of unknown properties. The last one resembles a property of the contract."""

junk = st.recursive(
    st.one_of(secrets, st.none(), st.booleans(), st.integers(), st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(secrets, inner, max_size=3)),
    max_leaves=6,
)


def places(document: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every place in a document, as a JSON Pointer, with its value."""
    yield pointer, document
    steps = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for step, inner in steps:
        yield from places(inner, f"{pointer}/{step}")


def with_secrets(document: Any, keep: frozenset[str]) -> Any:
    """Replace each string of a document by a secret, except the contract's words."""
    match document:
        case dict():
            return {name: with_secrets(value, keep) for name, value in document.items()}
        case list():
            return [with_secrets(value, keep) for value in document]
        case str() if document not in keep and document[:4] not in {"2021", "0000", "2f6e"}:
            return f"{SECRET}@example.com"
        case _:
            return document


WORDS = frozenset(
    {"INBOUND", "OUTBOUND", *ActionType, "BUSY", "SINGLE_INSTANCE", "MailboxNotFound", "JAN", "FIRST", "SUN", "MON"}
    | {"02:00:00", "03:00:00"}
)


def assert_silent(error: BaseException) -> None:
    texts = [str(error), repr(error), repr(error.args), "".join(traceback.format_exception_only(error))]
    texts += [str(value) for value in (error.pointer, error.expected, error.got)] if isinstance(error, ContractError) else []
    assert not [text for text in texts if SECRET in text]
    for chained in (error.__cause__, error.__context__):
        assert chained is None, "a chained error would be logged with this one"


@pytest.mark.fuzz
@pytest.mark.parametrize("name", CHECKS)
@given(data=st.data())
def test_no_error_quotes_the_document(name: str, data: st.DataObject) -> None:
    check, kind = CHECKS[name]
    document = with_secrets(load(data.draw(st.sampled_from(named(kind)))), WORDS)
    everywhere = dict(places(document))
    for place in data.draw(
        st.lists(st.sampled_from([place for place, value in everywhere.items() if isinstance(value, dict)]), max_size=2)
    ):
        document = put(f"{place}/{data.draw(names)}", data.draw(junk))(document)
    # The longest pointer first, so that the others still exist.
    for place in sorted(data.draw(st.lists(st.sampled_from(list(everywhere)), max_size=2, unique=True)), key=len, reverse=True):
        document = put(place, data.draw(junk))(document)
    try:
        check(document)
    except ContractError as error:
        assert_silent(error)
    else:
        assume(False)  # Hypothesis fails if most documents are valid


def calls() -> dict[str, Callable[[], object]]:
    one, other = f"{SECRET}@example.com", f"{SECRET}2@example.com"
    inbound, outbound = parsed(one, other), parsed(one, other, direction="OUTBOUND")
    bounce = Action(ActionType.BOUNCE, SECRET)
    return {
        "a bounce text on another action": lambda: Action(ActionType.DROP, SECRET),
        "a recipient that is not in the event": lambda: Verdict(inbound).drop(to=f"{SECRET}3@example.com"),
        "an address in two actions": lambda: Verdict(inbound).drop(to=one).bounce(SECRET, to=one),
        "all recipients twice": lambda: Verdict(inbound).bounce(SECRET).bounce(f"{SECRET}2"),
        "an inbound type outbound": lambda: Verdict(outbound).move_to_junk(to=one),
        "an added recipient of another domain": lambda: Verdict(inbound, [f"{SECRET}.org"]).add(f"new@{SECRET}.example.net"),
        "an added recipient that is no address": lambda: Verdict(inbound).add(SECRET),
        "an added recipient who gets nothing": lambda: Verdict(outbound).add(one, bounce),
        "more than 500 recipients": lambda: Verdict(outbound).add([f"{SECRET}{number}@example.com" for number in range(500)]),
        "more than ten actions": lambda: eleven().to_response(),
        "more than 256 KB": lambda: Verdict(inbound).bounce(SECRET * 50_000).to_response(),
    }


def eleven() -> Verdict:
    recipients = [f"{SECRET}{number}@example.com" for number in range(11)]
    verdict = Verdict(parsed(*recipients))
    for number, recipient in enumerate(recipients):
        verdict.bounce(f"{SECRET} {number}", to=recipient)
    return verdict


@pytest.mark.parametrize("name", calls())
def test_no_error_of_a_verdict_quotes_addresses_or_texts(name: str) -> None:
    with pytest.raises(ContractError) as caught:
        calls()[name]()
    assert_silent(caught.value)


def test_a_day_that_does_not_exist_is_not_quoted_by_a_chained_error() -> None:
    for check, document in (
        (check_availability_request, put("/window/endDate", "2021-02-31T00:00:00Z")(load("availability-request-guide"))),
        (check_availability_response, put("/mailboxes/0/events/0/endTime", "2021-02-31T00:00:00Z")(load("availability-response-guide"))),
    ):
        with pytest.raises(ContractError) as caught:
            check(document)
        assert_silent(caught.value)
        assert "2021-02-31" not in str(caught.value)


def test_an_unknown_property_is_named_only_if_it_resembles_a_known_one() -> None:
    def got(name: str) -> str:
        with pytest.raises(ContractError) as caught:
            check_response(put(f"/actions/0/{name}", 1)(load("response-guide-bounce")), "INBOUND")
        return caught.value.got

    assert got("allRecipient") == "another one named allRecipient"
    for name in ("ada", "ada@example.com", "recipients@example.com", "recipient\n", "x" * 100_000, ""):
        assert got(name) == "another one"


def test_the_requesters_bearer_token_is_in_no_repr() -> None:
    request = put("/requester/bearer", SECRET)(load("availability-request-guide"))
    parsed_request = AvailabilityRequest.parse(request)
    assert parsed_request.requester.bearer == SECRET
    assert SECRET not in repr(parsed_request)
