"""The rules page: all flow rules, and a form that shows which rule WorkMail runs for a message."""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from workmail_local.web.forms import parse_direction, split_addresses
from workmail_local.web.templating import Site

_MAX_RECIPIENTS: Final = 50


def show_rules(site: Site, request: Request) -> Response:
    """Show the rules, and the rule for each recipient of the form."""
    query = request.query_params
    form = {name: query.get(name, "").strip() for name in ("direction", "author", "sender", "recipients")}
    direction, recipients = parse_direction(form["direction"]), split_addresses(form["recipients"])
    submitted = "recipients" in query
    problems = find_problems(form["author"], recipients) if submitted else []
    matches = site.actions.test_rule(direction, form["author"], form["sender"], recipients) if submitted and not problems else ()
    context = {
        "rules": site.actions.list_rules(),
        "form": form,
        "direction": direction,
        "problems": problems,
        "matches": matches,
        "user": site.actions.get_addresses().user,
    }
    return site.render(request, "rules.html", context, 422 if problems else 200)


def find_problems(author: str, recipients: Sequence[str]) -> list[tuple[str, str]]:
    """Return the problems of the form, each with the name of its field."""
    problems = []
    if not author:
        problems.append(("author", "From: give an address, such as clara@example.org."))
    if not recipients:
        problems.append(("recipients", "Recipients: give at least one address."))
    if len(recipients) > _MAX_RECIPIENTS:
        problems.append(("recipients", f"Recipients: give at most {_MAX_RECIPIENTS} addresses."))
    return problems
