"""A mail transaction (RFC 5321 section 3.3): who sends to whom, and what each step of it is answered."""

from aiosmtpd.smtp import Envelope

from local.mail.addresses import parse, refuse_mail_parameters
from local.mail.submission import Acceptor
from mailhooks.contract import FlowDirection
from mailhooks.contract.limits import MAX_MESSAGE_BYTES, MAX_RECIPIENTS

_NEEDS_SMTPUTF8 = "553 5.6.7 A non-ASCII address needs SMTPUTF8"
"""RFC 6531 section 3.5."""

_EXTENSIONS = frozenset({"SIZE", "BODY", "SMTPUTF8"})


class Transaction(Envelope):
    """Begun by MAIL, ended by DATA, RSET, EHLO or HELO: then there is a new one.

    Attributes:
        mail_from: None before MAIL; "" for the null reverse-path.
        accepted: recipients as the client first wrote them, by their address in lower case, as WorkMail compares addresses.
    """

    def __init__(self, direction: FlowDirection, intake: Acceptor) -> None:
        super().__init__()
        self.accepted: dict[str, str] = {}
        self._direction = direction
        self._intake = intake
        self._any_refused = False

    def mail(self, argument: str | None, user: str, *, extended: bool) -> str:
        """The reply to MAIL (RFC 5321 section 4.1.1.2).

        Args:
            argument: what stands behind the command.
            user: who has logged in; "" for nobody.
            extended: whether the client said EHLO; only then there are parameters.

        Raises:
            TryLater: as `Acceptor.refuse_sender`.
        """
        if self.mail_from is not None:
            return "503 5.5.1 Nested MAIL command"
        path = parse("FROM:", argument)
        if path is None or path.address.lower() == "postmaster":
            return "501 5.1.7 Syntax: MAIL FROM:<address>"
        # A server that offers AUTH takes the parameter of that name too, and need not believe it (RFC 4954 section 5).
        known = _EXTENSIONS | ({"AUTH"} if self._direction is FlowDirection.OUTBOUND else set())
        refusal = refuse_mail_parameters(path.parameters, known if extended else frozenset(), MAX_MESSAGE_BYTES)
        if refusal:
            return refusal.reply
        smtputf8 = "SMTPUTF8" in (path.parameters or {})
        if not (smtputf8 or path.address.isascii()):
            return _NEEDS_SMTPUTF8
        refusal = self._intake.refuse_sender(self._direction, path.address, user)
        if refusal:
            return refusal.reply
        self.mail_from = path.address
        self.smtp_utf8 = smtputf8
        return "250 2.1.0 Ok"

    def rcpt(self, argument: str | None) -> str:
        """The reply to RCPT (RFC 5321 section 4.1.1.3). An address that was accepted already is accepted again, and counts once.

        Raises:
            TryLater: as `Acceptor.refuse_recipient`.
        """
        if self.mail_from is None:
            return "503 5.5.1 MAIL comes first"
        path = parse("TO:", argument)
        if path is None or not path.address:
            return self._refused("501 5.1.3 Syntax: RCPT TO:<address>")
        if path.parameters != {}:
            return self._refused("555 5.5.4 Parameter not recognized or not implemented")
        if not (self.smtp_utf8 or path.address.isascii()):
            return self._refused(_NEEDS_SMTPUTF8)
        key = path.address.lower()
        if key not in self.accepted:
            if refusal := self._intake.refuse_recipient(self._direction, path.address):
                return self._refused(refusal.reply)
            if len(self.accepted) >= MAX_RECIPIENTS:
                # RFC 5321 section 4.5.3.1.10: the client sends the message once more to those that are left.
                return self._refused("452 4.5.3 Too many recipients")
            self.accepted[key] = path.address
        return "250 2.1.5 Ok"

    def refuse_data(self, argument: str | None) -> str:
        """The reply to DATA when there can be none; "" when it may go on. RFC 5321 section 3.3: of the two, 554 says more."""
        if argument:
            return "501 5.5.4 Syntax: DATA"
        if self.accepted:
            return ""
        return "554 5.5.1 No valid recipients" if self._any_refused else "503 5.5.1 MAIL and RCPT come first"

    def _refused(self, reply: str) -> str:
        self._any_refused = True
        return reply
