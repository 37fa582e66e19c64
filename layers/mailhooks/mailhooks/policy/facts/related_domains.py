"""Whether two domains belong to one organization, as far as their names show it."""

import re
from typing import Final

_SECOND_LEVEL: Final = frozenset("asso firm gouv info name priv".split())
"""Labels of four and more letters below which the registry of a country registers domains. Shorter ones count, too: `co.uk`, `com.br`."""
_LONGEST_SECOND_LEVEL: Final = 3

_SHARED: Final = frozenset(
    """amazonaws.com appspot.com atlassian.net azureedge.net azurewebsites.net blogspot.com blogger.com canva.site carrd.co cloudfront.net
    duckdns.org firebaseapp.com force.com freshdesk.com framer.app github.io gitlab.io glitch.me godaddysites.com googleapis.com
    herokuapp.com hubspotpagebuilder.com jimdosite.com myshopify.com netlify.app ngrok.io notion.site onmicrosoft.com onrender.com
    pages.dev r2.dev replit.app run.app salesforce.com sharepoint.com squarespace.com substack.com surge.sh trycloudflare.com tumblr.com
    typeform.com vercel.app web.app web.core.windows.net webflow.io weebly.com weeblysite.com windows.net wixsite.com wordpress.com
    workers.dev zendesk.com""".split()
)
"""Domains whose owner gives subdomains to the public or to customers, as in the private section of the Public Suffix List."""


def strip_www(host: str) -> str:
    return re.sub(r"\Awww\d?\.(?=.*\.)", "", host)


def is_related(domain: str, other: str) -> bool:
    """Return whether two hosts are one, one is a subdomain of the other, or both are subdomains of a domain that one owner has.

    >>> is_related("shop.example.co.uk", "click.example.co.uk"), is_related("example.co.uk", "example.net.uk")
    (True, False)
    """
    domain, other = strip_www(domain), strip_www(other)
    if domain == other or domain.endswith(f".{other}") or other.endswith(f".{domain}"):
        return True
    owned = _find_owned(domain)
    return owned != "" and owned == _find_owned(other)


def _find_owned(host: str) -> str:
    """Return the domain that an organization registered; `""` if the name does not show it.

    The complete Public Suffix List has 10,000 entries. Where this is wrong, two domains of one organization count as two.
    """
    labels = host.split(".")
    if len(labels) < 3 or not labels[-1].strip("]").isalpha():
        return ""
    top, second = labels[-1], labels[-2]
    in_country = len(top) == 2 and (len(second) <= _LONGEST_SECOND_LEVEL or second in _SECOND_LEVEL)
    owned = ".".join(labels[-3 if in_country else -2 :])
    return "" if any(owned == shared or host.endswith(f".{shared}") for shared in _SHARED) else owned
