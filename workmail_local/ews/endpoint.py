"""EWS of the local WorkMail: push subscriptions to the mail that is delivered here."""

from collections.abc import Callable
from typing import Final

from starlette.routing import Route

from workmail_local.aws.faults import Faults
from workmail_local.aws.organization import Organization
from workmail_local.ews.api import EwsApi
from workmail_local.ews.poster import Poster
from workmail_local.ews.subscriptions import Subscriptions
from workmail_local.mail.history import Destination
from workmail_local.storage.maildir import MaildirStore

_FOLDERS: Final = {Destination.INBOX: "inbox", Destination.JUNK: "junkemail"}


class EwsEndpoint:
    """The EWS endpoint, and the notifications of its subscriptions.

    Args:
        organization: has the impersonation roles that may subscribe.
        faults: injected faults, of the operation Subscribe.
        find_mailbox: returns the mailbox of an address; None when it has none.
        speed: divides the minutes between notifications.
        report: is called with a sentence when a subscription ends.
        listener: is called with one line of text for each call and each notification.

    Attributes:
        subscriptions: of all mailboxes.
    """

    def __init__(
        self,
        organization: Organization,
        faults: Faults,
        find_mailbox: Callable[[str], str | None],
        speed: float,
        *,
        report: Callable[[str], None],
        listener: Callable[[str], None] | None,
    ) -> None:
        self.subscriptions = Subscriptions(speed, report)
        self._poster = Poster(self.subscriptions, listener)
        self._api = EwsApi(self.subscriptions, self._poster, organization.accepts_token, find_mailbox, faults, listener)

    def routes(self) -> list[Route]:
        """Return the routes for the ASGI application of WorkMail's APIs."""
        return self._api.routes()

    def watch(self, maildirs: MaildirStore) -> None:
        """Notify subscribers of the mail that is delivered to these mailboxes, or removed from them, from now on."""
        maildirs.on_delivery = self._record_delivery
        maildirs.on_removal = self.subscriptions.record_removals

    def _record_delivery(self, destination: Destination, mailbox: str, name: str) -> None:
        if folder := _FOLDERS.get(destination):
            self.subscriptions.record_arrival(mailbox, folder, name)

    def stop(self) -> None:
        """End the notifications."""
        self._poster.stop()
