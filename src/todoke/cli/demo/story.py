"""The story, step by step. Each runs what a person would type, and reads from the cluster what came of it."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from todoke.cli.demo.cluster import APPLICATION, Body
from todoke.cli.demo.manifests import BROKEN, FIRST, FOLDER, SECOND, WEB
from todoke.cli.demo.scene import (
    Scene,
    StoryFailed,
    delivered,
    health_of,
    operation_of,
    state_facts,
    sync_of,
)
from todoke.cli.demo.summary import Facts

TWO, EDITED, AGAIN = 2, 5, 7  # replicas: of Git, and of two people in a hurry
_APP = ("todoke", "app")


class Step(NamedTuple):
    """One step: `play` gives a sentence on what has happened, and the facts."""

    name: str
    title: str
    sentence: str
    play: Callable[[Scene], Awaitable[tuple[str, Facts]]]


async def _register(scene: Scene) -> tuple[str, Facts]:
    where = ("--repo", scene.repository, "--path", FOLDER, "--dest-namespace", scene.cluster.namespace)
    await scene.run(*_APP, "create", APPLICATION, *where)
    await scene.application("todoke has compared Git with the cluster", lambda body: sync_of(body)[0] == "OutOfSync")
    await scene.run(*_APP, "get", APPLICATION, most=10)
    facts = await _facts(scene)
    there = await scene.cluster.objects()
    said = "OutOfSync: Git describes a service, and the cluster has nothing of it. Nothing is delivered unasked."
    return said, facts | {"objects": there}


async def _diff(scene: Scene) -> tuple[str, Facts]:
    await scene.run(*_APP, "diff", APPLICATION, most=12, codes=(1,))
    body = await scene.cluster.application()
    missing = [
        f"{resource['kind']}/{resource['name']}"
        for resource in body["status"]["resources"]
        if resource["status"] == "OutOfSync"
    ]
    return f"{len(missing)} objects would be made: {', '.join(missing)}. Nothing was changed.", {"differing": missing}


async def _sync(scene: Scene) -> tuple[str, Facts]:
    await scene.run(*_APP, "sync", APPLICATION)
    await scene.run(*_APP, "wait", APPLICATION)
    body = await scene.application("it is Synced and Healthy", delivered)
    facts = await _facts(scene) | {"phase": operation_of(body)["phase"], "objects": await scene.cluster.objects()}
    return f"Synced and Healthy: {facts['ready']} Pods of {facts['image']} run.", facts


async def _release(scene: Scene) -> tuple[str, Facts]:
    await scene.run(*_APP, "set", APPLICATION, "--sync-policy", "automated", "--auto-prune")
    scene.edit(WEB, FIRST, SECOND)
    commit = await scene.push("Release 3.10")
    body = await scene.application("the release is live and healthy", lambda body: delivered(body, commit))
    await scene.run(*_APP, "history", APPLICATION)
    automated = (operation_of(body)["operation"].get("initiatedBy") or {}).get("automated", False)
    facts = await _facts(scene) | {"automated": automated}
    return f"The commit is live: {facts['image']} at {facts['revision'][:8]}. Nobody had to ask.", facts


async def _edit(scene: Scene) -> tuple[str, Facts]:
    await scene.scale(EDITED)
    live = await scene.until("the edit is live", scene.cluster.deployment, _has_replicas(EDITED), _replicas_line)
    author = editor_of(live)
    await scene.run(*_APP, "plan", APPLICATION)
    await scene.run(*_APP, "set", APPLICATION, "--self-heal")
    await _healed(scene, live)
    scene.teller.say("Healed. From now on it does so by itself. Another try:")
    before = await scene.cluster.deployment()
    await scene.scale(AGAIN)
    await _healed(scene, before)
    facts = await _facts(scene)
    operation = operation_of(await scene.cluster.application())
    heals = (operation["operation"].get("sync") or {}).get("autoHealAttemptsCount")
    (record,) = [entry["message"] for entry in operation["syncResult"]["resources"] if entry["kind"] == "Deployment"]
    said = f"Undone: {facts['replicas']} replicas again, as Git says. Its record names who was overruled: {record}."
    return said, facts | {"edited_by": author, "edited_to": live["spec"]["replicas"], "heals": heals, "record": record}


async def _break(scene: Scene) -> tuple[str, Facts]:
    scene.edit(WEB, SECOND, BROKEN)
    commit = await scene.push("Release 3.11")
    body = await scene.application(
        "the broken release shows", lambda body: health_of(body)[0] == "Degraded" and sync_of(body)[1] == commit
    )
    await scene.run(*_APP, "get", APPLICATION, most=12)
    reasons = await scene.cluster.waiting_reasons()
    facts = await _facts(scene) | {"reason": health_of(body)[1], "pod": reasons[0] if reasons else ""}
    said = (
        f"Degraded, and the Pod's own reason stands there. The {facts['ready']} Pods of the last release still serve."
    )
    return said, facts


async def _undo(scene: Scene) -> tuple[str, Facts]:
    bad = sync_of(await scene.cluster.application())[1]
    await scene.run(*_APP, "rollback", APPLICATION, "--push")
    body = await scene.application(
        "it is healthy again", lambda body: delivered(body) and sync_of(body)[1] not in ("", bad)
    )
    await scene.run("git", "pull", shown=False)
    await scene.run("git", "log", "--oneline", "--max-count=3")
    facts = await _facts(scene) | {"undone": bad, "commit": sync_of(body)[1]}
    return f"Healthy: {facts['image']} is back, by a commit that everybody can read. Git still tells the truth.", facts


async def _guard(scene: Scene) -> tuple[str, Facts]:
    before = await scene.cluster.objects()
    doomed = sorted(path.relative_to(scene.clone).as_posix() for path in (scene.clone / FOLDER).iterdir())
    await scene.run("git", "rm", "--quiet", *(path for path in doomed if path != WEB))
    commit = await scene.push("Tidy up")
    body = await scene.application("the guard speaks", lambda body: sync_of(body)[1] == commit and held(body))
    await scene.run(*_APP, "plan", APPLICATION, most=14)
    after, condition = await scene.cluster.objects(), held(body)
    if after != before:
        raise StoryFailed(APPLICATION, f"the guard did not hold: {', '.join(after)} of {', '.join(before)} are left")
    scene.teller.say("It was a mistake, so it is taken back:")
    await scene.run("git", "revert", "--no-edit", "HEAD", most=2)
    await scene.run("git", "push")
    back = await scene.tip()
    await scene.application("it is as it was", lambda body: delivered(body, back))
    facts = await _facts(scene) | {"held": commit, "condition": condition, "objects": after}
    return f"Held: a person had to look first, and all {len(after)} objects are still there.", facts


STORY = (
    Step(
        "register",
        "Register an application",
        "Tell todoke which folder of which repository belongs where.",
        _register,
    ),
    Step("diff", "Look first", "What would be delivered? Object by object, field by field.", _diff),
    Step("sync", "Deliver by hand", "A person asks for it, and waits until it is healthy.", _sync),
    Step(
        "release",
        "Release by a commit",
        "From now on it follows Git by itself. A release is an edit, a commit and a push.",
        _release,
    ),
    Step(
        "edit",
        "A live edit, healed",
        "Somebody in a hurry changes the cluster and not Git. The plan says who.",
        _edit,
    ),
    Step(
        "break",
        "A broken release",
        "A typing error in the image's name. No Pod can start, and one can see why.",
        _break,
    ),
    Step("undo", "Undo", "One command makes the revert commit, pushes it and follows it until it is healthy.", _undo),
    Step(
        "guard",
        "A dangerous commit",
        "A commit that deletes most of the service. Nobody meant it, so todoke asks first.",
        _guard,
    ),
)


def held(body: Body) -> str:
    """What the guard says in an Application's conditions, "" when it does not hold anything."""
    messages = [c["message"] for c in (body.get("status") or {}).get("conditions") or () if c["type"] == "SyncError"]
    return next((message for message in messages if "waits for a person" in message), "")


def editor_of(deployment: Body) -> str:
    """Who else than todoke holds the number of replicas, by the field managers of the object itself."""
    for entry in deployment["metadata"].get("managedFields") or ():
        spec = (entry.get("fieldsV1") or {}).get("f:spec") or {}
        if "f:replicas" in spec and entry.get("manager") != "todoke":
            return str(entry["manager"])
    return ""


async def _facts(scene: Scene) -> Facts:
    return state_facts(await scene.cluster.application(), await scene.cluster.deployment())


def _has_replicas(number: int) -> Callable[[Body], bool]:
    return lambda body: bool((body.get("spec") or {}).get("replicas") == number)


def _replicas_line(body: Body) -> str:
    return f"{(body.get('spec') or {}).get('replicas')} replicas"


async def _healed(scene: Scene, before: Body) -> None:
    """Wait until the number of replicas is Git's again and all are ready: written once since an edit that was seen,
    else twice."""
    generation = before["metadata"]["generation"] + (0 if before["spec"]["replicas"] == TWO else -1)

    def healed(body: Body) -> bool:
        made, status = body["metadata"]["generation"], body.get("status") or {}
        written = body["spec"]["replicas"] == TWO and made >= generation + 2
        return written and status.get("observedGeneration") == made and status.get("readyReplicas") == TWO

    await scene.until("the edit is undone", scene.cluster.deployment, healed, _replicas_line)
    await scene.application("it is Synced and Healthy", delivered)
