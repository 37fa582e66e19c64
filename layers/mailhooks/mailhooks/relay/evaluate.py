"""Evaluates the messages of one listener.

+---------+    +-------+    +------+    +---------------+    +-----------+    +-------------+
| adapter |--->| loops |--->| mark |--->| forged fields |--->| evaluator |--->| disposition |
+---------+    +-------+    +------+    +---------------+    +-----------+    +-------------+
                   |            | valid                            |
                   v            v                                  v
                Refused    disposition                         TryAgain
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from mailhooks.actions import COMMON_BOUNCE_TEXT, DEFAULT, Action, ActionType
from mailhooks.address_patterns import canonical
from mailhooks.core.decision import Decision
from mailhooks.core.evaluator import PolicyEvaluator
from mailhooks.core.mail import Mail
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, PermanentError, StillHeld, TransientError
from mailhooks.mime.edits import Edit, compose, splice
from mailhooks.mime.headers import scan
from mailhooks.mime.message import Message
from mailhooks.policy.facts.recipients import NO_RECIPIENTS
from mailhooks.relay.disposition import Disposition
from mailhooks.relay.errors import Refused, TryAgain
from mailhooks.relay.listener import Listener
from mailhooks.relay.mark import FIELD_NAME, Marker
from mailhooks.relay.outgoing import OutgoingMessage
from mailhooks.relay.received import Received, make_envelope
from mailhooks.relay.report import Record, Reporter
from mailhooks.relay.trace_fields import MAX_RECEIVED, count_received, make_ids, write_received
from mailhooks.report_names import HoldState, LogKey
from mailhooks.settings import OnError

MAX_HEADER_OCTETS: Final = 1024 * 1024
"""Exim's limit. Postfix cuts fields at 100 KB, and Exchange Online rejects headers of more than 256 KB."""

TRY_AGAIN: Final = "4.3.0 The message cannot be checked now. Try again later."
HELD: Final = "4.7.1 The message waits for an approval. Try again later."

_NO_FIELD: Final = "{action}: the listener has no header field for it"
_NOT_FOR_ALL: Final = "junk or bypass_spam_check: not for all recipients, who get one copy: it is left out"


class MessageEvaluator:
    """Evaluates each message that one listener receives. One object may evaluate several messages at a time.

    Args:
        evaluator: of the policy, with the platform of the adapter.
        logs_decision: the setting LOG_DECISION.
        clock: returns the time of a message, for its Received field and its delivery status notification.
    """

    def __init__(
        self,
        listener: Listener,
        evaluator: PolicyEvaluator,
        reporter: Reporter,
        *,
        logs_decision: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.listener = listener
        self.evaluator = evaluator
        self.reporter = reporter
        self.logs_decision = logs_decision
        self.clock = clock
        self.marker = Marker(listener.name, listener.mark_secrets, listener.bypass_field.name if listener.bypass_field else "")

    def evaluate(self, received: Received, deadline: Deadline) -> Disposition:
        """Return the disposition of a message. The same message may be evaluated again: its IDs stay the same.

        Raises:
            TryAgain: the client has to send the message again later.
            Refused: the message is in a loop, or its header is larger than `MAX_HEADER_OCTETS`.
        """
        return _Evaluation(self, received).run(deadline)


class _Evaluation:
    """The evaluation of one message."""

    def __init__(self, parent: MessageEvaluator, received: Received) -> None:
        self._parent = parent
        self._listener = parent.listener
        self._received = received
        self._message = Message(received.content)
        self._record = Record(self._listener.name, self._message)
        self._when = parent.clock()
        self._forged: list[Edit] = []

    def run(self, deadline: Deadline) -> Disposition:
        """Evaluate the message. Raises as `MessageEvaluator.evaluate`."""
        received, listener, record = self._received, self._listener, self._record
        if len(received.content) >= MAX_HEADER_OCTETS and scan(received.content[:MAX_HEADER_OCTETS]).body == MAX_HEADER_OCTETS:
            # Its rest is not read, also not for the log: a header of many short lines needs many times its size in memory.
            record.message, record.octets = Message(received.content[:MAX_HEADER_OCTETS]), len(received.content)
            raise self._refuse(Refused(552, "5.3.4", "The header of the message is too large."))
        if count_received(self._message.header) > MAX_RECEIVED:
            raise self._refuse(Refused(554, "5.4.6", "Too many hops: the message is in a loop."))
        ids = make_ids(self._message, listener=listener.name, mail_from=received.mail_from, recipients=received.recipients)
        record.envelope = envelope = make_envelope(received, self._message, listener, ids)
        if self._parent.marker.has_valid_mark(self._message):
            return self._dispose(None, already_checked=True)
        self._forged = _find_forged_fields(self._message, listener)
        # A copy, which only a message with forged fields needs: the policy reads what is passed on.
        content = splice(received.content, self._forged)
        mail = Mail(
            envelope,
            lambda: content,
            deadline,
            organization_domains=listener.organization_domains,
            authserv_ids=listener.authserv_ids,
            logs_decision=self._parent.logs_decision,
        )
        return self._catch_errors(lambda: self._parent.evaluator.evaluate(mail))

    def _refuse(self, refused: Refused) -> Refused:
        self._record.refused = refused
        self._parent.reporter.report(self._record)
        return refused

    def _catch_errors(self, decide: Callable[[], Decision]) -> Disposition:
        """Return the disposition of a decision, or handle its error as `mailhooks.errors` sorts it.

        Raises:
            TryAgain: the client has to send the message again later.
        """
        record, retries = self._record, self._listener.on_error is OnError.RETRY
        try:
            decision = decide()
            disposition = self._dispose(decision)
            if disposition.deliver:
                _ = disposition.edits  # made here, so that ON_ERROR decides on an error
        except StillHeld as error:
            record.held, record.log = error, error.log
            raise self._report_and_retry(HELD, held=True) from None
        except TransientError as error:
            record.transient = error
            raise self._report_and_retry(TRY_AGAIN) from None
        except PermanentError as error:
            record.permanent = error
            return self._dispose(None)
        except Exception as error:  # noqa: BLE001 - no error of a policy may lose the mail
            record.unexpected = error
            if retries:
                raise self._report_and_retry(TRY_AGAIN) from None
            return self._dispose(None)
        record.permanent = decision.error if isinstance(decision.error, PermanentError) else None
        record.unexpected = decision.error if isinstance(decision.error, Misconfigured) else None
        if record.unexpected and retries:
            raise self._report_and_retry(TRY_AGAIN)
        return disposition

    def _report_and_retry(self, text: str, *, held: bool = False) -> TryAgain:
        self._parent.reporter.report(self._record)
        return TryAgain(text, held=held)

    def _dispose(self, decision: Decision | None, *, already_checked: bool = False) -> Disposition:
        """Return the disposition of a decision; without one, of a message that is passed on without a change."""
        received, listener, record = self._received, self._listener, self._record
        assert record.envelope is not None
        # The client may have repeated a recipient.
        actions = dict.fromkeys(received.recipients, DEFAULT)
        added: list[str] = []
        changes: Sequence[Edit] = self._forged
        if decision:
            by_recipient = decision.outcome.by_recipient
            actions = {each: by_recipient.get(each.lower(), DEFAULT) for each in actions}
            known = set(map(canonical, actions))
            added = [each for each in decision.outcome.added if canonical(each) not in known]
            if decision.change:
                changes = compose(changes, decision.change.edits) if changes else decision.change.edits
        deliver = (*(each for each, action in actions.items() if action.type.delivers), *added)
        client = received.client
        newline = self._message.header.newline
        return Disposition(
            received=received,
            listener=listener,
            deliver=deliver,
            bounced={
                each: action.bounce_message or COMMON_BOUNCE_TEXT for each, action in actions.items() if action.type is ActionType.BOUNCE
            },
            dropped=tuple(each for each, action in actions.items() if action.type is ActionType.DROP),
            replaced_by=_find_replacements(decision, actions, added),
            actions={each: _known_action(action, listener) for each, action in actions.items()},
            outgoing=OutgoingMessage(
                received.content,
                changes,
                write_received(client, listener.host_name, record.envelope.message_id, self._when, newline) if client else b"",
                listener,
                None if already_checked else self._parent.marker,
            ),
            is_changed=bool(deliver and decision and decision.change and decision.change.edits),
            already_checked=already_checked,
            quarantined_by=_list_pending(decision),
            invocation_id=record.envelope.invocation_id,
            when=self._when,
            on_finish=partial(self._finish, decision),
            on_rejected=partial(self._undo_change, decision),
        )

    def _undo_change(self, decision: Decision | None, error: PermanentError) -> Disposition:
        """Return the disposition of the message without its change. Raises TryAgain."""
        if decision is None:
            self._record.permanent = error
            return self._dispose(None)
        return self._catch_errors(lambda: decision.without_change(error))

    def _finish(self, decision: Decision | None, disposition: Disposition, split: bool) -> None:
        """Notify and report. Raises TryAgain."""
        record = self._record
        record.verdict = tuple(sorted({str(DEFAULT.type)}))
        record.bytes_written = disposition.size if disposition.is_changed else None
        if decision:
            try:
                decision = decision.notify()
            except TransientError as error:
                record.transient = error
                raise self._report_and_retry(TRY_AGAIN) from None
            notes = [*decision.outcome.notes, *_list_notes(decision, disposition, split=split)]
            record.verdict = decision.outcome.verdict_types
            record.log = decision.log | ({LogKey.NOTES: notes} if notes else {})
            record.counts = decision.counts
        elif disposition.already_checked:
            record.log = {LogKey.ALREADY_CHECKED: True}
        self._parent.reporter.report(record)


def _find_forged_fields(message: Message, listener: Listener) -> list[Edit]:
    """Return the removals of invalid marks, and of fields that would make the next host skip its spam check."""
    names = {FIELD_NAME.lower()} | ({listener.bypass_field.name.lower()} if listener.bypass_field else set())
    return [Edit(field.start, field.end, b"") for field in message.header.fields if field.lname in names]


def _find_replacements(decision: Decision | None, actions: Mapping[str, Action], added: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the added addresses in whose favour a recipient does not get the message, by recipient."""
    if not decision or not added:
        return {}
    outcome = decision.outcome
    found: dict[str, tuple[str, ...]] = {}
    for recipient, action in actions.items():
        recipients = outcome.recipients.find(recipient) & outcome.replaced
        if recipients and action.type is ActionType.DROP:
            found[recipient] = tuple(each for each in added if outcome.added_for.get(each.lower(), NO_RECIPIENTS) & recipients)
    return {recipient: addresses for recipient, addresses in found.items() if addresses}


def _known_action(action: Action, listener: Listener) -> ActionType:
    """Return the type of an action; DEFAULT for a junk mark that the listener has no field for."""
    fields = {ActionType.MOVE_TO_JUNK: listener.junk_field, ActionType.BYPASS_SPAM_CHECK: listener.bypass_field}
    return DEFAULT.type if action.type in fields and not fields[action.type] else action.type


def _list_pending(decision: Decision | None) -> tuple[str, ...]:
    states = decision.outcome.hold_states if decision else {}
    return tuple(rule for rule, state in states.items() if state is HoldState.PENDING)


def _list_notes(decision: Decision, disposition: Disposition, *, split: bool) -> list[str]:
    """Return remarks for the log on junk marks that the message does not have."""
    wanted = {action.type for action in decision.outcome.by_recipient.values()}
    notes = [_NO_FIELD.format(action=kind) for kind in sorted(wanted - {*disposition.actions.values()})]
    return [*notes, _NOT_FOR_ALL] if disposition.mixes_marks and not split else notes
