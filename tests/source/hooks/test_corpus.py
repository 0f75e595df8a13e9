"""Recorded events and decisions of Argo CD's webhooks, played on ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.cases import corpus_cases, corpus_file
from todoke.delivery.pushes import may_move
from todoke.model.sources import place_of
from todoke.model.webhooks import NotUnderstood, Push
from todoke.source.hooks.events import read_event

URL = "https://git.example.org/shop.git"
NO_PUSH = {
    "argocd/ghcr-package-event": "of OCI packages nothing is heard yet",
    "appset/WebHook from a GitHub repository via pull_request opened event": "there is no pull request generator yet",
}
NO_PAYLOAD = ("Parse", "normalizeOCI")  # packages of an OCI registry
NOT_OURS = ("GetAPIURLRegex", "isHeadTouched", "affectedRevisionInfo")
"""Addresses of forges' APIs; a question to Bitbucket's API; payloads that the corpus does not hold."""


def events(case: dict[str, Any]) -> tuple[Push, ...]:
    return read_event(case["headers"], json.dumps(case["payload"]).encode()).pushes


@corpus_cases("webhook/argocd.yaml", lambda case: case["id"] not in NO_PUSH)
def test_recorded_events_of_argo_cd(case: dict[str, Any]) -> None:
    pushes, expected = events(case), case["expected"]["events"]
    assert bool(pushes) == bool(expected)
    for event in expected:  # one for each URL there
        (push,) = [push for push in pushes if place_of(event["repo"]) in map(place_of, push.urls)]
        assert may_move(event["revision"], push)
        assert (push.ref == f"refs/heads/{push.default_branch}") is event["touched_head"] or not push.default_branch
        assert may_move("HEAD", push) is event["touched_head"]
        assert not may_move("another-branch", push)


@corpus_cases("webhook/a*.yaml", lambda case: case.get("id") in NO_PUSH)
def test_recorded_events_that_are_no_pushes_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(NotUnderstood, match="push and ping are understood"):
        events(case)


@corpus_cases("webhook/appset.yaml", lambda case: case["id"] not in NO_PUSH)
def test_recorded_events_concern_the_same_repositories_as_there(case: dict[str, Any]) -> None:
    sets = [found for found in yaml.safe_load_all(corpus_file("webhook/appset-objects.yaml").read_text()) if found]
    pushes = events(case)
    concerned = {
        found["metadata"]["name"]
        for found in sets
        for generator in (found.get("spec") or {}).get("generators") or ()
        if (git := generator.get("git"))
        for push in pushes
        if place_of(git["repoURL"]) in map(place_of, push.urls) and may_move(git.get("revision", ""), push)
    }
    known = {name for name in case["expected"]["application_sets"] if name.startswith(("git-", "github-shorthand"))}
    assert concerned == (known if case["expected"]["refresh"] else set())


@corpus_cases("webhook/urls.yaml", lambda case: case["call"] == "GetWebURLRegex")
def test_urls_of_one_repository(case: dict[str, Any]) -> None:
    places = [place_of(case["args"][name]) for name in ("webURL", "repository_url")]
    (expected,) = case["expect"]
    assert (places[0] == places[1] and places[0] != "") is expected["value"]


@corpus_cases("webhook/urls.yaml", lambda case: case["call"] == "sourceRevisionHasChanged")
def test_which_revisions_a_push_may_move(case: dict[str, Any]) -> None:
    args, (expected,) = case["args"], case["expect"]
    told = args["revision"]
    pushes = of_payload(told["of_payload"]) if isinstance(told, dict) else [Push((URL,), told)]
    default = pushes[0].ref if args["touchedHead"] and pushes else "some-other"
    wanted = args["source"].get("targetRevision", "")
    moved = [may_move(wanted, Push(push.urls, push.ref, default_branch=default)) for push in pushes]
    assert any(moved) is expected["value"]


def of_payload(payload: dict[str, Any]) -> list[Push]:
    """The pushes in what the corpus holds of a payload; the repository is added, which it leaves out."""
    if "$result" in payload:
        args = payload["$result"]["args"]
        body = json.loads(args["1"].replace("%q", json.dumps(args["2"])))
        body["repository"] = {"links": {"html": {"href": URL}}}
        return list(read_event({"X-Hook-UUID": "1", "X-Event-Key": "repo:push"}, json.dumps(body).encode()).pushes)
    kind, body = payload.get("$type", ""), {name: value for name, value in payload.items() if name != "$type"}
    if not kind:  # Azure DevOps
        body = {"eventType": "git.push", "resource": {"repository": {"remoteUrl": URL}} | body}
        headers = {"X-Vss-Activityid": "1"}
    elif kind.startswith("bitbucket-server"):
        body["repository"] = {"links": {"clone": [{"href": URL}]}}
        body["changes"] = [{"ref": change["reference"]} for change in body["changes"]]
        headers = {"X-Event-Key": "repo:refs_changed"}
    elif kind.startswith("gitlab"):
        body["project"] = {"git_http_url": URL}
        headers = {"X-Gitlab-Event": "Tag Push Hook" if "Tag" in kind else "Push Hook"}
    else:
        body["repository"] = {"clone_url": URL}
        headers = {"X-Gogs-Event" if "gogs" in kind else "X-GitHub-Event": "push"}
    return list(read_event(headers, json.dumps(body).encode()).pushes)


def test_all_other_cases_of_urls_are_named() -> None:
    calls: dict[str, int] = {}
    for case in yaml.safe_load_all(corpus_file("webhook/urls.yaml").read_text()):
        if case:
            calls[case["call"]] = calls.get(case["call"], 0) + 1
    assert set(calls) == {"GetWebURLRegex", "sourceRevisionHasChanged", *NO_PAYLOAD, *NOT_OURS}
