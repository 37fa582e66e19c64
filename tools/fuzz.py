"""Coverage-guided fuzzing with atheris, which is in no requirements file because some machines have to compile it:

    pip install atheris
    python -m tools.fuzz TARGET -max_total_time=1800 CORPUS_DIR tests/corpus/mail

Targets: structure, attachments, contents, disclaimer, calendars, responses. A crash leaves its input in a file: add a test with it.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Final
from zipfile import ZipFile

try:
    import atheris
except ImportError:
    print("atheris is not installed: run `pip install atheris`", file=sys.stderr)
    sys.exit(2)

with atheris.instrument_imports():
    from mailhooks.availability.backends.caldav.freebusy import read_calendar_data
    from mailhooks.availability.backends.caldav.multistatus import read_multistatus
    from mailhooks.availability.backends.ews.response import RequestFailed
    from mailhooks.availability.backends.ews.response import read_response as read_ews
    from mailhooks.availability.backends.google.response import read_response as read_google
    from mailhooks.availability.backends.graph.response import Reader
    from mailhooks.availability.backends.ical.calendars import Calendars
    from mailhooks.availability.errors import LookupFailed
    from mailhooks.content.attachment_rules import AttachmentRules
    from mailhooks.content.attachments import strip
    from mailhooks.content.disclaimer import add_disclaimer
    from mailhooks.content.filetypes import KNOWN, identify_all
    from mailhooks.content.zip_archives import ArchiveReader, list_zip
    from mailhooks.contract.availability import Window
    from mailhooks.deadline import Deadline
    from mailhooks.errors import CannotChangeSafely
    from mailhooks.mime import part_content
    from mailhooks.mime.headers import scan as scan_header
    from mailhooks.mime.message import Message
    from tests.support.structure import check_structure

_BEGIN: Final = datetime(2026, 5, 4, tzinfo=UTC)
WINDOW: Final = Window(_BEGIN, _BEGIN + timedelta(days=42))
MAILBOXES: Final = ["ana@example.com", "ben@example.com"]
RULES: Final = AttachmentRules.checked(
    extensions=["exe", "js"],
    types=["application/x-msdownload"],
    true_types=["executable"],
    max_octets=100_000,
    encrypted_archives="strip",
    unlistable_archives="strip",
    forwarded="strip",
)


def check_readings(raw: bytes) -> None:
    """Check that any bytes are scanned, in each reading."""
    scan_header(raw)
    check_structure(raw)
    for reading in Message(raw).readings or ():
        assert all(part.start <= part.body <= part.end for part in reading.structure.root.walk())


def check_attachments(raw: bytes) -> None:
    """Check that attachments are removed or the message is refused, and that a second removal changes nothing."""
    try:
        stripped = strip(raw, RULES)
    except CannotChangeSafely:
        return
    assert strip(stripped, RULES) is stripped


def check_contents(octets: bytes) -> None:
    """Check that any content has types, names of an archive and readings, and that Python lists no other names."""
    assert set(identify_all(octets)) <= KNOWN
    ArchiveReader().list_file(part_content.Content(octets, 0, len(octets)), frozenset())
    listed = set(list_zip(octets).names)
    names: set[str] = set()
    with suppress(Exception), ZipFile(BytesIO(octets)) as archive:
        names = {entry.orig_filename for entry in archive.infolist() if not entry.orig_filename.endswith("/")}
    assert {name for name in names if name.isascii()} <= listed
    for encoding in (b"base64", b"quoted-printable", b"x-uuencode", b"x-unknown"):
        raw = b"Content-Type: a/b\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + octets
        root = Message(raw).structure.root
        for content in part_content.read(raw, root):
            assert content.octets().startswith(content.beginning(100))
            assert content.octets().endswith(content.ending(100))
        list(part_content.uuencoded_names(raw, root))


def check_disclaimer(raw: bytes) -> None:
    """Check that a second disclaimer is not added."""
    for position in ("append", "prepend", "after-reply"):
        changed = add_disclaimer(raw, text="Grüße", html="<b>Grüße</b>", position=position)
        assert add_disclaimer(changed, text="Grüße", html="<b>Grüße</b>", position=position) is changed


def check_calendar(content: bytes) -> None:
    """Check that a calendar gives events in the window, or a failure of the look-up."""
    try:
        events = Calendars.parse([content]).events(WINDOW, Deadline.after(5), owners=MAILBOXES[:1])
    except LookupFailed:
        return
    assert all(event.start_time <= event.end_time for event in events)
    assert all(event.start_time < WINDOW.end_date and event.end_time >= WINDOW.start_date for event in events)


def check_responses(content: bytes) -> None:
    """Check that a response of a calendar service is read, or is a failure of the look-up."""
    readers: tuple[Callable[[], object], ...] = (
        lambda: read_ews(content, 2, window=WINDOW),
        lambda: Reader().read(content, MAILBOXES, WINDOW),
        lambda: read_google(content, MAILBOXES),
        lambda: read_calendar_data(content),
        lambda: read_multistatus(content),
    )
    for read in readers:
        try:
            read()
        except (LookupFailed, RequestFailed):
            continue


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "structure": check_readings,
    "attachments": check_attachments,
    "contents": check_contents,
    "disclaimer": check_disclaimer,
    "calendars": check_calendar,
    "responses": check_responses,
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m tools.fuzz {{{','.join(TARGETS)}}} [options of libFuzzer] [folders]")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
