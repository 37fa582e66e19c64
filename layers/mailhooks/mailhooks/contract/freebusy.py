"""What an availability answer is made of: events, working hours and the errors that WorkMail tells apart.

Guide, "Building a Custom Availability Provider Lambda function", "Response elements". The fields have the guide's names in snake case.
Moments are aware and in UTC; a naive one, whose zone only the caller knows, is refused.
"""

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum

from mailhooks.contract.timestamps import check_order, put_in_utc


class BusyType(StrEnum):
    """What an event does to its owner's time."""

    BUSY = "BUSY"
    FREE = "FREE"
    TENTATIVE = "TENTATIVE"


class InstanceType(StrEnum):
    """Whether an event is one of a series; `EXCEPTION` is one that was changed by itself."""

    SINGLE_INSTANCE = "SINGLE_INSTANCE"
    RECURRING_INSTANCE = "RECURRING_INSTANCE"
    EXCEPTION = "EXCEPTION"


class Month(StrEnum):
    """The guide's list leaves out `MAY`: a misprint, as AWS's own sample function sends it."""

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
    """Which of the month's days of that name."""

    FIRST = "FIRST"
    SECOND = "SECOND"
    THIRD = "THIRD"
    FOURTH = "FOURTH"
    LAST = "LAST"


class DayOfWeek(StrEnum):
    """As the guide abbreviates it."""

    SUN = "SUN"
    MON = "MON"
    TUE = "TUE"
    WED = "WED"
    THU = "THU"
    FRI = "FRI"
    SAT = "SAT"


class AvailabilityErrorCode(StrEnum):
    """The errors that WorkMail tells apart (guide, "Error"); it makes ERROR_FREE_BUSY_GENERATION_FAILED of anything else."""

    MAILBOX_NOT_FOUND = "MailboxNotFound"
    CONFIG_NOT_FOUND = "ErrorAvailabilityConfigNotFound"
    SERVER_BUSY = "ErrorServerBusy"
    TIMEOUT_EXPIRED = "ErrorTimeoutExpired"
    FREE_BUSY_GENERATION_FAILED = "ErrorFreeBusyGenerationFailed"
    RESPONSE_SCHEMA_VALIDATION = "ErrorResponseSchemaValidation"


@dataclass(frozen=True, slots=True)
class Details:
    """What an event is about. Where there are details at all, the guide requires each of them."""

    subject: str
    location: str
    instance_type: InstanceType
    is_meeting: bool
    is_reminder_set: bool
    is_private: bool


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """A stretch of somebody's time, never cut at the window's ends (guide, "Window").

    Raises:
        ContractError: a moment is naive, or the end is before the start.
    """

    start_time: datetime
    end_time: datetime
    busy_type: BusyType
    details: Details | None = None

    def __post_init__(self) -> None:
        place = "/mailboxes/-/events/-"
        put_in_utc(self, start_time=f"{place}/startTime", end_time=f"{place}/endTime")
        check_order(self.start_time, self.end_time, place)


@dataclass(frozen=True, slots=True)
class TimeZoneTransition:
    """When the clocks change: at `time` on the `week`-th `day_of_week` of `month`.

    Attributes:
        offset: minutes, relative to the zone's `bias` and with its sign.
        time: local time of day, without a zone, in whole seconds.
    """

    offset: int
    time: time
    month: Month
    week: Week
    day_of_week: DayOfWeek


@dataclass(frozen=True, slots=True)
class TimeZone:
    """A zone with both transitions, or with none where the offset is fixed.

    Attributes:
        bias: minutes. The guide and EWS disagree on the sign (60 or -60 for W. Europe); it goes out as given.
    """

    name: str
    bias: int
    standard_time: TimeZoneTransition | None = None
    daylight_time: TimeZoneTransition | None = None


@dataclass(frozen=True, slots=True)
class WorkingPeriod:
    """The same hours on some days. Minutes count from midnight, 0 to 1440."""

    start_minutes: int
    end_minutes: int
    days: tuple[DayOfWeek, ...]


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When somebody works, and in which zone those hours are."""

    timezone: TimeZone
    working_periods: tuple[WorkingPeriod, ...]


@dataclass(frozen=True, slots=True)
class MailboxAvailability:
    """The answer for a mailbox whose calendar could be read."""

    mailbox: str
    events: tuple[CalendarEvent, ...] = ()
    working_hours: WorkingHours | None = None


@dataclass(frozen=True, slots=True)
class MailboxError:
    """The answer for a mailbox whose calendar could not be read; the others' answers stand."""

    mailbox: str
    error: AvailabilityErrorCode
