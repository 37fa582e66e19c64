"""Removes the content of messages from the error texts of services.

A text such as MessageRejected's is the only place with the reason, but it may quote the message: an address, a subject, a file name, with
or without quotation marks. A list of values to remove can never be complete, so the words that may stay are listed.
"""

import re
from typing import Final

from mailhooks.contract.limits import IMMUTABLE_HEADERS, REQUIRED_HEADERS
from mailhooks.mail_limits import UNIQUE_HEADERS

REMOVED: Final = "<...>"

_MAX_READ: Final = 2000
_MAX_CHARACTERS: Final = 300

_HEADERS: Final = UNIQUE_HEADERS | REQUIRED_HEADERS | IMMUTABLE_HEADERS

_WORDS: Final = frozenset(
    """
    a access account action after all allowed already also an and another any anymore are as at attachment attachments be because been
    before body boundary both bucket bytes can cannot change changed character characters charset check closing code condition contain
    contained contains content content-disposition content-transfer-encoding content-type cross-region current days deleted denied
    different disallowed does duplicate duplicated each empty encoded encoding end ends error exceeded exceeds exist exists expired
    extension failed field fields file filename first follow for format found from frozen has have header headers if illegal immutable in
    incomplete incorrect inside internal into invalid is it its key large larger last length less limit line lines location long longer
    malformed many matching max maximum message messages mime mime-version min minimum mismatch missing modified more most multipart
    multiparts must name names no nor not null object octets of on once one only operation or original other outside over owner parameter
    parse parsed part parts permission permissions permitted policy present provided raw read reason recipient recipients redirected region
    rejected request required resource root s3 same second sender service size source structure such supported terminated than that the
    then there this time times to too transfer twice type types unable unauthorized unexpected unique unknown unparseable unsupported
    updated uses valid value values version was well-formed were when where which while with within without wrong
    7bit 8bit 8-bit base64 cr crlf lf quoted-printable utf-8
    """.split()
)

_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_FIELD: Final = re.compile(r"([A-Za-z][\w-]*):(?=\s)[^\n]*")
_EDGES: Final = ".,:;()'\""


def remove_content(text: str) -> str:
    """Return a service's error text without values: addresses, quoted texts, values of header fields, numbers, names.

    >>> remove_content("The header Subject: Offer for Ana is not unique")
    'The header Subject: <...>'
    >>> remove_content("attachment salary.exe of ana@example.com has an unsupported type")
    'attachment <...> of <...> has an unsupported type'
    """
    text = _QUOTED.sub(lambda quoted: quoted[0] if quoted[0][1:-1].lower() in _HEADERS else REMOVED, text[:_MAX_READ])
    text = _FIELD.sub(lambda field: f"{field[1]}: {REMOVED}" if field[1].lower() in _HEADERS else field[0], text)
    kept: list[str] = []
    for word in text.split():
        bare = word.strip(_EDGES).lower()
        known = bare in _WORDS or bare in _HEADERS
        if known or not kept or kept[-1] != REMOVED:
            kept.append(word if known else REMOVED)
    return " ".join(kept)[:_MAX_CHARACTERS] or "no reason given"
