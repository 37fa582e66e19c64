"""The parts of an availability response: events, working hours and WorkMail's error codes.

Guide, "Building a Custom Availability Provider Lambda function", "Response elements". Field names are the guide's, in snake case. Times are
aware and in UTC; a naive time is rejected, because only the caller knows its zone.
"""

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum

from mailhooks.contract.timestamps import check_order, convert_to_utc


class BusyType(StrEnum):
    """How an event occupies its owner's time."""

    BUSY = "BUSY"
    FREE = "FREE"
    TENTATIVE = "TENTATIVE"


class InstanceType(StrEnum):
    """The relation of an event to a series. `EXCEPTION` is a changed event of a series."""

    SINGLE_INSTANCE = "SINGLE_INSTANCE"
    RECURRING_INSTANCE = "RECURRING_INSTANCE"
    EXCEPTION = "EXCEPTION"


class Month(StrEnum):
    """The months. The guide omits `MAY` by mistake: AWS's sample function sends it."""

    JAN = "JAN"
    FEB = "FEB"
    MAR = "MAR"
    APR = "APR"
    MAY = "MAY"
    JUN = "JUN"
    JUL = "JUL"
    AUG = "AUG"
    SEP = "SEP"
    OCT = "OCT"
    NOV = "NOV"
    DEC = "DEC"


class Week(StrEnum):
    """Which of a month's days of one name, such as the second Sunday."""

    FIRST = "FIRST"
    SECOND = "SECOND"
    THIRD = "THIRD"
    FOURTH = "FOURTH"
    LAST = "LAST"


class DayOfWeek(StrEnum):
    """The days, in the guide's abbreviations."""

    SUN = "SUN"
    MON = "MON"
    TUE = "TUE"
    WED = "WED"
    THU = "THU"
    FRI = "FRI"
    SAT = "SAT"


class AvailabilityErrorCode(StrEnum):
    """WorkMail's error codes (guide, "Error"). It treats any other code as ERROR_FREE_BUSY_GENERATION_FAILED."""

    MAILBOX_NOT_FOUND = "MailboxNotFound"
    CONFIG_NOT_FOUND = "ErrorAvailabilityConfigNotFound"
    SERVER_BUSY = "ErrorServerBusy"
    TIMEOUT_EXPIRED = "ErrorTimeoutExpired"
    FREE_BUSY_GENERATION_FAILED = "ErrorFreeBusyGenerationFailed"
    RESPONSE_SCHEMA_VALIDATION = "ErrorResponseSchemaValidation"


def to_known_code(code: str) -> AvailabilityErrorCode:
    """Return a code as WorkMail reads it: one that the guide does not list is ErrorFreeBusyGenerationFailed."""
    try:
        return AvailabilityErrorCode(code)
    except ValueError:
        return AvailabilityErrorCode.FREE_BUSY_GENERATION_FAILED


@dataclass(frozen=True, slots=True)
class Details:
    """An event's details. The guide requires all of them or none."""

    subject: str
    location: str
    instance_type: InstanceType
    is_meeting: bool
    is_reminder_set: bool
    is_private: bool


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """An event, not cut at the window's ends (guide, "Window").

    Raises:
        ContractError: a time is naive, or the end is before the start.
    """

    start_time: datetime
    end_time: datetime
    busy_type: BusyType
    details: Details | None = None

    def __post_init__(self) -> None:
        place = "/mailboxes/-/events/-"
        convert_to_utc(self, start_time=f"{place}/startTime", end_time=f"{place}/endTime")
        check_order(self.start_time, self.end_time, place)


@dataclass(frozen=True, slots=True)
class TimeZoneTransition:
    """A yearly change of the clocks, at `time` on the `week`-th `day_of_week` of `month`.

    Attributes:
        offset: minutes relative to the zone's `bias`, with the same sign.
        time: local time of day in whole seconds.
    """

    offset: int
    time: time
    month: Month
    week: Week
    day_of_week: DayOfWeek


@dataclass(frozen=True, slots=True)
class TimeZone:
    """A time zone with both transitions, or with none if its offset is fixed.

    Attributes:
        bias: minutes. The guide and EWS disagree on the sign (60 or -60 for W. Europe); it is sent unchanged.
    """

    name: str
    bias: int
    standard_time: TimeZoneTransition | None = None
    daylight_time: TimeZoneTransition | None = None


@dataclass(frozen=True, slots=True)
class WorkingPeriod:
    """Working hours of some days, in minutes from midnight (0 to 1440)."""

    start_minutes: int
    end_minutes: int
    days: tuple[DayOfWeek, ...]


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """A user's working hours and their time zone."""

    timezone: TimeZone
    working_periods: tuple[WorkingPeriod, ...]


@dataclass(frozen=True, slots=True)
class MailboxAvailability:
    """The result for a mailbox whose calendar was read."""

    mailbox: str
    events: tuple[CalendarEvent, ...] = ()
    working_hours: WorkingHours | None = None


@dataclass(frozen=True, slots=True)
class MailboxError:
    """The result for a mailbox whose calendar could not be read. Other mailboxes are not affected."""

    mailbox: str
    error: AvailabilityErrorCode
