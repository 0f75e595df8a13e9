"""A few processes of the render worker: each serves one request at a time, the others wait in order."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from todoke.model.telemetry import Silent, Telemetry
from todoke.model.trees import Tree
from todoke.render.worker.answers import Answers
from todoke.render.worker.frames import PROTOCOL, Verdict
from todoke.render.worker.outcomes import Ended, EngineFailed, Limits, Output, Reason
from todoke.render.worker.process import Process

log = logging.getLogger(__name__)

_ENGINES = {"kustomize": "Kustomize", "helm": "Helm", "jsonnet": "Jsonnet", "template": "the template"}
_EXPECTED = frozenset(("abandoned", "closed", "recycled"))
_USUAL, _SILENT = Limits(), Silent()


class Workers:
    """The pool. Nothing is started before the first request."""

    def __init__(self, program: Path | None, limits: Limits = _USUAL, telemetry: Telemetry = _SILENT) -> None:
        """Args: program: None where it was not built; requests then fail and say so."""
        self._program, self._limits, self._telemetry = program, limits, telemetry
        self._places = asyncio.Semaphore(limits.processes)
        self._idle: list[Process] = []
        self._live: set[Process] = set()
        self._versions: Mapping[str, str] = {}
        self._closed = False

    @property
    def limits(self) -> Limits:
        """What one request may take."""
        return self._limits

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of the engines, as the process that was started last named them; empty before the first one."""
        return MappingProxyType(self._versions)

    async def identity(self) -> str:
        """A digest that changes whenever another program may make something else of the same request and tree.

        Raises: EngineFailed: there is no program, or it does not start.
        """
        if not self._versions:
            try:
                async with self._places:
                    await self._put_back(await self._taken())
            except Ended as ended:
                raise EngineFailed(ended.problem) from ended
        said = msgspec.json.encode({"protocol": PROTOCOL, **self._versions}, order="deterministic")
        return hashlib.sha256(said).hexdigest()

    async def run(self, request: Mapping[str, Any], tree: Tree) -> Output:
        """Have an engine carry out a request of the protocol on a tree.

        When this is cancelled, the process that worked on it is ended.
        Raises: EngineFailed: the engine refused, took too much or died. What the tree raises, passes through.
        """
        engine = str(request.get("engine", ""))
        body = msgspec.json.encode(request)
        async with self._places:
            started = time.perf_counter()
            outcome = "ended"
            try:
                output, verdict, answers = await self._carried_out(body, tree)
                _check(verdict, answers)
                outcome = "rendered"
                return Output(output, answers.looks)
            except EngineFailed:
                outcome = "failed"
                raise
            except Ended as ended:
                name = _ENGINES.get(engine, "the engine")
                text = ended.problem if ended.reason == "start" else f"{name} {ended.problem}"
                raise EngineFailed(text) from ended
            finally:
                self._telemetry.count("todoke_render_requests_total", engine=engine, outcome=outcome)
                self._telemetry.observe("todoke_render_duration_seconds", time.perf_counter() - started, engine=engine)

    async def close(self) -> None:
        """End all processes and wait for their end. Requests that run or wait fail."""
        self._closed = True
        self._idle.clear()
        await asyncio.gather(*(self._end(process, "closed") for process in list(self._live)))
        for _ in range(self._limits.processes):  # those who had a place or waited for one leave first
            await self._places.acquire()
        for _ in range(self._limits.processes):
            self._places.release()

    async def _carried_out(self, body: bytes, tree: Tree) -> tuple[bytes, Verdict, Answers]:
        try:
            return await self._tried(body, tree)
        except Ended as ended:
            if ended.reason != "killed":
                raise
        return await self._tried(body, tree)  # it was no fault of this request

    async def _tried(self, body: bytes, tree: Tree) -> tuple[bytes, Verdict, Answers]:
        process = await self._taken()
        answers = Answers(tree, self._limits)
        try:
            output, verdict = await process.converse(body, answers)
        except BaseException as error:
            await self._end(process, error.reason if isinstance(error, Ended) else "abandoned")
            raise
        await self._put_back(process)
        return output, verdict, answers

    async def _taken(self) -> Process:
        """A process that is ready, the one that was used last if there is one."""
        while self._idle:
            process = self._idle.pop()
            if process.is_ready:
                return process
            await self._end(process, "gone")
        self._check_open()
        if self._program is None:
            raise Ended("start", "the render worker is not built: run `make setup`, or set TODOKE_RENDER_WORKER")
        process = await Process.start(self._program, self._limits)
        self._live.add(process)
        try:
            self._check_open()  # it may have been closed while the process was made
            await process.greet()
        except BaseException:
            await self._end(process, "start")
            raise
        self._versions = process.versions
        return process

    def _check_open(self) -> None:
        if self._closed:
            raise Ended("start", "the render worker is closed, because todoke stops")

    async def _put_back(self, process: Process) -> None:
        if self._closed:
            await self._end(process, "closed")
        elif process.is_worn:
            await self._end(process, "recycled")
        else:
            self._idle.append(process)

    async def _end(self, process: Process, reason: Reason) -> None:
        if process in self._live:
            self._live.discard(process)
            self._telemetry.count("todoke_render_worker_ends_total", reason=reason)
            if reason not in _EXPECTED:
                log.warning("a process of the render worker was ended: %s", reason)
        await process.end(reason)


def _check(verdict: Verdict, answers: Answers) -> None:
    """Raises: EngineFailed: the request failed. One that was refused has failed, whatever the engine made of it."""
    refused = answers.refused
    if refused and refused not in verdict.error:
        raise EngineFailed(refused, looks=answers.looks)
    if verdict.error:
        raise EngineFailed(verdict.error, verdict.missing, answers.looks, verdict.wanted)
