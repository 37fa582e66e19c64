"""Keeps the log records and warnings of libraries out of a function's log.

Lambda's root handler prints every record. Libraries log what our own report never contains: urllib3 logs the server's headers and the
whole URL of a response that it cannot read, which may be a feed's secret address or name a mailbox.
"""

import logging
import warnings
from typing import Final

_LIBRARIES: Final = """
    asyncio attr attrs aws_xray_sdk bcdocs boto3 botocore cached_property certifi cffi charset_normalizer click concurrent cryptography
    dateutil defusedxml dns exchangelib google icalendar idna isodate jmespath jsonschema jsonschema_specifications jwt lxml msal oauthlib
    pyasn1 pyasn1_modules pycparser pygments re2 recurring_ical_events referencing requests requests_ntlm requests_oauthlib rpds s3transfer
    six spnego stdnum typing_extensions tzdata tzlocal urllib3 wrapt x_wr_timezone yaml
""".split()
"""The packages of the layers and of Lambda's runtime, and those of the standard library that log for them."""

_WARNING_MODULES: Final = rf"({'|'.join((*_LIBRARIES, 'http', 'mailhooks', 'ssl', 'xml'))})(\.|$)"
"""The module of a warning is the caller of the library, which is often another library or this package."""


def silence_libraries() -> None:
    """Discard the records of libraries' loggers and their warnings, at any level.

    Loggers of user code, of this package and of Powertools are not affected. To debug a library, add a handler to its logger.
    """
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        # Children, such as urllib3.connection, pass their records to this logger.
        logger.propagate = False
        if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            # Without a handler, logging.lastResort would write warnings to standard error.
            logger.addHandler(logging.NullHandler())
    warnings.filterwarnings("ignore", module=_WARNING_MODULES)
