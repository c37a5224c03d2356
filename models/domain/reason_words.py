"""The sentence that says why a container is on a plan or off it, in English or Dutch, from the decision's figures alone.

Written when the plan is made, and again whenever somebody asks for the other language: the same figures give the same sentence.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from models.domain.language import Language
from models.domain.legal_interval import KnownFrom
from models.domain.limit_words import limits_in_words
from models.domain.number_words import number_in_words
from models.domain.plan import ContainerDecision, DecisionFigures, DecisionRule, Unusable

_DAYS = {"en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), "nl": ("ma", "di", "wo", "do", "vr", "za", "zo")}
_MONTHS = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "nl": ("jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"),
}

_TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "required": "Must go: {level}, {risk}; {limit} is the limit. {detour}",
        "prize": "Worth going: {level}, {risk}; going now is worth € {prize}. {detour}",
        "brought_forward": "Brought forward from {busy_day}, whose work would take {busy_share} of its trucks' hours: {level}, {risk}. {detour}",
        "on_the_way": "On the way: {level}, {risk}, and a truck passes. {detour}",
        "schedule": "The fixed schedule is driven today and collects it: {level}, {risk}.",
        "schedule_unusable": "Follows the fixed schedule, which collects it today: {unusable}{last}.",
        "no_data": "Follows the fixed schedule, {next_due}: {unusable}{last}.",
        "no_room": "Should go, but {lacks}: {level}, {risk}. {detour}",
        "legal_interval": "Required: {legal}: {level}, {risk}. {detour}",
        "legal_interval_unusable": "Required: {legal}: {unusable}{last}. {detour}",
        "no_room_legal": "Required, but {lacks}: {legal}. {detour}",
        "legal": "at most {days} between collections by law, {since}",
        "by_law": "At most {days} between collections by law, {since}.",
        "day": "1 day",
        "days": "{count} days",
        "earlier": "{days} earlier",
        "that_day": "that day",
        "turn_law_on": "Without the law it would have been collected all the same.",
        "turn_law_off": "Without the law it would have waited.",
        "no_room_unusable": "Should go, but {lacks}: the fixed schedule collects it today and {unusable}. {detour}",
        "not_worth_it": "Can wait: {level}, {risk}; going now is worth € {prize}{cost}. {detour}",
        "pinned": "A planner asked for it: {level}, {risk}. {detour}",
        "pinned_unusable": "A planner asked for it: {unusable}{last}. {detour}",
        "forbidden": "A planner left it out: {level}, {risk}. {detour}",
        "forbidden_unusable": "A planner left it out: {unusable}{last}. {detour}",
        "overflow_first": "Disrupted day: {level}, {risk}; {district} is number {rank} of {ranks} districts by expected overflow. {detour}",
        "left_by_crew": "Its crew left it ({left}): {level}, {risk}.",
        "left_by_crew_unusable": "Its crew left it ({left}): {unusable}{last}.",
        "level": "{now} full on {moment}{doubt}, {expected} expected when a truck comes",
        "doubt": " (doubtful data)",
        "unknown": "unknown",
        "unknown_time": "an unknown time",
        "risk": "{chance} chance to overflow before the next chance on {day}",
        "cost": " for € {cost}",
        "last": " ({now} full on {moment})",
        "next_due": "next on {day}",
        "never_due": "which does not know it either",
        "no_truck": "no truck for it drives on {day}",
        "full_trucks": "no truck has room or time left",
        "detour": "Its detour is {km} km.",
        "detour_off": "Its detour would be {km} km.",
        "no_detour": "No truck drives for it.",
        "bridge": "Bridge {bridges} is out of service: the way there is {km} km longer.",
        "bridges": "Bridges {bridges} are out of service: the way there is {km} km longer.",
        "turn_on": "From a chance of {turn} it would have been collected.",
        "turn_off": "Below a chance of {turn} it would have waited.",
        "turn_week": "In a quieter week it would have waited.",
        "turn_passing": "Had no truck passed, it would have waited.",
        "turn_detour": "With a longer detour it would have waited.",
        "turn_data": "A level younger than {hours} hours would have decided instead.",
        "turn_held": "Once its district is planned again, its level decides.",
        "turn_room": "Another truck, or room on one, would have changed that.",
        "turn_room_limited": "Another truck that may come then and there, or room on one, would have changed that.",
        "turn_wish_on": "Unasked it would have been collected all the same.",
        "turn_wish_off": "Unasked it would have waited.",
        "turn_rank": "More truck hours, or a higher chance, would have changed that.",
        Unusable.NO_FORECAST: "there is no forecast",
        Unusable.STALE: "its last level is older than {hours} hours",
        Unusable.BEGINS_LATER: "its forecast begins after the planned day",
        Unusable.TOO_SHORT: "its forecast does not reach the next chance",
        Unusable.SHADOW: "{district} is in shadow mode",
        Unusable.FALLEN_BACK: "{district} is back on its fixed route",
    },
    "nl": {
        "required": "Moet mee: {level}, {risk}; de grens is {limit}. {detour}",
        "prize": "Loont: {level}, {risk}; nu gaan is € {prize} waard. {detour}",
        "brought_forward": "Naar voren gehaald van {busy_day}, waarvan het werk {busy_share} van de wagenuren zou vragen: {level}, {risk}. {detour}",
        "on_the_way": "Ligt op de weg: {level}, {risk}, en er komt een wagen langs. {detour}",
        "schedule": "Vandaag wordt het vaste schema gereden en dat leegt hem: {level}, {risk}.",
        "schedule_unusable": "Volgt het vaste schema, dat hem vandaag leegt: {unusable}{last}.",
        "no_data": "Volgt het vaste schema, {next_due}: {unusable}{last}.",
        "no_room": "Zou mee moeten, maar {lacks}: {level}, {risk}. {detour}",
        "legal_interval": "Verplicht: {legal}: {level}, {risk}. {detour}",
        "legal_interval_unusable": "Verplicht: {legal}: {unusable}{last}. {detour}",
        "no_room_legal": "Verplicht, maar {lacks}: {legal}. {detour}",
        "legal": "wettelijk hoogstens {days} tussen twee legingen, {since}",
        "by_law": "Wettelijk hoogstens {days} tussen twee legingen, {since}.",
        "day": "1 dag",
        "days": "{count} dagen",
        "earlier": "{days} eerder",
        "that_day": "die dag",
        "turn_law_on": "Zonder de wet was hij ook meegenomen.",
        "turn_law_off": "Zonder de wet had hij gewacht.",
        "no_room_unusable": "Zou mee moeten, maar {lacks}: het vaste schema leegt hem vandaag en {unusable}. {detour}",
        "not_worth_it": "Kan wachten: {level}, {risk}; nu gaan is € {prize} waard{cost}. {detour}",
        "pinned": "Een planner vroeg erom: {level}, {risk}. {detour}",
        "pinned_unusable": "Een planner vroeg erom: {unusable}{last}. {detour}",
        "forbidden": "Een planner liet hem weg: {level}, {risk}. {detour}",
        "forbidden_unusable": "Een planner liet hem weg: {unusable}{last}. {detour}",
        "overflow_first": "Verstoorde dag: {level}, {risk}; {district} is nummer {rank} van {ranks} wijken naar verwachte overloop. {detour}",
        "left_by_crew": "De ploeg liet hem staan ({left}): {level}, {risk}.",
        "left_by_crew_unusable": "De ploeg liet hem staan ({left}): {unusable}{last}.",
        "level": "{now} vol op {moment}{doubt}, {expected} verwacht als er een wagen komt",
        "doubt": " (twijfelachtige gegevens)",
        "unknown": "onbekend",
        "unknown_time": "een onbekend moment",
        "risk": "{chance} kans op overlopen voor de volgende kans op {day}",
        "cost": " voor € {cost}",
        "last": " ({now} vol op {moment})",
        "next_due": "de volgende keer op {day}",
        "never_due": "dat hem ook niet kent",
        "no_truck": "er rijdt op {day} geen wagen voor",
        "full_trucks": "geen wagen heeft nog ruimte of tijd",
        "detour": "De omweg is {km} km.",
        "detour_off": "De omweg zou {km} km zijn.",
        "no_detour": "Er rijdt geen wagen voor.",
        "bridge": "Brug {bridges} is buiten gebruik: de weg erheen is {km} km langer.",
        "bridges": "De bruggen {bridges} zijn buiten gebruik: de weg erheen is {km} km langer.",
        "turn_on": "Vanaf een kans van {turn} was hij meegenomen.",
        "turn_off": "Onder een kans van {turn} had hij gewacht.",
        "turn_week": "In een rustiger week had hij gewacht.",
        "turn_passing": "Was er geen wagen langsgekomen, dan had hij gewacht.",
        "turn_detour": "Met een langere omweg had hij gewacht.",
        "turn_data": "Een niveau jonger dan {hours} uur had beslist.",
        "turn_held": "Zodra de wijk weer gepland wordt, beslist zijn niveau.",
        "turn_room": "Nog een wagen, of ruimte op een wagen, had dat veranderd.",
        "turn_room_limited": "Nog een wagen die daar dan mag komen, of ruimte op een wagen, had dat veranderd.",
        "turn_wish_on": "Zonder die vraag was hij ook meegenomen.",
        "turn_wish_off": "Zonder die vraag had hij gewacht.",
        "turn_rank": "Meer wagenuren, of een grotere kans, had dat veranderd.",
        Unusable.NO_FORECAST: "er is geen voorspelling",
        Unusable.STALE: "het laatste niveau is ouder dan {hours} uur",
        Unusable.BEGINS_LATER: "de voorspelling begint na de geplande dag",
        Unusable.TOO_SHORT: "de voorspelling reikt niet tot de volgende kans",
        Unusable.SHADOW: "{district} draait in schaduwmodus",
        Unusable.FALLEN_BACK: "{district} rijdt weer de vaste route",
    },
}

_SINCE: dict[Language, dict[KnownFrom, str]] = {
    "en": {
        KnownFrom.EMPTYING: "last collected {when}",
        KnownFrom.CREW: "last collected {when}, as its crew said",
        KnownFrom.READ: "and no collection was seen since its sensor was put there {when}",
        KnownFrom.SCHEDULE: "no collection of it is known, and the fixed schedule's last day for it was {when}",
        KnownFrom.SHADOW: "last collected by a shadow plan {when}",
        KnownFrom.NOTHING: "and no collection of it is known",
    },
    "nl": {
        KnownFrom.EMPTYING: "{when} voor het laatst geleegd",
        KnownFrom.CREW: "{when} voor het laatst geleegd volgens zijn ploeg",
        KnownFrom.READ: "en er is geen leging gezien sinds zijn sensor er {when} kwam",
        KnownFrom.SCHEDULE: "er is geen leging van bekend, en de laatste dag in het vaste schema was {when}",
        KnownFrom.SHADOW: "{when} voor het laatst geleegd door een schaduwplan",
        KnownFrom.NOTHING: "en er is geen leging van bekend",
    },
}

HELD = frozenset({Unusable.SHADOW, Unusable.FALLEN_BACK})
"""The whole district follows its fixed route, whatever the level says."""
COLLECTING = frozenset(
    {
        DecisionRule.LEGAL_INTERVAL,
        DecisionRule.REQUIRED,
        DecisionRule.PRIZE,
        DecisionRule.BROUGHT_FORWARD,
        DecisionRule.ON_THE_WAY,
        DecisionRule.SCHEDULE,
    }
)


def reason(decision: ContainerDecision, language: Language, zone: ZoneInfo) -> str:
    """The sentence, with what it costs and what would have changed it. A decision of the first release keeps the one it has."""
    figures = decision.figures
    if figures is None:
        return decision.reason
    words = _Words(decision, figures, language, zone)
    return " ".join(part for part in (words.main(), words.law(), words.limits(), words.bridges(), words.turning()) if part)


def day_in_words(day: date, language: Language) -> str:
    """A day like "Mon 23 Nov" or "ma 23 nov"."""
    return f"{_DAYS[language][day.weekday()]} {day.day} {_MONTHS[language][day.month - 1]}"


class _Words:
    """The parts of one sentence."""

    def __init__(self, decision: ContainerDecision, figures: DecisionFigures, language: Language, zone: ZoneInfo) -> None:
        self._decision = decision
        self._figures = figures
        self._language: Language = language
        self._texts = _TEXTS[language]
        self._zone = zone

    def main(self) -> str:
        found = self._decision
        name = found.rule.value
        if found.rule is DecisionRule.SCHEDULE and not found.collected:
            name = DecisionRule.NO_DATA.value
        if found.rule is DecisionRule.NO_ROOM and self._is_legally_due():
            name = "no_room_legal"
        elif self._figures.unusable is not None and f"{name}_unusable" in self._texts:
            name += "_unusable"
        return self._texts[name].format(
            level=self._level(),
            risk=self._texts["risk"].format(
                chance=self._per_cent(found.overflow_probability), day=self._day(self._figures.next_chance)
            ),
            limit=self._per_cent(self._figures.required_from),
            prize=self._money(found.prize),
            cost="" if self._figures.cost is None else self._texts["cost"].format(cost=self._money(self._figures.cost)),
            detour=self._detour(),
            unusable=self._unusable(),
            last=self._last(),
            next_due=self._next_due(),
            lacks=self._lacks(),
            district=self._figures.district,
            rank=self._figures.rank,
            ranks=self._figures.ranks,
            left=self._figures.left_by_crew,
            busy_day="" if self._figures.busy_day is None else self._day(self._figures.busy_day),
            busy_share=self._per_cent(self._figures.busy_share),
            legal=self._legal("legal"),
        )

    def law(self) -> str:
        """How the legal interval stands, where that is not what decided."""
        decided = self._decision.rule is DecisionRule.LEGAL_INTERVAL or (
            self._decision.rule is DecisionRule.NO_ROOM and self._is_legally_due()
        )
        return "" if decided else self._legal("by_law")

    def bridges(self) -> str:
        names = self._figures.bridges
        if not names or self._figures.extra_m <= 0:
            return ""
        text = self._texts["bridge" if len(names) == 1 else "bridges"]
        return text.format(bridges=", ".join(names), km=self._number(self._figures.extra_m / 1000, 1))

    def limits(self) -> str:
        """When it may be collected, and by which trucks."""
        found = self._figures
        told = limits_in_words(found.windows, found.max_truck_width_mm, found.max_truck_weight_kg, self._language)
        return f"{told[0].upper()}{told[1:]}." if told else ""

    def turning(self) -> str:
        """What would have changed the decision."""
        rule, figures = self._decision.rule, self._figures
        name = {
            DecisionRule.REQUIRED: "turn_off",
            DecisionRule.PRIZE: "turn_off",
            DecisionRule.NOT_WORTH_IT: "turn_on",
            DecisionRule.BROUGHT_FORWARD: "turn_week",
            DecisionRule.ON_THE_WAY: "turn_passing",
            DecisionRule.NO_DATA: "turn_data",
            DecisionRule.NO_ROOM: "turn_room",
            DecisionRule.OVERFLOW_FIRST: "turn_rank",
        }.get(rule, "")
        if name == "turn_room" and self.limits():
            name = "turn_room_limited"
        if name == "turn_off" and figures.turning_probability == 0:
            name = "turn_detour"
        if rule is DecisionRule.SCHEDULE and figures.unusable is not None:
            name = "turn_held" if figures.unusable in HELD else "turn_data"
        if rule is DecisionRule.LEGAL_INTERVAL:
            name = "turn_law_on" if figures.rule_without_law in COLLECTING else "turn_law_off"
        if rule in (DecisionRule.PINNED, DecisionRule.FORBIDDEN):
            name = "turn_wish_on" if figures.rule_without_wish in COLLECTING else "turn_wish_off"
        if not name or (name in ("turn_on", "turn_off") and figures.turning_probability is None):
            return ""
        return self._texts[name].format(turn=self._per_cent(figures.turning_probability), hours=self._hours())

    def _is_legally_due(self) -> bool:
        return self._figures.legal is not None and self._figures.legal.due

    def _legal(self, name: str) -> str:
        legal = self._figures.legal
        if legal is None:
            return ""
        when = ""
        if legal.on is not None and legal.days_since is not None:
            passed = (
                self._texts["earlier"].format(days=self._days(legal.days_since)) if legal.days_since else self._texts["that_day"]
            )
            when = f"{passed} ({self._day(legal.on)})"
        since = _SINCE[self._language][legal.known_from].format(when=when)
        return self._texts[name].format(days=self._days(legal.max_days), since=since)

    def _days(self, count: int) -> str:
        return self._texts["day" if count == 1 else "days"].format(count=count)

    def _lacks(self) -> str:
        if self._decision.detour_m is None:
            return self._texts["no_truck"].format(day=self._day(self._figures.plan_date))
        return self._texts["full_trucks"]

    def _level(self) -> str:
        found = self._decision
        return self._texts["level"].format(
            now=self._per_cent(found.level_now),
            moment=self._moment(found.level_observed_at) if found.level_observed_at else self._texts["unknown_time"],
            doubt=self._texts["doubt"] if self._figures.doubtful else "",
            expected=self._per_cent(self._figures.level_expected),
        )

    def _last(self) -> str:
        found = self._decision
        if found.level_now is None or found.level_observed_at is None:
            return ""
        return self._texts["last"].format(now=self._per_cent(found.level_now), moment=self._moment(found.level_observed_at))

    def _unusable(self) -> str:
        unusable = self._figures.unusable
        if unusable is None:
            return ""
        return self._texts[unusable].format(hours=self._hours(), district=self._figures.district)

    def _next_due(self) -> str:
        due = self._figures.next_due
        return self._texts["next_due"].format(day=self._day(due)) if due else self._texts["never_due"]

    def _detour(self) -> str:
        metres = self._decision.detour_m
        if metres is None:
            return self._texts["no_detour"]
        return self._texts["detour" if self._decision.collected else "detour_off"].format(km=self._number(metres / 1000, 1))

    def _hours(self) -> str:
        return f"{self._figures.stale_hours:g}"

    def _per_cent(self, share: float | None) -> str:
        return self._texts["unknown"] if share is None else f"{share * 100:.0f} %"

    def _money(self, euro: float) -> str:
        return self._number(euro, 2)

    def _number(self, value: float, digits: int) -> str:
        return number_in_words(value, digits, self._language)

    def _moment(self, at: datetime) -> str:
        local = at.astimezone(self._zone)
        return f"{self._day(local.date())} {local:%H:%M}"

    def _day(self, day: date) -> str:
        return day_in_words(day, self._language)
