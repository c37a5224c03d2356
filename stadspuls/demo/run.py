"""The demo from the first server to the last figure.

Servers, a simulated city, its history through the real pipeline with one `kill -9` on the way, forecasts, tomorrow's plan, the
closing figures; then the city lives on until Ctrl-C or the given time, and everything is stopped.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from api.canary import CanarySettings
from deploy.local import stack
from models.domain.failures import StadspulsError
from processors.plan.calendar import collection_weekdays, next_collection_day
from runtime.city_clock import write_city_clock
from runtime.clock import SystemClock
from runtime.mqtt_publisher import MqttPublisher
from runtime.postgres import open_pool
from runtime.settings import CitySettings, DatabaseSettings, MqttSettings, PlanSettings, load
from simulators.broadcast import Progress, live, send_history
from simulators.simulation import Simulation, SimulationSettings, open_simulation
from stadspuls.demo.killing import kill_and_wait
from stadspuls.demo.observed import Api, Stored, hours_to_full, stored
from stadspuls.demo.report import write_report
from stadspuls.demo.steps import Step, Steps
from stadspuls.demo.summary import DemoSummary, Ledger, fill_summary, plan_summary, sentences
from storage.registry import import_registry

STEPS = (
    Step("Start MQTT broker, Kafka, database and services", 35),
    Step("Make the city and register what it has", 10),
    Step("Send the history of its sensors, killing the store once on the way", 210),
    Step("Wait until every message has found its place", 10),
    Step("Forecast how full every container will be", 25),
    Step("Plan the coming collection day", 60),
)
KILL_AT_SHARE = 0.3
SETTLE_SECONDS = 300.0
FORECAST_SECONDS = 300.0
PLAN_SECONDS = 400.0


@dataclass
class Demo:
    """One run of the demo. Made by the command; `run` returns whether all that it claims is true."""

    run_dir: Path
    settings: SimulationSettings
    live_seconds: float | None
    speed: float
    output: Path
    steps: Steps = field(default_factory=lambda: Steps(STEPS))
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    began: float = field(default_factory=time.monotonic)
    seconds_to_page: float = 0.0
    killed_at: int = 0
    back_after_s: float = 0.0
    rate: float = 0.0
    lives: bool = False

    async def run(self) -> bool:
        """Raises `UserError` for what a person must mend. Whatever happens, nothing is left running."""
        try:
            return await self._run()
        finally:
            await asyncio.to_thread(stack.down, self.run_dir)

    async def _run(self) -> bool:
        api = await self._start()
        pool = await open_pool(load(DatabaseSettings, "operator", self.run_dir), application_name="stadspuls-demo")
        publisher = MqttPublisher(load(MqttSettings, "simulator", self.run_dir), client_id="stadspuls-simulator")
        await publisher.start()
        try:
            simulation = await self._make_city(pool)
            await self._send_history(simulation, publisher)
            with self.steps.next():
                await self._settle(pool, simulation)
            await self._forecast(pool, simulation)
            plan_date = await self._plan(api, simulation)
            summary = await self._summary(api, pool, simulation, plan_date)
            self._show(summary)
            await self._live(simulation, publisher, api)
            await self._settle(pool, simulation)
            summary = await self._summary(api, pool, simulation, plan_date)
            self._write(summary, api, plan_date)
        finally:
            await publisher.stop()
            await pool.close()
        return summary.passed

    async def _start(self) -> Api:
        with self.steps.next():
            await asyncio.to_thread(
                stack.up,
                self.run_dir,
                services=("mqtt-to-kafka", "store", "api", "canary"),
                owner_pid=os.getpid(),
                report=self.steps.say,
            )
            api = Api(self.page)
            if not api.page_is_alive():
                raise StadspulsError(f"the page does not answer at {self.page}: see {self.run_dir}/logs/api.log")
            self.seconds_to_page = time.monotonic() - self.began
            self.steps.say(f"the page is alive: {self.page}")
        return api

    @property
    def page(self) -> str:
        return load(CanarySettings, "canary", self.run_dir).canary_api_address

    async def _make_city(self, pool: Any) -> Simulation:
        with self.steps.next():
            simulation = await asyncio.to_thread(open_simulation, self.run_dir / "city", self.settings)
            files = await asyncio.to_thread(simulation.write_registry)
            async with pool.acquire() as connection:
                outcome = await import_registry(connection, files)
            self.steps.say(f"registered: {outcome}")
        return simulation

    async def _send_history(self, simulation: Simulation, publisher: MqttPublisher) -> None:
        with self.steps.next():
            expected, already = simulation.expected_history_messages(), simulation.ledger.total().messages_sent
            if simulation.history_is_sent:
                self.steps.say(
                    f"the history of {already:,} messages is there from an earlier run; the city goes on from where it stopped"
                )
                self.back_after_s = await asyncio.to_thread(kill_and_wait, self.run_dir, "store")
                self.killed_at = already
                return
            progress = _HistoryProgress(self.steps, expected, already)
            killer = asyncio.create_task(self._kill_on_the_way(progress, expected))
            await send_history(simulation, publisher, self.stop, progress.show)
            await killer
            self.rate = progress.rate

    async def _kill_on_the_way(self, progress: _HistoryProgress, expected: int) -> None:
        await progress.reached(round(KILL_AT_SHARE * expected))
        self.killed_at = progress.sent
        self.steps.say(f"kill -9 of the service store after {self.killed_at:,} messages")
        self.back_after_s = await asyncio.to_thread(kill_and_wait, self.run_dir, "store")
        self.steps.say(f"store is back {self.back_after_s:.1f} s later; Kafka kept what came meanwhile")

    async def _settle(self, pool: Any, simulation: Simulation) -> None:
        """Waits until as many readings and dead letters are stored as the simulator expects, or nothing moves any more."""
        total = simulation.ledger.total()
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            found = await stored(pool)
            if (
                found.readings >= total.readings_expected
                and found.dead_lettered >= total.dead_letters_expected
                and found.received >= total.messages_sent
            ):
                return
            self.steps.progress(f"{found.readings:,} of {total.readings_expected:,} readings are stored")
            await asyncio.sleep(1)
        self.steps.say(f"after {SETTLE_SECONDS:g} s not everything has arrived")

    async def _forecast(self, pool: Any, simulation: Simulation) -> None:
        with self.steps.next():
            self._set_city_clock(simulation, speed=0)
            await self._start_service("forecast")
            wanted = self.settings.sizes.containers
            await self._until(lambda: self._forecasts_are_there(pool, wanted), FORECAST_SECONDS)

    @property
    def _clock_file(self) -> Path:
        return self.run_dir / "city" / "clock.json"

    def _set_city_clock(self, simulation: Simulation, speed: float) -> None:
        """Forecasts and plans count from the city's time, which lags behind ours until it has caught up."""
        write_city_clock(self._clock_file, _city_time(simulation), datetime.now(UTC), speed)

    async def _start_service(self, name: str) -> None:
        environment = {"STADSPULS_CITY_CLOCK_FILE": str(self._clock_file)}
        await asyncio.to_thread(stack.start_services, self.run_dir, [name], environment=environment, set_up_first=False)

    async def _forecasts_are_there(self, pool: Any, wanted: int) -> bool:
        found = await hours_to_full(pool)
        self.steps.progress(f"{len(found)} of {wanted} containers have a forecast")
        return len(found) >= wanted

    async def _plan(self, api: Api, simulation: Simulation) -> date:
        with self.steps.next():
            await self._start_service("plan")
            await self._start_service("maintain")
            zone = load(CitySettings, "operator", self.run_dir).zone
            weekdays = collection_weekdays(load(PlanSettings, "operator", self.run_dir).plan_weekdays)
            coming = next_collection_day(_city_time(simulation).astimezone(zone).date(), weekdays)
            await self._until(lambda: self._plan_is_there(api, coming), PLAN_SECONDS)
        return coming

    async def _plan_is_there(self, api: Api, plan_date: date) -> bool:
        day = await asyncio.to_thread(api.ask, f"/v1/plans/{plan_date}")
        things = await asyncio.to_thread(api.ask, "/v1/things?thingType=container")
        wanted = {thing["fraction"] for thing in (things or {"things": []})["things"]}
        found = {plan["fraction"] for plan in (day or {"plans": []})["plans"]}
        self.steps.progress(f"plans of {len(found)} of {len(wanted)} fractions are made")
        return bool(wanted) and found >= wanted

    async def _until(self, there: Callable[[], Any], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not await there():
            if time.monotonic() > deadline:
                self.steps.say(f"after {seconds:g} s that is not complete; the summary says what is missing")
                return
            await asyncio.sleep(1)

    async def _live(self, simulation: Simulation, publisher: MqttPublisher, api: Api) -> None:
        until = "until Ctrl-C" if self.live_seconds is None else f"for {self.live_seconds:g} s"
        print(f"The city lives on at {self.speed:g} times the speed of time {until}. Look at it: {self.page}", flush=True)
        if self.live_seconds is not None:
            asyncio.get_running_loop().call_later(self.live_seconds, self.stop.set)
        self.lives = True
        self._set_city_clock(simulation, speed=self.speed)
        await live(simulation, publisher, SystemClock(), self.stop, speed=self.speed, on_progress=self._say_live)

    def _say_live(self, progress: Progress) -> None:
        moment = datetime.fromtimestamp(progress.simulated_s, UTC).astimezone(load(CitySettings, "operator", self.run_dir).zone)
        self.steps.progress(f"city time {moment:%a %d %b %H:%M}, {progress.sent:,} messages sent")

    async def _summary(self, api: Api, pool: Any, simulation: Simulation, plan_date: date) -> DemoSummary:
        state = stack.status(self.run_dir)
        day = await asyncio.to_thread(api.ask, f"/v1/plans/{plan_date}")
        things = await asyncio.to_thread(api.ask, "/v1/things")
        return DemoSummary(
            city=load(CitySettings, "operator", self.run_dir).city_name,
            engine=state.engine if state else "gone",
            seconds_to_page=round(self.seconds_to_page, 1),
            seconds_to_plan=round(sum(self.steps.took_s.values()), 1),
            step_seconds=self.steps.took_s,
            store_killed_at=self.killed_at,
            store_back_after_s=round(self.back_after_s, 1),
            history_messages_per_s=round(self.rate, 0),
            ledger=_ledger(simulation, await stored(pool)),
            fill=fill_summary(things["things"] if things else [], await hours_to_full(pool)),
            plan=plan_summary(day) if day else None,
            page=self.page,
        )

    def _show(self, summary: DemoSummary) -> None:
        print("\n" + "\n".join(f"  * {line}" for line in sentences(summary)) + "\n", flush=True)

    def _write(self, summary: DemoSummary, api: Api, plan_date: date) -> None:
        """`demo-summary.json` and `demo-report.html`, with the same figures."""
        (self.output / "demo-summary.json").write_text(summary.model_dump_json(indent=2) + "\n", encoding="utf-8")
        things = (api.ask("/v1/things") or {"things": []})["things"]
        write_report(
            self.output / "demo-report.html",
            summary,
            api.ask("/v1/map") or {"features": []},
            things,
            api.ask(f"/v1/plans/{plan_date}"),
            _example(api, things),
        )
        self._show(summary)
        print(f"Written: {self.output / 'demo-summary.json'} and {self.output / 'demo-report.html'}", flush=True)


class _HistoryProgress:
    """Rate and time left of the history, written at most twice a second."""

    def __init__(self, steps: Steps, expected: int, already: int) -> None:
        self.sent = already
        self._steps, self._expected, self._already = steps, max(1, expected), already
        self._began = self._written = time.monotonic()
        self._wanted, self._there = expected, asyncio.Event()

    @property
    def rate(self) -> float:
        return (self.sent - self._already) / max(1e-3, time.monotonic() - self._began)

    async def reached(self, messages: int) -> None:
        """Returns when so many messages are sent."""
        self._wanted = messages
        await self._there.wait()

    def show(self, progress: Progress) -> None:
        self.sent = progress.sent
        if self.sent >= self._wanted:
            self._there.set()
        if time.monotonic() - self._written < (0.5 if os.isatty(1) else 10):
            return
        self._written = time.monotonic()
        left_s = max(0.0, self._expected - self.sent) / max(1.0, self.rate)
        self._steps.progress(
            f"{self.sent:,} of about {self._expected:,} messages sent, {self.rate:,.0f} a second, {int(left_s) // 60}:{int(left_s) % 60:02d} min left"
        )


def _city_time(simulation: Simulation) -> datetime:
    """Until when the city has sent: the present of all that lives in it."""
    return datetime.fromtimestamp(simulation.position.hour_s, UTC)


def _ledger(simulation: Simulation, found: Stored) -> Ledger:
    total = simulation.ledger.total()
    missing = max(0, total.readings_expected - found.readings) + max(0, total.dead_letters_expected - found.dead_lettered)
    return Ledger(
        sent=total.messages_sent,
        received=found.received,
        stored=found.readings,
        duplicate=found.duplicates,
        dead_lettered=found.dead_lettered,
        without_reading=found.without_reading,
        lost=missing,
        imbalance=found.imbalance,
        expected_stored=total.readings_expected,
        expected_dead_lettered=total.dead_letters_expected,
    )


def _example(api: Api, things: list[dict[str, Any]]) -> dict[str, Any] | None:
    """A container that is filling up and has a forecast: its picture says most."""
    containers = [thing for thing in things if thing["thing_type"] == "container" and thing["values"].get("fill_ratio") is not None]
    for thing in sorted(containers, key=lambda thing: abs(float(thing["values"]["fill_ratio"]) - 0.6)):
        forecast = api.ask(f"/v1/containers/{thing['thing_id']}/forecast")
        history = api.ask(f"/v1/containers/{thing['thing_id']}/history")
        if forecast and history:
            return {"container_id": thing["thing_id"], "history": history["points"], "forecast": forecast}
    return None
