"""CalDAV servers (RFC 4791)."""

from mailhooks.availability.backends.caldav.backend import CalDavBackend as CalDavBackend
