"""An evaluation in two steps: by the event alone, and with the content if a condition needs it."""

from mailhooks.errors import ServiceFailed
from mailhooks.mime.message import Message
from mailhooks.policy import Services
from tests.support.policies import PLAIN, Counts, actions_by_recipient, mail, make_policy

BODY = {"when": {"body": "Hello"}, "do": "drop"}
SENDER = {"when": {"sender": "from@example.net"}, "do": "junk", "stop": True}


def fetch() -> Message:
    raise ServiceFailed("the content is not fetched")


def test_the_event_decides_alone_when_no_rule_needs_the_content():
    evaluation = make_policy(SENDER, BODY).start_evaluation(mail().event, fetch)
    outcome = evaluation.outcome_by_envelope()
    assert outcome is not None
    assert actions_by_recipient(outcome) == actions_by_recipient(evaluation.outcome()) == {"*": "MOVE_TO_JUNK"}


def test_a_rule_that_needs_the_content_is_evaluated_with_it():
    evaluation = make_policy(BODY, SENDER).start_evaluation(mail().event, PLAIN)
    assert evaluation.outcome_by_envelope() is None
    assert actions_by_recipient(evaluation.outcome()) == {"*": "DROP"}


def test_a_rule_in_report_mode_reads_the_content_in_the_second_step_only():
    evaluation = make_policy(SENDER | {"stop": False}, BODY | {"mode": "report"}).start_evaluation(mail().event, PLAIN)
    by_event = evaluation.outcome_by_envelope()
    assert by_event is not None
    assert by_event.reported == ()
    assert evaluation.outcome().reported == ("rule 1",)


def test_a_message_is_counted_once_in_both_steps():
    counts = Counts()
    storm = {"when": {"rate": {"more_than": 5, "minutes": 1}}, "do": "drop"}
    evaluation = make_policy(storm, BODY).start_evaluation(mail().event, PLAIN, services=Services(counts))
    assert evaluation.outcome_by_envelope() is None
    evaluation.outcome()
    assert len(counts.asked) == 1
