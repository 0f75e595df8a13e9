"""The pool of processes, with a worker that misbehaves on demand: what goes wrong for one request stays with it."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.render.worker.conftest import SCRIPT, Commits, Counted, Link, Pools, install
from tests.render.worker.steps import Heard, about, failure, lives, request
from todoke.model.trees import Look
from todoke.render.worker import EngineFailed, Workers, program
from todoke.source.tree import CommitTree


@pytest.fixture
def tree(commit: Commits) -> CommitTree:
    return commit({"a": "hello", "f/b": "b", "out": Link("../x")})


# What a request gets


async def test_output_and_looks_come_back(scripted: Pools, tree: CommitTree):
    output = await scripted().run(
        request(("print", "1 "), ("ask", "R", "a"), ("ask", "K", "none"), ("ask", "R", "a"), ("print", "2")), tree
    )
    assert output.data == b"1 F hello\nN \nF hello\n2"
    assert output.looks == (Look("a", "read", tree.find("a").id), Look("none", "kind", ""))


async def test_large_files_and_outputs_pass(scripted: Pools, commit: Commits):
    data = b"0123456789abcdef" * 2**18
    output = await scripted().run(request(("ask", "R", "a"), ("flood", 8)), commit({"a": data}))
    assert output.data == b"F " + data + b"\n" + b"x" * 2**23


async def test_an_engines_error_is_passed_on_and_the_process_kept(scripted: Pools, tree: CommitTree):
    pool = scripted()
    missing = {"name": "redis", "version": "^20", "repository": "https://example.com"}
    first = await about(pool, tree)
    with pytest.raises(EngineFailed, match=r"\Afound in Chart.yaml, but missing\Z") as caught:
        await pool.run(request(("fail", "found in Chart.yaml, but missing", [missing])), tree)
    assert caught.value.missing == (missing,)
    assert (await about(pool, tree))["pid"] == first["pid"]


async def test_an_error_too_long_to_be_read_is_cut(scripted: Pools, tree: CommitTree):
    text = await failure(scripted(), tree, ("fail", "x" * 1_000_000))
    assert len(text) < 21_000
    assert text.endswith("(980000 more letters)")


async def test_a_refusal_fails_the_request_even_if_the_engine_goes_on(scripted: Pools, tree: CommitTree):
    text = await failure(scripted(), tree, ("ask", "R", "out"), ("print", "fine"))
    assert text == "the symbolic link out -> ../x leads out of the repository"


async def test_a_refusal_comes_in_the_words_of_the_engine_where_it_has_some(scripted: Pools, tree: CommitTree):
    words = "resources/0: the symbolic link out -> ../x leads out of the repository"
    assert await failure(scripted(), tree, ("ask_quietly", "R", "out"), ("fail", words)) == words
    other = await failure(scripted(), tree, ("ask_quietly", "R", "out"), ("fail", "no such folder"))
    assert other == "the symbolic link out -> ../x leads out of the repository"


async def test_what_the_tree_raises_passes_through(scripted: Pools, tree: CommitTree):
    pool = scripted()
    before = await about(pool, tree)

    def broken(path: str) -> None:
        raise LookupError(path)

    with pytest.raises(LookupError, match="a"):
        await pool.run(request(("ask", "R", "a")), Heard(tree, broken))
    assert not lives(before["pid"])
    assert (await about(pool, tree))["pid"] != before["pid"]


# Processes


async def test_a_process_gets_nothing_but_its_pipes(scripted: Pools, tree: CommitTree):
    told = await about(scripted(memory_mib=100), tree)
    assert (told["environment"], told["limit"], told["folder"]) == (["GOMEMLIMIT"], "80MiB", "/")
    assert told["pid"] == told["group"] == told["session"]
    assert told["files"] == 3


async def test_nothing_starts_before_it_is_needed_and_then_it_is_kept(scripted: Pools, tree: CommitTree):
    pool = scripted(processes=2)
    assert dict(pool.versions) == {}
    pids = {(await about(pool, tree))["pid"] for _ in range(3)}
    assert len(pids) == 1
    assert dict(pool.versions) == {"kustomize": "v5", "helm": "v4", "jsonnet": "v0"}


async def test_identity_is_of_the_program(scripted: Pools, tree: CommitTree, tmp_path: Path):
    newer = install(tmp_path / "repository", SCRIPT.read_text().replace('"helm": "v4"', '"helm": "v5"'))
    identity = await scripted().identity()
    assert identity == await scripted().identity()
    assert identity != await scripted(at=newer).identity()
    pool = scripted()
    await pool.run(request("tell"), tree)
    assert await pool.identity() == identity


async def test_requests_run_side_by_side_in_so_many_processes(scripted: Pools, tree: CommitTree):
    pool = scripted(processes=2)
    told = await asyncio.gather(*(about(pool, tree) for _ in range(12)))
    assert len({one["pid"] for one in told}) == 2


async def test_who_waits_is_served_in_order(scripted: Pools, tree: CommitTree):
    pool = scripted()
    heard = Heard(tree)
    await asyncio.gather(*(pool.run(request(("ask", "K", f"{number}")), heard) for number in range(10)))
    assert [heard.asked.get_nowait() for _ in range(heard.asked.qsize())][::2] == [f"{number}" for number in range(10)]


async def test_a_process_makes_room_after_so_many_requests(scripted: Pools, tree: CommitTree):
    pool = scripted(recycle_after=2)
    pids = [(await about(pool, tree))["pid"] for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert not lives(pids[0])


async def test_a_process_that_grew_large_is_not_kept(scripted: Pools, tree: CommitTree):
    pool = scripted(memory_mib=100)
    before = await about(pool, tree)
    await pool.run(request(("eat", 60)), tree)
    assert (await about(pool, tree))["pid"] != before["pid"]


async def test_a_process_that_died_while_idle_is_replaced(scripted: Pools, tree: CommitTree):
    pool = scripted()
    before = await about(pool, tree)
    os.kill(before["pid"], signal.SIGKILL)
    assert (await about(pool, tree))["pid"] != before["pid"]


# Misbehaviour


@pytest.mark.parametrize(
    ("steps", "limits", "expected"),
    [
        (["hang"], {"seconds": 0.3}, "Helm took longer than 0.3 s and was ended"),
        ([("flood_questions",)], {"seconds": 0.3}, "Helm took longer than 0.3 s and was ended"),
        (["complain_for_ever"], {"seconds": 0.3}, "Helm took longer than 0.3 s and was ended"),
        ([("eat", 5000)], {"memory_mib": 64}, "Helm needed more than 64 MiB of memory and was ended"),
        ([("flood", 5000)], {"output_mib": 2}, "Helm printed more than 2 MiB and was ended"),
        ([("half", 3)], {}, "Helm ended in mid-answer with status 3"),
        ([("exit", 0)], {}, "Helm ended in mid-answer with status 0"),
        ([("die", "SIGSEGV")], {}, "Helm ended in mid-answer with SIGSEGV"),
        (["close_output"], {}, "Helm closed its output in mid-answer and was ended"),
        ([("lie", "O", 2**31)], {}, "Helm was ended, because the render worker sent a frame of 2147483648 bytes"),
        ([("lie", "R", 2**20)], {}, "Helm was ended, because the render worker sent a frame of 1048576 bytes"),
        ([("lie", "Z", 5)], {}, "Helm was ended, because the render worker sent a frame of an unknown kind"),
        ([("lie", "H", 0)], {}, "Helm was ended, because the render worker sent a second greeting"),
        ([("verdict", "{")], {}, "Helm was ended, because the render worker sent JSON that is none"),
        ([("verdict", '{"error": 5}')], {}, "Helm was ended, because the render worker sent JSON that is none"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, list) else "",
)
async def test_a_request_that_misbehaves_fails_alone(
    scripted: Pools, tree: CommitTree, steps: list[object], limits: dict[str, float], expected: str
):
    pool = scripted(processes=2, **limits)
    heard = Heard(tree)
    neighbour, text = await asyncio.gather(
        pool.run(request(*(("ask", "R", "a") for _ in range(20))), tree),
        failure(pool, heard, ("ask_own", "K"), *steps),
    )
    assert text.startswith(expected)
    assert neighbour.data == b"F hello\n" * 20
    assert not lives(int(heard.asked.get_nowait()))
    assert (await pool.run(request(("ask", "R", "a")), tree)).data == b"F hello\n"


async def test_killed_from_outside_is_tried_once_more(scripted: Pools, tree: CommitTree):
    pool = scripted()
    await about(pool, tree)
    victims: list[int] = []

    def kill_first(path: str) -> None:
        if path.isdigit() and not victims:
            victims.append(int(path))
            os.kill(int(path), signal.SIGKILL)

    output = await pool.run(request(("print", "half "), ("ask_own", "K"), ("ask", "R", "a")), Heard(tree, kill_first))
    assert output.data == b"half F hello\n"
    assert [look.path for look in output.looks if look.path == str(victims[0])] == []


async def test_killed_from_outside_twice_is_an_error(scripted: Pools, tree: CommitTree):
    heard = Heard(tree)
    text = await failure(scripted(), heard, ("ask_own", "K"), ("die", "SIGKILL"))
    assert text == "Helm was killed from outside in mid-answer (by SIGKILL)"
    asked = {heard.asked.get_nowait() for _ in range(heard.asked.qsize())}
    assert len(asked) == 2


async def test_last_words_are_those_of_this_request(scripted: Pools, tree: CommitTree):
    pool = scripted()
    before = await about(pool, tree)
    await pool.run(request(("complain", "SECRET of tenant A\n")), tree)
    text = await failure(pool, tree, ("ask_own", "K"), ("exit", 1))
    assert text == "Helm ended in mid-answer with status 1"
    assert not lives(before["pid"])
    words = "first line\nfatal error: stack overflow\n\ngoroutine 1\n"
    own = await failure(pool, tree, ("complain", words), ("exit", 2))
    assert own == "Helm ended in mid-answer with status 2: fatal error: stack overflow"


async def test_an_answer_that_comes_after_the_end_reaches_nobody(scripted: Pools, tree: CommitTree):
    pool = scripted()
    before = await about(pool, tree)
    assert (await pool.run(request(("answer_twice", "of tenant A")), tree)).data == b""
    after = await pool.run(request(("print", "of tenant B")), tree)
    assert after.data == b"of tenant B"
    assert not lives(before["pid"])


async def test_two_hundred_failures_at_once_each_get_their_own_error(scripted: Pools, tree: CommitTree):
    pool = scripted(processes=2)

    def steps(number: int) -> list[tuple[object, ...]]:
        if number % 20 == 7:
            return [("complain", f"failure {number}"), ("exit", 1)]
        return [("complain", f"not {number}"), ("fail", f"failure {number}")]

    texts = await asyncio.gather(*(failure(pool, tree, *steps(number)) for number in range(200)))
    before = {7: "Helm ended in mid-answer with status 1: "}
    assert texts == [f"{before.get(number % 20, '')}failure {number}" for number in range(200)]


# Cancelling and closing


async def test_cancelling_ends_the_process_and_frees_the_place(scripted: Pools, tree: CommitTree):
    pool = scripted()
    heard = Heard(tree)
    running = asyncio.create_task(pool.run(request(("ask_own", "K"), "hang"), heard))
    pid = int(await heard.asked.get())
    waiting = asyncio.create_task(pool.run(request(("ask", "R", "a")), tree))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not lives(pid)
    assert (await waiting).data == b"F hello\n"


async def test_cancelling_one_that_waits_takes_nothing_from_others(scripted: Pools, tree: CommitTree):
    pool = scripted()
    heard = Heard(tree)
    running = asyncio.create_task(pool.run(request(("ask_own", "K"), ("ask", "R", "a")), heard))
    waiting = asyncio.create_task(pool.run(request("hang"), tree))
    await heard.asked.get()
    waiting.cancel()
    assert (await running).data == b"F hello\n"
    assert (await pool.run(request(("print", "1")), tree)).data == b"1"


async def test_closing_ends_all_and_waits(scripted: Pools, tree: CommitTree):
    pool = scripted(processes=2)
    heard = Heard(tree)
    idle = await about(pool, tree)
    running = [asyncio.create_task(failure(pool, heard, ("ask_own", "K"), "hang")) for _ in range(3)]
    pids = {int(await heard.asked.get()) for _ in range(3)}
    await pool.close()
    assert not any(lives(pid) for pid in {idle["pid"], *pids})
    assert {await task for task in running} == {
        "Helm was ended, because todoke stops",
        "the render worker is closed, because todoke stops",
    }
    await pool.close()


async def test_closing_at_any_moment_of_a_request_ends_it(scripted: Pools, tree: CommitTree):
    for moments in range(0, 40, 4):
        pool = scripted()
        running = asyncio.create_task(failure(pool, tree, "hang"))
        for _ in range(moments):
            await asyncio.sleep(0)
        await pool.close()
        assert "todoke stops" in await running


# Starting


async def test_no_program_is_an_error_with_the_next_step(tree: CommitTree):
    assert "`make setup`" in await failure(Workers(None), tree)
    with pytest.raises(EngineFailed, match="make setup"):
        await Workers(None).identity()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "import sys; sys.exit('no such option')",
            "the render worker ended as it started with status 1: no such option",
        ),
        (
            "import os; os.write(1, b'hello, world')",
            "the render worker is not of this version: it sent a frame of an unknown",
        ),
        (
            SCRIPT.read_text().replace('"protocol": 1', '"protocol": 2'),
            "the render worker is not of this version: it sent protocol 2, where 1 is expected",
        ),
    ],
    ids=["exits", "talks", "newer"],
)
async def test_a_program_that_is_no_worker_is_named_as_such(
    scripted: Pools, tree: CommitTree, tmp_path: Path, source: str, expected: str
):
    pool = scripted(at=install(tmp_path / "repository", source))
    assert (await failure(pool, tree)).startswith(expected)


async def test_a_program_that_cannot_be_run_is_named(scripted: Pools, tree: CommitTree, tmp_path: Path):
    absent = tmp_path / "absent"
    problem = f"the render worker {absent} does not start: "
    assert await failure(scripted(at=absent), tree) == f"{problem}No such file or directory"
    absent.write_text("x")
    assert (await failure(scripted(at=absent), tree)).endswith("does not start: Permission denied")


def test_the_program_is_the_one_that_the_environment_names():
    assert program({"TODOKE_RENDER_WORKER": "/opt/render-worker"}) == Path("/opt/render-worker")
    beside = program({})
    assert beside is None or (beside.name, beside.parent.name) == ("render-worker", "bin")


# Figures


async def test_requests_and_ends_are_counted(scripted: Pools, tree: CommitTree):
    counted = Counted()
    pool = scripted(counted, recycle_after=3)
    await pool.run(request(("print", "1")), tree)
    await failure(pool, tree, ("fail", "no"))
    await failure(pool, tree, ("exit", 1))
    await pool.run(request(("print", "1"), engine="kustomize"), tree)
    await pool.close()
    assert counted.counts == {
        "todoke_render_requests_total helm rendered": 1,
        "todoke_render_requests_total helm failed": 1,
        "todoke_render_requests_total helm ended": 1,
        "todoke_render_requests_total kustomize rendered": 1,
        "todoke_render_worker_ends_total exit": 1,
        "todoke_render_worker_ends_total closed": 1,
    }
    assert counted.observed == {
        "todoke_render_duration_seconds helm": 3,
        "todoke_render_duration_seconds kustomize": 1,
    }
