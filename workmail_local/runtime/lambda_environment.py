"""The environment variables of a function's process: those of Lambda, and the few of the developer that it needs."""

import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from workmail_local.aws_client import KEYS, REGION
from workmail_local.config.functions import Function

_INSTALLED: Final = Path(sysconfig.get_path("purelib")).resolve()

# No other variable is inherited: an AWS profile, or an ON_ERROR that the developer has set, does not exist in Lambda either.
_INHERITED = ("PATH", "HOME", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PYTHONHOME")

_LAPTOP = {"LOG_DECISION": "true", "LOG_EXCEPTIONS": "text"}
"""Settings that show more than Lambda's log may have: here, mail and log are on the same machine. A function can replace them."""


def build_environment(function: Function, variables: Mapping[str, str], layer: Path) -> dict[str, str]:
    """Return all variables of a function's process (developer guide, "Defined runtime environment variables").

    A function cannot set Lambda's reserved variables. Region and keys are exceptions: the local servers have their own.
    `layer` is the folder in place of /opt/python, whose modules can be imported.
    """
    # Python finds installed packages without the variable, which would put them before the standard library.
    path = [*([] if layer == _INSTALLED else [str(layer)]), *filter(None, [variables.get("PYTHONPATH")])]
    keys = KEYS if variables.get("AWS_ACCESS_KEY_ID", KEYS["AWS_ACCESS_KEY_ID"]) == KEYS["AWS_ACCESS_KEY_ID"] else {}
    region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or REGION
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "TZ": ":UTC",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        **keys,
        **_LAPTOP,
        **variables,
        **({"PYTHONPATH": os.pathsep.join(path)} if path else {}),
        "PYTHONUTF8": "1",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "LAMBDA_TASK_ROOT": str(function.folder),
        "_HANDLER": function.handler,
    }
