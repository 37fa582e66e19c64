"""The flow rules, and a box that says which of them a message would meet."""

import re
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.web.templating import Site
from mailhooks.contract import FlowDirection

_BETWEEN: Final = re.compile(r"[\s,;]+")
_MAX_RECIPIENTS: Final = 50


def routes(site: Site) -> list[Route]:
    """The page."""
    return [Route("/rules", partial(_rules, site))]


def addresses_in(text: str) -> list[str]:
    """Addresses as somebody types them, none twice.

    >>> addresses_in("ana@example.com, ben@example.com; ana@example.com")
    ['ana@example.com', 'ben@example.com']
    """
    return list(dict.fromkeys(filter(None, _BETWEEN.split(text))))


def direction_in(text: str) -> FlowDirection:
    """Inbound, unless it says outbound."""
    return FlowDirection.OUTBOUND if text.upper() == FlowDirection.OUTBOUND else FlowDirection.INBOUND


def _rules(site: Site, request: Request) -> Response:
    query = request.query_params
    form = {name: query.get(name, "").strip() for name in ("direction", "author", "sender", "recipients")}
    direction, recipients = direction_in(form["direction"]), addresses_in(form["recipients"])
    asked = "recipients" in query
    problems = []
    if asked and not form["author"]:
        problems.append(("author", "From is needed: an address such as clara@example.org."))
    if asked and not recipients:
        problems.append(("recipients", "At least one recipient is needed."))
    if len(recipients) > _MAX_RECIPIENTS:
        problems.append(("recipients", f"{_MAX_RECIPIENTS} recipients at most."))
    matches = site.actions.test_rule(direction, form["author"], form["sender"], recipients) if asked and not problems else ()
    context = {
        "rules": site.actions.rules(),
        "form": form,
        "direction": direction,
        "problems": problems,
        "matches": matches,
        "user": site.actions.addresses().user,
    }
    return site.page(request, "rules.html", context, 422 if problems else 200)
