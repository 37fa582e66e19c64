"""Checks of a function's configuration: its state, alias, settings, limits and concurrency."""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum, auto
from typing import Any, Final

from workmail_local.doctor.account import Account, Missing
from workmail_local.doctor.findings import Finding, fail, pass_check, warn
from workmail_local.doctor.target import ALIAS, Function, Target

RUNTIME: Final = "python3.13"
"""The layers are compiled for it."""

_WAITS_S: Final = {False: 15, True: 25}
"""Seconds that WorkMail waits for a mail function, and for an availability provider."""

_OF_ANSWERS: Final = frozenset({"ON_ERROR", "REWRITE_BUCKET"})
_LEAST_S: Final = 10
_DEPLOY: Final = "Deploy again: sam build, then sam deploy."


def read_configuration(account: Account, function: Function) -> dict[str, Any]:
    """Return the configuration of the version that WorkMail calls. Raises Missing, CannotCheck."""
    return account.call("lambda.get_function_configuration", **function.selector)


def read_variables(account: Account, function: Function) -> dict[str, str]:
    """Return the environment variables of the version that WorkMail calls. Raises Missing, CannotCheck."""
    variables: dict[str, str] = (read_configuration(account, function).get("Environment") or {}).get("Variables") or {}
    return variables


class Mode(Enum):
    """Whether WorkMail has to wait for a function."""

    SYNCHRONOUS = auto()
    ASYNCHRONOUS = auto()
    UNKNOWN = auto()


def find_mode(account: Account, function: Function) -> Mode:
    """Return how a flow rule has to run a function. Raises Missing, CannotCheck.

    A dead-letter queue gets failed events of asynchronous calls only; ON_ERROR and REWRITE_BUCKET are settings of functions that answer
    WorkMail. A function with none of them is one of the user's own, and only the user knows.
    """
    if (read_configuration(account, function).get("DeadLetterConfig") or {}).get("TargetArn"):
        return Mode.ASYNCHRONOUS
    if function.is_availability or not read_variables(account, function).keys().isdisjoint(_OF_ANSWERS):
        return Mode.SYNCHRONOUS
    return Mode.UNKNOWN


def check_state(account: Account, _target: Target, function: Function) -> Iterator[Finding]:
    """Check the alias and the state of its version."""
    try:
        if function.qualifier == ALIAS:
            account.call("lambda.get_alias", FunctionName=function.name, Name=ALIAS)
        found = read_configuration(account, function)
    except Missing:
        what = f"the alias {ALIAS}" if function.qualifier == ALIAS else "the function"
        yield fail("state", f"{what} of {function.name} does not exist, so WorkMail calls nothing", _DEPLOY)
        return
    command = ("aws", "lambda", "get-function-configuration", *function.options)
    state, update = found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")
    if state == "Failed" or update == "Failed":
        reason = found.get("StateReasonCode") or found.get("LastUpdateStatusReasonCode") or "no reason given"
        mend = "Mend the reason that this command prints, and deploy again."
        yield fail("state", f"{state}, last update {update}: {reason}", mend, command)
    elif state != "Active" or update != "Successful":
        mend = "Wait a minute; an Inactive function becomes active at its next call, which fails."
        yield warn("state", f"{state}, last update {update}", mend, command)
    else:
        yield pass_check("state", f"{state}, version {found.get('Version', '')}, {found.get('MemorySize', '')} MB")
    if (found.get("Environment") or {}).get("Error"):
        mend = "Let the function's role use the KMS key that encrypts its environment (kms:Decrypt)."
        yield fail("environment", "Lambda cannot decrypt the environment", mend)


def check_settings(account: Account, _target: Target, function: Function) -> Iterator[Finding]:
    """Check that the alias has the newest settings, and that no setting leads to a local server."""
    found = read_configuration(account, function)
    local = sorted(name for name in read_variables(account, function) if name.startswith("AWS_ENDPOINT_URL"))
    if local:
        yield fail("settings", f"set for local servers: {', '.join(local)}", f"Remove these variables from the function. {_DEPLOY}")
    if not function.qualifier:
        return
    if function.qualifier == ALIAS and (weights := _read_weights(account, function)):
        shares = ", ".join(f"version {version} gets {share:.0%}" for version, share in weights.items())
        mend = "Wait for its end, or roll it back in the console of CodeDeploy."
        yield warn("settings", f"a gradual deployment is not finished: {shares}", mend)
        return
    latest = account.call("lambda.get_function_configuration", FunctionName=function.name)
    if changed := list(_list_differences(found, latest)):
        mend = f"{_DEPLOY} It publishes a version, and moves the alias {ALIAS} to it."
        yield fail("settings", f"changed, but not in force: {', '.join(changed)}", mend)
    elif not local:
        yield pass_check("settings", "in force")


def _read_weights(account: Account, function: Function) -> dict[str, float]:
    """Return the shares of calls that other versions than the alias's get."""
    try:
        alias = account.call("lambda.get_alias", FunctionName=function.name, Name=ALIAS)
    except Missing:
        # A missing alias has a row of its own.
        return {}
    weights: dict[str, float] = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return weights


def _list_differences(version: Mapping[str, Any], latest: Mapping[str, Any]) -> Iterator[str]:
    for key, label in (("CodeSha256", "code"), ("Runtime", "runtime"), ("Timeout", "timeout"), ("MemorySize", "memory"), ("Role", "role")):
        if version.get(key) != latest.get(key):
            yield label
    if _layers(version) != _layers(latest):
        yield "layers"
    old, new = ((each.get("Environment") or {}).get("Variables") or {} for each in (version, latest))
    # Names only: a value may be an address.
    yield from sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _layers(found: Mapping[str, Any]) -> list[str]:
    return [each["Arn"] for each in found.get("Layers") or ()]


def check_limits(account: Account, target: Target, function: Function) -> Iterator[Finding]:
    """Check timeout, runtime, layers and snapshots."""
    found = read_configuration(account, function)
    timeout, waits = found.get("Timeout", 0), _WAITS_S[function.is_availability]
    mode = find_mode(account, function)
    if timeout >= waits and mode is Mode.SYNCHRONOUS:
        mend = f"Set Timeout to {waits - 1}: WorkMail no longer waits then, and a retry runs beside the first call."
        yield fail("timeout", f"{timeout} s, but WorkMail waits {waits} s", mend)
    elif timeout >= waits and mode is Mode.UNKNOWN:
        mend = f"If it is to answer WorkMail, set Timeout to {waits - 1}; if not, give it a dead-letter queue, by which doctor knows."
        yield warn("timeout", f"{timeout} s, but WorkMail waits {waits} s for a synchronous function", mend)
    elif timeout < _LEAST_S:
        yield warn("timeout", f"{timeout} s are short for large messages", f"Set Timeout to {waits - 1}.")
    else:
        yield pass_check("timeout", f"{timeout} s")
    layers = [":".join(arn.split(":")[-2:]) for arn in _layers(found)]
    ours = target.stack is not None and any("mailhooks" in each for each in layers)
    if target.stack is not None and not layers:
        yield fail("layers", "the function has no layer, so its imports fail", _DEPLOY)
    elif ours and found.get("Runtime") != RUNTIME:
        mend = f"Set Runtime to {RUNTIME}: the layer is compiled for it."
        yield fail("runtime", f"{found.get('Runtime')}, but the layer is for {RUNTIME}", mend)
    else:
        yield pass_check("runtime", ", ".join([str(found.get("Runtime", "a container image")), *layers]))
    snapshots = found.get("SnapStart") or {}
    if snapshots.get("ApplyOn") == "PublishedVersions" and snapshots.get("OptimizationStatus") != "On":
        yield warn(
            "SnapStart", "this version has no snapshot, so its cold starts are slow", f"Wait some minutes after a deployment. {_DEPLOY}"
        )


def check_concurrency(account: Account, _target: Target, function: Function) -> Iterator[Finding]:
    """Check the reserved concurrency: with 0, Lambda rejects each call."""
    reserved = account.call("lambda.get_function_concurrency", FunctionName=function.name).get("ReservedConcurrentExecutions")
    if reserved == 0:
        command = ("aws", "lambda", "delete-function-concurrency", "--function-name", function.name)
        yield fail("concurrency", "0 reserved: Lambda rejects every call", "Remove the reservation.", command)
    elif reserved is not None and reserved < 5:
        mend = "Raise ReservedConcurrency: WorkMail calls the function for several messages at once."
        yield warn("concurrency", f"only {reserved} reserved", mend)
    else:
        yield pass_check("concurrency", "not limited" if reserved is None else f"{reserved} reserved")


CHECKS: Final[tuple[tuple[str, Callable[[Account, Target, Function], Iterator[Finding]]], ...]] = (
    ("state", check_state),
    ("settings", check_settings),
    ("limits", check_limits),
    ("concurrency", check_concurrency),
)
