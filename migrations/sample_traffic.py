"""The traffic behind the sample rows: six weeks of texting, made from a seed, one message after the other.

Busy afternoons and quiet weekends, one profile that sends most, a few numbers that carry most. Arithmetic is limited to
what gives the same digits on every machine.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, count
from random import Random
from uuid import UUID

WEEKS = 6

# Name, channel, share of all messages in percent, daily limit of segments a number.
PROFILES = (
    ("Riverside Turnout", "10dlc", 48, 120),
    ("Harbor Food Bank", "10dlc", 21, 200),
    ("Northside Tenants", "10dlc", 13, 80),
    ("Lakeview Library", "toll_free", 8, 200),
    ("Sunrise Clinic", "10dlc", 6, 40),
    ("Valley Choir", "toll_free", 4, 200),
)
BODIES = (
    "Hi {name}, it's {who}. Will you be voting on Tuesday? Reply YES or NO. Reply STOP to opt out.",
    "{who}: your order is ready. Pick it up today between 2 and 6 pm.",
    "Reminder from {who}: we meet tonight at 7.\nBring a friend!",
    "Hello {name} 👋 {who} needs two more hands on Saturday. Can you make it?",
    "{name}, thank you for signing up. {who} will text you at most once a week. Questions? Just reply to this message. "
    "Msg & data rates may apply. Reply HELP for help and STOP to opt out at any time.",
)
NAMES = ("Ana", "Bo", "Chidi", "Dolores", "Eli", "Fatima", "Grace", "Hiro")
REPLIES = ("YES", "No", "STOP", "who is this?", "I'll be there 🎉", "On my way\nback at 5", r"C:\o_o/")
# Any area code that is not toll-free, and only lines set aside for fiction, 555-0100 to 555-0199: twenty are ours.
AREA_CODES = tuple(str(code) for code in range(201, 800) if code % 100 != 11 and code // 10 % 10 != 9)
OURS, THEIRS = 20, 80
HOURS = (1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 7, 9, 10, 11, 12, 12, 11, 8, 4)  # of the day, in UTC
MEDIA = ["https://media.example.org/flyer.png"]

Value = str | int | datetime | UUID | list[str] | dict[str, str] | None
Row = tuple[str, tuple[Value, ...]]


@dataclass(frozen=True)
class Number:
    """One number of ours and where it belongs."""

    id: UUID
    phone_number: str
    location: UUID


@dataclass(frozen=True)
class Profile:
    id: UUID
    name: str
    numbers: Sequence[Number]


def rows(messages: int, seed: int, until: datetime) -> Iterator[Row]:
    """Every row with the table it belongs to, parents first."""
    random = Random(seed)  # noqa: S311 - rows to look at, no secrets
    calendar = Calendar(until - timedelta(weeks=WEEKS))
    profiles: list[Profile] = []
    yield from _accounts(random, messages, calendar.start, profiles)
    traffic = Traffic(random, messages, until, profiles)
    for number in range(messages):
        yield from traffic.message(calendar.moment((number + random.random()) / messages))


class Calendar:
    """Spreads the messages over the weeks: more in the afternoon than at night, fewer on weekends."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        hours = (start + timedelta(hours=hour) for hour in range(WEEKS * 7 * 24))
        self._until_hour = list(accumulate(HOURS[hour.hour] * (1 if hour.weekday() >= 5 else 3) for hour in hours))

    def moment(self, share: float) -> datetime:
        """When that share of all messages has been sent."""
        wanted = share * self._until_hour[-1]
        hour = bisect_right(self._until_hour, wanted)
        before = self._until_hour[hour - 1] if hour else 0
        part = (wanted - before) / (self._until_hour[hour] - before)
        return self.start + timedelta(hours=hour, seconds=3600 * part)


def _accounts(random: Random, messages: int, start: datetime, profiles: list[Profile]) -> Iterator[Row]:
    """Profiles, their locations and numbers; `profiles` then holds what the traffic needs to know of them."""
    places = count()
    for name, channel, percent, limit in PROFILES:
        bought = start - timedelta(days=random.randrange(30, 900))
        host = name.lower().replace(" ", "-") + ".example.org"
        profile = Profile(_uuid(random), name, numbers := [])
        urls = (f"https://{host}/replies", f"https://{host}/status")
        yield "profiles", (profile.id, name, channel, *urls, limit, bought)
        for place in ("Downtown", "Suburbs"):
            location = _uuid(random)
            wanted = 2 + min(messages, 5_000_000) * percent // 100_000  # there are no more area codes
            own = [next(places) for _ in range(wanted)]
            codes = sorted({_area_code(index, OURS) for index in own})
            center = f"{random.randrange(10_000, 99_999)}"
            yield "sending_locations", (location, profile.id, place, center, codes, bought)
            for index in own:
                number = Number(_uuid(random), _phone_number(index, OURS, first=100), location)
                cordoned = start if index % 17 == 16 else None
                yield "phone_numbers", (number.id, location, number.phone_number, bought, cordoned, None)
                numbers.append(number)
            # One was given back, and is not ours to send from any more.
            released = _phone_number(next(places), OURS, first=100)
            yield "phone_numbers", (_uuid(random), location, released, bought, None, start)
        profiles.append(profile)


class Traffic:
    """What happens to one message after the other: routing, carrier, reports, replies and the calls of webhooks."""

    def __init__(self, random: Random, messages: int, until: datetime, profiles: Sequence[Profile]) -> None:
        self._random = random
        self._until = until
        self._profiles = profiles
        self._shares = list(accumulate(percent for _, _, percent, _ in PROFILES))
        self._contacts = min(messages // 4 + 10, THEIRS * len(AREA_CODES))
        self._report_calls = count(1)
        self._reply_calls = count(1)

    def message(self, created: datetime) -> Iterator[Row]:
        chance = self._random.random
        profile = self._profiles[bisect_right(self._shares, chance() * self._shares[-1])]
        # Squared: the first of the contacts are written to most.
        contact = int(chance() * chance() * self._contacts)
        to = _phone_number(contact * 7_919, THEIRS, first=100 + OURS)
        number = self._number_for(profile, contact)
        body = BODIES[int(chance() * len(BODIES))].format(name=NAMES[contact % len(NAMES)], who=profile.name)
        segments = _segments(body)
        media = MEDIA if chance() < 0.04 else None
        message = _uuid(self._random)
        stage = self._stage(created)
        routed = None if stage in {"queued", "awaiting_number"} else number
        sender = routed.phone_number if routed else None
        send_before = created + timedelta(hours=12) if chance() < 0.3 else None
        where = (profile.id, number.location, sender, to, body, media)
        yield "outbound_messages", (message, created, *where, stage, segments, send_before)
        if stage == "queued":
            return
        decision = "awaiting_number" if routed is None else ("least_loaded" if chance() < 0.2 else "existing_mapping")
        attempts = 1 if chance() < 0.98 else 2
        yield "outbound_messages_routing", (message, routed.id if routed else None, decision, attempts)
        if stage in {"sent", "failed"}:
            yield from self._carried(message, created, stage, segments)
        if stage == "sent" and chance() < 0.09:
            yield from self._reply(number, to, created + self._delay(minutes=240))

    def _number_for(self, profile: Profile, contact: int) -> Number:
        """Always the same for a contact; squared, so that a few numbers carry most."""
        part = contact * 2_654_435_761 % 2**32 / 2**32
        return profile.numbers[int(part * part * len(profile.numbers))]

    def _stage(self, created: datetime) -> str:
        chance = self._random.random()
        if self._until - created < timedelta(hours=2) and chance < 0.3:
            return "queued"
        return "failed" if chance > 0.985 else "awaiting_number" if chance > 0.98 else "sent"

    def _carried(self, message: UUID, created: datetime, stage: str, segments: int) -> Iterator[Row]:
        chance = self._random.random
        service = f"SM{self._random.getrandbits(128):032x}"
        sent = created + self._delay(minutes=2)
        if stage == "failed":
            yield "outbound_messages_telco", (message, None, None, "sending_failed", None, "0", {"error": "30008"})
            return
        lot = chance()
        event = "delivered" if lot < 0.93 else "delivery_failed" if lot < 0.97 else None
        reported = sent + self._delay(minutes=30)
        known = event is not None and reported < self._until
        early = known and chance() < 0.02
        errors = ["30003", "30005"] if event == "delivery_failed" else None
        report: tuple[Value, ...] = (service, event, reported - timedelta(seconds=1), reported, errors, None)
        if early:
            yield "early_reports", (_uuid(self._random), None, *report)
        cost = f"{segments * 400 // 100_000}.{segments * 400 % 100_000:05d}"
        status = event if known and not early else "sent"
        yield "outbound_messages_telco", (message, service, sent, status, segments, cost, None)
        if known and not early:
            yield "delivery_reports", (_uuid(self._random), message, *report)
            body = {"id": str(message), "event": str(event)}
            for attempt, answer in self._calls(reported):
                call = next(self._report_calls)
                yield "delivery_report_forward_attempts", (call, message, event, attempt, body, *answer)
        if chance() < 0.003:
            # Of a message that is none of ours: it never resolves.
            foreign = f"SM{self._random.getrandbits(128):032x}"
            yield "delivery_reports", (_uuid(self._random), None, foreign, "delivered", sent, sent, None, {"to": "?"})

    def _reply(self, number: Number, sender: str, received: datetime) -> Iterator[Row]:
        if received >= self._until:
            return
        inbound = _uuid(self._random)
        body = REPLIES[int(self._random.random() * len(REPLIES))]
        service = f"MO{self._random.getrandbits(128):032x}"
        yield (
            "inbound_messages",
            (inbound, number.location, sender, number.phone_number, body, None, service, _segments(body), received),
        )
        for attempt, answer in self._calls(received):
            call = next(self._reply_calls)
            yield "inbound_message_forward_attempts", (call, inbound, attempt, {"body": body, "from": sender}, *answer)

    def _calls(self, first: datetime) -> Iterator[tuple[datetime, tuple[int | None, str | None]]]:
        """A webhook is called once, and once more where that failed."""
        lot = self._random.random()
        if lot < 0.02:
            yield first, (None, None) if lot < 0.005 else (503, "try again later")
            first += timedelta(minutes=1)
        yield first, (200, "ok")

    def _delay(self, *, minutes: int) -> timedelta:
        """Mostly short, seldom as long as that. No logarithm: its last digit differs between machines."""
        chance = self._random.random()
        return timedelta(seconds=1 + 60 * minutes * chance * chance * chance * chance)


def _segments(body: str) -> int:
    """How many texts the carrier counts: fewer characters fit where one of them needs Unicode."""
    single, several = (160, 153) if body.isascii() else (70, 67)
    return 1 if len(body) <= single else -(-len(body) // several)


def _area_code(index: int, lines: int) -> str:
    return AREA_CODES[index // lines % len(AREA_CODES)]


def _phone_number(index: int, lines: int, *, first: int) -> str:
    return f"+1{_area_code(index, lines)}5550{first + index % lines}"


def _uuid(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)
