"""The supervisor, with small processes instead of servers: what dies starts again, what is asked to stop is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import layout, stack
from deploy.local.processes import ProcessSpec, StackState, is_same_process, read_state, write_desired
from deploy.local.readiness import wait_until
from deploy.local.set_up import _start_supervisor
from deploy.local.supervisor import exit_sentence, restart_delay
from models.domain.failures import UserError

pytestmark = pytest.mark.lengthy


def spec(run: layout.RunDirectory, name: str, script: str, role: str = "server", **more: object) -> ProcessSpec:
    """A process that runs a line of shell."""
    return ProcessSpec(name=name, role=role, argv=("/bin/sh", "-c", script), log=str(run.log(name)), **more)  # type: ignore[arg-type]  # keywords of a test


@pytest.fixture
def run(tmp_path: Path) -> Iterator[layout.RunDirectory]:
    directory = layout.RunDirectory(tmp_path, None, tmp_path / "data")
    for folder in (directory.env, directory.logs):
        folder.mkdir()
    yield directory
    stack.down(tmp_path)


def supervise(run: layout.RunDirectory, *specs: ProcessSpec, owner_pid: int | None = None) -> StackState:
    write_desired(run.desired_file, "plain", list(specs), owner_pid=owner_pid)
    _start_supervisor(run)
    until(lambda: len(state_of(run).processes) == len(specs))
    return state_of(run)


def state_of(run: layout.RunDirectory) -> StackState:
    state = read_state(run.state_file)
    assert state is not None
    return state


def until(condition: Callable[[], bool]) -> None:
    assert wait_until(condition, timeout_seconds=10)


def test_delays_double_up_to_half_a_minute() -> None:
    assert [restart_delay(deaths) for deaths in (1, 2, 3, 4, 7, 50)] == [0.5, 1, 2, 4, 30, 30]


def test_an_exit_is_told_in_words() -> None:
    assert exit_sentence(3) == "ended with status 3"
    assert exit_sentence(-9) == "was ended by SIGKILL"


def test_a_killed_process_is_started_again_with_a_new_pid(run: layout.RunDirectory) -> None:
    before = supervise(run, spec(run, "sleeper", "exec sleep 100")).process("sleeper")
    os.kill(before.pid, signal.SIGKILL)
    until(lambda: state_of(run).process("sleeper").restarts == 1 and state_of(run).process("sleeper").alive)
    after = state_of(run).process("sleeper")
    assert after.pid != before.pid
    assert after.last_exit == "was ended by SIGKILL"


def test_a_process_that_always_fails_is_tried_less_and_less_often(run: layout.RunDirectory) -> None:
    supervise(run, spec(run, "failing", "echo broken; exit 7"))
    until(lambda: state_of(run).process("failing").restarts >= 2)
    time.sleep(1.0)
    assert state_of(run).process("failing").restarts == 2  # the third waits two seconds
    assert state_of(run).process("failing").last_exit == "ended with status 7"
    assert run.log("failing").read_text() == "broken\n" * 3


def test_a_program_that_does_not_exist_is_told_and_kills_nothing_else(run: layout.RunDirectory) -> None:
    missing = ProcessSpec(name="missing", role="server", argv=("/no/such/program",), log=str(run.log("missing")))
    state = supervise(run, missing, spec(run, "sleeper", "exec sleep 100"))
    assert state.process("missing").last_exit.startswith("could not be started")
    assert state.process("sleeper").alive


def test_down_stops_services_before_servers_and_leaves_nothing(run: layout.RunDirectory) -> None:
    order = run.root / "order"
    state = supervise(
        run,
        spec(run, "broker", f"trap 'echo broker >> {order}; exit' TERM; while :; do sleep 0.05; done"),
        spec(run, "worker", f"trap 'sleep 0.3; echo worker >> {order}; exit' TERM; while :; do sleep 0.05; done", "service"),
    )
    time.sleep(0.2)  # the shells set their traps
    assert stack.down(run.root)
    assert order.read_text().split() == ["worker", "broker"]
    assert not any(is_same_process(process.pid, process.started_at) for process in state.processes)
    assert stack.status(run.root) is None
    assert not stack.down(run.root)


def test_a_process_that_does_not_stop_in_time_is_killed_with_its_children(run: layout.RunDirectory) -> None:
    state = supervise(run, spec(run, "stubborn", "trap '' TERM; while :; do sleep 0.1; done", stop_seconds=0.5))
    time.sleep(0.2)
    stack.down(run.root)
    assert not is_same_process(state.process("stubborn").pid, state.process("stubborn").started_at)
    assert "did not stop within 0.5 s and is killed" in run.log("supervisor").read_text()


def test_children_stop_when_the_supervisor_is_killed_and_down_cleans_up(run: layout.RunDirectory) -> None:
    state = supervise(run, spec(run, "sleeper", "exec sleep 100"))
    os.kill(state.supervisor_pid, signal.SIGKILL)
    until(lambda: not state_of(run).process("sleeper").alive)
    assert not state_of(run).alive
    assert stack.down(run.root)
    assert not run.state_file.exists()


def test_a_second_supervisor_leaves_the_first_alone(run: layout.RunDirectory) -> None:
    state = supervise(run, spec(run, "sleeper", "exec sleep 100"))
    subprocess.run([sys.executable, "-m", "deploy.local.supervisor", str(run.root)], check=True)
    until(lambda: "another supervisor holds this run directory" in run.log("supervisor").read_text())
    assert state_of(run).supervisor_pid == state.supervisor_pid
    assert state_of(run).process("sleeper").pid == state.process("sleeper").pid


def test_services_come_and_go_without_touching_the_rest(run: layout.RunDirectory) -> None:
    sleeper, other = spec(run, "sleeper", "exec sleep 100"), spec(run, "other", "exec sleep 100", "service")
    first = supervise(run, sleeper).process("sleeper")
    write_desired(run.desired_file, "plain", [sleeper, other], owner_pid=None)
    until(lambda: len(state_of(run).processes) == 2)
    added = state_of(run).process("other")
    state = stack.stop_services(run.root, ["other"])
    assert [process.pid for process in state.processes] == [first.pid]
    assert not is_same_process(added.pid, added.started_at)


def test_the_stack_stops_when_its_owner_ends(run: layout.RunDirectory) -> None:
    owner = subprocess.Popen(["sleep", "100"])
    state = supervise(run, spec(run, "sleeper", "exec sleep 100"), owner_pid=owner.pid)
    owner.kill()
    owner.wait()
    until(lambda: stack.status(run.root) is None)
    assert not is_same_process(state.process("sleeper").pid, state.process("sleeper").started_at)


def test_a_server_sees_nothing_of_our_environment_and_a_service_does(
    run: layout.RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_SECRET", "seen")
    script = 'echo "[$OUR_SECRET]"; exec sleep 100'
    supervise(run, spec(run, "server", script), spec(run, "service", script, "service"))
    until(lambda: run.log("server").read_text() != "" and run.log("service").read_text() != "")
    assert run.log("server").read_text() == "[]\n"
    assert run.log("service").read_text() == "[seen]\n"


def test_stopping_a_service_without_a_stack_is_a_mistake_that_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no stack runs"):
        stack.stop_services(tmp_path, ["store"])
