"""The environment variables that a function has in Lambda, and what little of the developer's own it needs to run here."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local.aws_client import KEYS, REGION
from local.config.functions import Function

# What a child needs of the developer's own environment. Nothing else passes: an AWS profile or an ON_ERROR that happens to be set there
# would not be in Lambda either.
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "TMP", "TEMP", "SYSTEMROOT", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PYTHONHOME")


def environment(function: Function, variables: Mapping[str, str], layer: Path) -> dict[str, str]:
    """All variables of a function's process.

    Args:
        function: which one.
        variables: its own.
        layer: the folder that stands for /opt/python: what is in it can be imported.

    Returns:
        Those that Lambda sets (developer guide, "Defined runtime environment variables"). The reserved ones are not the function's to set;
        the region and the keys are given here, for they lead to the local servers.
    """
    path = [str(layer), *([variables["PYTHONPATH"]] if variables.get("PYTHONPATH") else [])]
    keys = KEYS if variables.get("AWS_ACCESS_KEY_ID", KEYS["AWS_ACCESS_KEY_ID"]) == KEYS["AWS_ACCESS_KEY_ID"] else {}
    region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or REGION
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "TZ": ":UTC",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        **keys,
        **variables,
        "PYTHONPATH": os.pathsep.join(path),
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
