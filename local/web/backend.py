"""The actions of the pages on a running local WorkMail."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from local.errors import LocalError
from local.mail.submission import Submission
from local.queue.recipient_policy import RecipientPolicy
from local.rules.matching import Match, match_rules
from local.rules.rule import Rule
from local.servers import HOST
from local.web import Addresses, AvailabilityAnswer
from local.workmail import LocalWorkMail
from mailhooks.contract import ContractError, FlowDirection
from mailhooks.contract.availability import check_availability_response

_PROVIDER_LIMIT_S: Final = 25.0
"""WorkMail's time limit for an availability function (guide, "Custom availability provider")."""

_MAX_REPLIES: Final = 5


class Rejected(LocalError):
    """The SMTP server would reject the message; the text has its replies."""


class WebBackend:
    """Implements `local.web.Actions`.

    Args:
        wm: a started local WorkMail.
        samples: sample messages by name.
        calendars: addresses that have free/busy times.
    """

    def __init__(self, wm: LocalWorkMail, samples: Mapping[str, bytes], calendars: Sequence[str] = ()) -> None:
        self._calendars = calendars
        self._wm = wm
        self._samples = samples
        self._policy = RecipientPolicy(wm.mail_server.workers, lambda: wm.configuration)

    def list_rules(self) -> Sequence[Rule]:
        return self._wm.configuration.rules

    def test_rule(self, direction: FlowDirection, author: str, sender: str, recipients: Sequence[str]) -> Sequence[Match]:
        return match_rules(self._wm.configuration.rules, direction, author=author, sender=sender, recipients=recipients)

    def send(self, direction: FlowDirection, mail_from: str, recipients: Sequence[str], raw: bytes) -> int:
        refusals = [(mail_from, self._policy.refuse_sender(direction, mail_from, ""))]
        refusals += [(address, self._policy.refuse_recipient(direction, address)) for address in recipients]
        if refused := [f"{address}: {refusal.reply}" for address, refusal in refusals if refusal]:
            more = f"; and {len(refused) - _MAX_REPLIES} more" if len(refused) > _MAX_REPLIES else ""
            raise Rejected("; ".join(refused[:_MAX_REPLIES]) + more)
        return self._wm.accept(Submission(direction, mail_from, tuple(recipients), raw))

    def list_samples(self) -> Mapping[str, bytes]:
        return self._samples

    def get_addresses(self) -> Addresses:
        configuration, environment = self._wm.configuration, self._wm.environment
        endpoints = {name: url for name, url in environment.items() if name.startswith("AWS_ENDPOINT_URL_")}
        return Addresses(
            inbound=f"{HOST}:{self._wm.smtp_port('INBOUND')}",
            outbound=f"{HOST}:{self._wm.smtp_port('OUTBOUND')}",
            endpoints={
                name.removeprefix("AWS_ENDPOINT_URL_").lower().replace("_", " "): url
                for name, url in endpoints.items()
                if urlsplit(url).port
            },
            environment=environment,
            domains=configuration.domains,
            user=configuration.users[0].address if configuration.users else f"ana@{configuration.domains[0]}",
            calendars=self._calendars,
        )

    def ask_availability(self, request: Mapping[str, Any]) -> AvailabilityAnswer:
        name = self._wm.configuration.availability
        if not name:
            return AvailabilityAnswer(None, 0.0, error="there is no availability function: name one in workmail.toml, in [availability]")
        try:
            invoker, timeout_s = self._wm.mail_server.find_function(name)
        except LocalError as error:
            return AvailabilityAnswer(None, 0.0, error=str(error))
        invocation = invoker.invoke(request, f"availability-{id(request):x}", min(timeout_s, _PROVIDER_LIMIT_S))
        problem = invocation.error or ""
        if not problem:
            try:
                check_availability_response(invocation.response)
            except ContractError as error:
                problem = f"WorkMail would not accept the response: {error}"
        return AvailabilityAnswer(None if problem else invocation.response, invocation.milliseconds, invocation.log, problem)
