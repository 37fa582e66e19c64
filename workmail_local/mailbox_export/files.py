"""The exported files: verified in the bucket, and downloaded."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import file_digest, sha384
from pathlib import Path
from typing import Final

from mailhooks.aws.export_bucket import ExportBucket, StoredObject
from mailhooks.deadline import Deadline
from mailhooks.mailbox_export.manifest import Check, File, Mailbox, Manifest
from mailhooks.mailbox_export.manifest_store import ManifestStore
from mailhooks.mailbox_export.verification import REPORT_DIGEST, DamagedExport, compare_digests, digest_object

_UNSAFE: Final = re.compile(r"[^\w.@+-]")
_LONG_S: Final = 7 * 24 * 3600.0
"""No limit for one file: a person can stop the command."""


def verify_file(bucket: ExportBucket, store: ManifestStore, mailbox: Mailbox, file: File) -> str:
    """Read an exported file and compare its SHA-384 with the job's report and the manifest. Complete the manifest if it has none.

    Returns:
        What was found, for people.

    Raises:
        DamagedExport: the file differs.
        MailhooksError: S3 cannot be read.
    """
    digest = digest_object(bucket, StoredObject(file.key, file.bytes), Deadline.after(_LONG_S))
    if file.sha384 and digest != file.sha384:
        raise DamagedExport(f"the file has the SHA-384 {digest[:16]}..., the manifest has {file.sha384[:16]}...")
    is_of_object = file.check is not Check.NO_REPORT and REPORT_DIGEST in file.report
    if is_of_object:
        compare_digests(digest, file.report)
    if file.check is Check.TOO_LARGE:
        check = Check.MATCHES if is_of_object else Check.NO_REPORT
        verified = replace(file, sha384=digest, check=check)

        def complete(before: Manifest) -> Manifest:
            known = before.mailboxes[mailbox.entity_id]
            return before.with_mailboxes([replace(known, file=verified)] if known.file == file else [])

        store.update(complete, Deadline.after(60))
    return "matches the report of the job" if is_of_object else "is as it was; no report of the job was found"


def download_file(bucket: ExportBucket, file: File, target: Path) -> Iterator[int]:
    """Download a file, unless it is there already. Yield the bytes so far. The file appears when it is complete and has its SHA-384.

    Raises:
        DamagedExport: the file differs from the manifest.
        MailhooksError, OSError: it cannot be read or written.
    """
    if has_file(target, file):
        yield file.bytes
        return
    part = target.with_name(f"{target.name}.part")
    digest, done = sha384(), 0
    with part.open("wb") as opened:
        for chunk in bucket.read_chunks(StoredObject(file.key, file.bytes), Deadline.after(_LONG_S)):
            opened.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            yield done
        opened.flush()
        os.fsync(opened.fileno())
    if file.sha384 and digest.hexdigest() != file.sha384:
        part.unlink()
        raise DamagedExport("the downloaded file does not have the SHA-384 of the manifest")
    part.replace(target)


def has_file(target: Path, file: File) -> bool:
    """Return whether a file is downloaded already."""
    if not target.is_file() or target.stat().st_size != file.bytes:
        return False
    with target.open("rb") as opened:
        return not file.sha384 or file_digest(opened, "sha384").hexdigest() == file.sha384


def name_files(mailboxes: Iterable[Mailbox]) -> dict[str, str]:
    """Return the name of each mailbox's file on disk, such as `ana@example.com.zip`, by entity ID.

    Two mailboxes that would have one name, such as those of users without an address, have their IDs in it.
    """
    names = {each.entity_id: _UNSAFE.sub("_", each.label) for each in mailboxes}
    # Some file systems do not distinguish upper and lower case.
    counts = Counter(map(str.casefold, names.values()))
    return {entity: f"{name}.zip" if counts[name.casefold()] == 1 else f"{name}.{entity}.zip" for entity, name in names.items()}
