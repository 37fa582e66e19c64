"""Verifies an exported file: a complete zip file, with the SHA-384 of the job's own report.

QUIRK: the guide shows the report of a job ("output log") and does not define its place. It is looked for next to the zip file, and in it. A
report in the zip file cannot have the digest of that file, so its digest is not compared. Without a report, the manifest has our digest.
"""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha384
from typing import Final

from mailhooks.aws.export_bucket import CHUNK_BYTES, ExportBucket, StoredObject
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, NoTimeLeft, TransientError
from mailhooks.mailbox_export.manifest import Check, File

REPORT_DIGEST: Final = "sha384Hash"
"""The key of the SHA-384 in a report."""

_MAX_REPORT: Final = 64 * 1024
_DIRECTORY_BUFFER: Final = 1024 * 1024
"""Octets of one read of a zip file's directory, which is at its end."""


class DamagedExport(MailhooksError):
    """The file is incomplete, or differs from the job's report."""


class MissingExport(MailhooksError):
    """The job is complete, and its file is not in the bucket."""


def verify_export(bucket: ExportBucket, prefix: str, deadline: Deadline, *, digest_deadline: Deadline) -> File:
    """Verify the file that a job wrote.

    Args:
        prefix: of the job.
        digest_deadline: for reading the whole file.

    Returns:
        The file; with `Check.TOO_LARGE` and without a digest if the deadline passed while it was read.

    Raises:
        MissingExport, DamagedExport: see there.
        TransientError, Misconfigured: S3 cannot be read.
    """
    stored = bucket.list_objects(prefix, deadline)
    archives = [each for each in stored if each.key.lower().endswith(".zip")]
    if not archives:
        raise MissingExport("the job is complete, and its zip file is not in the bucket")
    archive = max(archives, key=lambda each: each.size)
    entries, inner = _read_archive(bucket, archive, deadline)
    beside = _find_report(
        bucket.read_range(each, 0, each.size, deadline) for each in stored if each != archive and 0 < each.size <= _MAX_REPORT
    )
    try:
        digest = digest_object(bucket, archive, digest_deadline)
    except NoTimeLeft:
        return File(archive.key, archive.size, entries, Check.TOO_LARGE, report=beside or inner)
    compare_digests(digest, beside)
    return File(archive.key, archive.size, entries, Check.MATCHES if beside else Check.NO_REPORT, digest, beside or inner)


def digest_object(bucket: ExportBucket, stored: StoredObject, deadline: Deadline, chunk: int = CHUNK_BYTES) -> str:
    """Return the SHA-384 of an object.

    Raises:
        NoTimeLeft: the deadline passed.
        TransientError, Misconfigured: S3 cannot be read.
    """
    digest = sha384()
    for content in bucket.read_chunks(stored, deadline, chunk):
        digest.update(content)
    return digest.hexdigest()


def compare_digests(digest: str, report: Mapping[str, str]) -> None:
    """Compare a digest with that of a report, if there is one.

    Raises:
        DamagedExport: they differ.
    """
    if report and report[REPORT_DIGEST].lower() != digest:
        raise DamagedExport(f"the file has the SHA-384 {digest[:16]}..., the job's report has {report[REPORT_DIGEST][:16].lower()}...")


def _read_archive(bucket: ExportBucket, archive: StoredObject, deadline: Deadline) -> tuple[int, Mapping[str, str]]:
    """Return the number of entries, and a report among the files at the top of the archive."""
    try:
        with zipfile.ZipFile(io.BufferedReader(bucket.open(archive, deadline), _DIRECTORY_BUFFER)) as opened:
            entries = opened.infolist()
            top = [each for each in entries if "/" not in each.filename and each.file_size <= _MAX_REPORT]
            # The messages of a mailbox may be at the top, too: a report is not among many files.
            names = [each for each in top if not each.filename.lower().endswith((".eml", ".ics"))][:10]
            return len(entries), _find_report(opened.read(each) for each in names)
    except TransientError:
        raise
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError, EOFError):
        raise DamagedExport("the file is not a complete zip file") from None


def _find_report(contents: Iterable[bytes]) -> Mapping[str, str]:
    return next(_read_reports(contents), {})


def _read_reports(contents: Iterable[bytes]) -> Iterator[dict[str, str]]:
    for content in contents:
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict) and isinstance(document.get(REPORT_DIGEST), str):
            yield {name: str(value) for name, value in document.items()}
