"""What events say, forge by forge; and bodies that nobody honest sends."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import pytest

from todoke.model.sources import place_of
from todoke.model.webhooks import Event, NotUnderstood, Push
from todoke.source.hooks.events import read_event

NEW, OLD, NONE = "b" * 40, "a" * 40, "0" * 40
URL = "https://git.example.org/acme/shop.git"
GITHUB = {"X-GitHub-Event": "push"}
FORM = GITHUB | {"Content-Type": "application/x-www-form-urlencoded"}


def read(headers: dict[str, str], body: Any) -> Event:
    return read_event(headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def push(headers: dict[str, str], body: Any) -> Push:
    (found,) = read(headers, body).pushes
    return found


def github(**fields: Any) -> dict[str, Any]:
    return {
        "ref": "refs/heads/main",
        "before": OLD,
        "after": NEW,
        "repository": {"clone_url": URL, "default_branch": "main"},
        "commits": [commit(added=["shop/a.yaml"]), commit(id=NEW, modified=["shop/b.yaml"], removed=["c.yaml"])],
    } | fields


def commit(**fields: Any) -> dict[str, Any]:
    return {"id": "c" * 40, "added": [], "removed": [], "modified": []} | fields


def test_a_push_to_github() -> None:
    files = ("shop/a.yaml", "c.yaml", "shop/b.yaml")
    assert push(GITHUB, github()) == Push((URL,), "refs/heads/main", NEW, OLD, files, "main")


def test_null_stands_for_no_files() -> None:
    found = push(GITHUB, github(commits=[commit(id=NEW, added=["x"], removed=None, modified=None)]))
    assert found.changed == ("x",)


def test_a_form_says_the_same_as_json() -> None:
    body = github(note="é & ü")
    assert read(FORM, b"payload=" + quote_plus(json.dumps(body)).encode()) == read(GITHUB, body)
    assert read(FORM, b"payload=" + quote_plus(json.dumps(body, ensure_ascii=False)).encode()) == read(GITHUB, body)


def test_a_deleted_branch_has_no_revision() -> None:
    found = push(GITHUB, github(after=NONE, deleted=True, commits=[]))
    assert (found.revision, found.before, found.changed) == ("", OLD, None)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"forced": True}, id="forced: commits went too"),
        pytest.param({"before": NONE}, id="a new branch"),
        pytest.param({"commits": []}, id="none is listed"),
        pytest.param({"commits": None}, id="null"),
        pytest.param({"commits": [commit(added=["x"])]}, id="the newest is not listed"),
        pytest.param({"commits": [commit(id=NEW)]}, id="no file is listed"),
        pytest.param({"commits": [{"id": NEW, "added": ["x"]}]}, id="a list is left out"),
        pytest.param({"commits": [commit(added=["x"])] * 2047 + [commit(id=NEW)]}, id="2048 commits"),
        pytest.param({"commits": [commit(id=NEW, added=[str(n) for n in range(3000)])]}, id="3000 files"),
    ],
)
def test_where_files_may_be_missing_none_is_believed(fields: dict[str, Any]) -> None:
    assert push(GITHUB, github(**fields)).changed is None


@pytest.mark.parametrize("header", ["X-Gitea-Event", "X-Gogs-Event", "X-Forgejo-Event"])
def test_gitea_and_its_kin_go_before_the_github_header_that_they_send_too(header: str) -> None:
    found = read(GITHUB | {header: "push"}, github(total_commits=2))
    assert found.provider == "gogs"
    assert found.pushes[0].changed is not None


@pytest.mark.parametrize("total", [None, 7])
def test_of_gogs_files_are_believed_where_all_commits_are_listed(total: int | None) -> None:
    assert push({"X-Gogs-Event": "push"}, github(total_commits=total)).changed is None


@pytest.mark.parametrize(("kind", "ref"), [("tag", "refs/tags/v1"), ("branch", "refs/heads/v1")])
@pytest.mark.parametrize("event", ["create", "delete"])
def test_gogs_tells_of_tags_by_create_and_delete(event: str, kind: str, ref: str) -> None:
    found = push({"X-Gogs-Event": event}, {"ref": "v1", "ref_type": kind, "repository": {"clone_url": URL}})
    assert (found.ref, found.revision) == (ref, "")


def gitlab(**fields: Any) -> dict[str, Any]:
    project = {"web_url": URL.removesuffix(".git"), "git_http_url": URL, "git_ssh_url": "git@git.example.org:acme/shop"}
    body = github(checkout_sha=NEW, total_commits_count=2, project=project | {"default_branch": "main"})
    return {name: value for name, value in body.items() if name != "repository"} | fields


def test_gitlab_pushes_branches_and_tags() -> None:
    found = push({"X-Gitlab-Event": "Push Hook"}, gitlab())
    assert found.changed == ("shop/a.yaml", "c.yaml", "shop/b.yaml")
    assert {place_of(url) for url in found.urls} == {"git.example.org/acme/shop"}
    tag = gitlab(ref="refs/tags/v1", before=NONE, after="d" * 40)
    assert push({"X-Gitlab-Event": "Tag Push Hook"}, tag).revision == NEW
    gone = gitlab(after=NONE, checkout_sha=None)
    assert push({"X-Gitlab-Event": "Push Hook"}, gone).revision == ""


def test_gitlab_lists_twenty_commits_at_most() -> None:
    assert push({"X-Gitlab-Event": "Push Hook"}, gitlab(total_commits_count=21)).changed is None


def test_a_system_hook_of_gitlab_tells_of_more_than_pushes() -> None:
    headers = {"X-Gitlab-Event": "System Hook"}
    assert read(headers, {"event_name": "user_create", "name": "Hana"}).pushes == ()
    assert push(headers, gitlab(event_name="push")).ref == "refs/heads/main"


def test_several_pushes_in_one_event_of_bitbucket() -> None:
    def ref(name: str, sha: str, kind: str = "branch") -> dict[str, Any]:
        return {"name": name, "type": kind, "target": {"hash": sha}}

    changes = [
        {"old": ref("main", OLD), "new": ref("main", NEW)},
        {"old": None, "new": ref("v1", NEW, "tag")},
        {"old": ref("gone", OLD), "new": None},
    ]
    repository = {"links": {"html": {"href": "https://bitbucket.org/acme/shop"}}}
    event = read(
        {"X-Hook-UUID": "1", "X-Event-Key": "repo:push"}, {"push": {"changes": changes}, "repository": repository}
    )
    assert event.provider == "bitbucket"
    assert [(found.ref, found.before, found.revision) for found in event.pushes] == [
        ("refs/heads/main", OLD, NEW),
        ("refs/tags/v1", "", NEW),
        ("refs/heads/gone", OLD, ""),
    ]


def test_bitbucket_server_names_all_its_urls() -> None:
    links = [
        {"href": "ssh://git@bb.example.org:7999/acme/shop.git"},
        {"href": "https://bb.example.org/scm/acme/shop.git"},
    ]
    body = {
        "changes": [{"ref": {"id": "refs/heads/main"}, "fromHash": OLD, "toHash": NEW}],
        "repository": {"links": {"clone": links}},
    }
    event = read({"X-Event-Key": "repo:refs_changed"}, body)
    assert event == Event(
        "bitbucketserver", (Push(tuple(link["href"] for link in links), "refs/heads/main", NEW, OLD),)
    )


def test_azure_devops_is_known_by_its_ssh_url_too() -> None:
    updates = [{"name": "refs/heads/main", "oldObjectId": OLD, "newObjectId": NEW}]
    remote = "https://acme@dev.azure.com/acme/Shop/_git/web"
    repository = {"remoteUrl": remote, "defaultBranch": "refs/heads/main"}
    body = {"eventType": "git.push", "resource": {"refUpdates": updates, "repository": repository}}
    found = push({"X-Vss-Activityid": "1"}, body)
    assert (found.revision, found.default_branch) == (NEW, "main")
    places = {place_of(url) for url in found.urls}
    assert {
        place_of("git@ssh.dev.azure.com:v3/acme/Shop/web"),
        place_of("https://dev.azure.com/acme/Shop/_git/web"),
    } == places


def test_our_own_form() -> None:
    headers = {"X-Todoke-Event": "push"}
    assert push(headers, {"repository": URL}) == Push((URL,))
    full = {"repository": URL, "ref": "refs/heads/main", "revision": NEW, "before": OLD, "changed": ["a.yaml"]}
    assert push(headers, full) == Push((URL,), "refs/heads/main", NEW, OLD, ("a.yaml",))


@pytest.mark.parametrize(
    "headers",
    [{"X-GitHub-Event": "ping"}, {"X-Event-Key": "diagnostics:ping"}, {"X-Todoke-Event": "ping"}],
)
def test_a_ping_is_heard_and_does_nothing(headers: dict[str, str]) -> None:
    assert read(headers, {"zen": "Keep it logically awesome.", "test": True}).pushes == ()


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, "X-GitHub-Event, X-Gitlab-Event, X-Event-Key"),
        ({"X-GitHub-Event": "issues"}, "'issues': push and ping are understood"),
        ({"X-Gitlab-Event": "Issue Hook"}, "Push Hook, Tag Push Hook and System Hook"),
        ({"X-Gogs-Event": "fork"}, "push, create and delete"),
        ({"X-Hook-UUID": "1", "X-Event-Key": "repo:fork"}, "repo:push is understood"),
        ({"X-Event-Key": "pr:opened"}, "repo:refs_changed and diagnostics:ping"),
        ({"X-Vss-Activityid": "1"}, "git.push is understood"),
        ({"X-Todoke-Event": "pull"}, "push and ping are understood"),
    ],
)
def test_what_is_not_understood_is_told_what_is(headers: dict[str, str], says: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        read(headers, {})
    assert says in str(refused.value)


HOSTILE = {
    "nothing": b"",
    "no JSON": b"ref=main",
    "half": b'{"ref": "refs/heads/main"',
    "a list": b"[]",
    "null": b"null",
    "a number": b"1",
    "deep and skipped": b'{"x":' * 100_000 + b"1" + b"}" * 100_000,
    "deep lists": b'{"commits":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "ref is a number": b'{"ref": 1}',
    "repository is text": b'{"repository": "https://git.example.org/shop.git"}',
    "files are numbers": json.dumps(github(commits=[commit(added=[1])])).encode(),
    "a huge number": b'{"ref": "x", "after": 1' + b"0" * 100_000 + b"}",
    "not UTF-8": b'{"ref": "\xff\xfe"}',
    "half a surrogate": b'{"ref": "\\ud800"}',
    "no repository": json.dumps(github(repository={})).encode(),
    "a URL without end": json.dumps(github(repository={"clone_url": "https://" + "x" * 5000})).encode(),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_body_is_refused_in_words(body: bytes) -> None:
    with pytest.raises(NotUnderstood, match="the body"):
        read(GITHUB, body)


def test_numbers_beyond_measure_where_nobody_looks_do_no_harm() -> None:
    text = json.dumps(github())[:-1] + ', "size": 1' + "0" * 100_000 + ', "more": 1e999999}'
    assert push(GITHUB, text.encode()).revision == NEW


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(GITHUB | {"Content-Type": "text/plain"}, b"{}", id="text"),
        pytest.param(FORM, b"payload=%ff%fe", id="a form that is not UTF-8"),
        pytest.param(FORM, "payload=é".encode(), id="a form that is not encoded"),
        pytest.param(FORM, b"&".join([b"a=1"] * 50), id="a form of many fields"),
        pytest.param(FORM, b"other={}", id="a form without payload"),
        pytest.param({"X-Gitlab-Event": "Push Hook", "Content-Type": FORM["Content-Type"]}, b"payload={}", id="GitLab"),
        pytest.param({"X-Todoke-Event": "push", "Content-Type": "text/plain"}, b"{}", id="what any web page can send"),
    ],
)
def test_other_content_types_are_refused(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(NotUnderstood, match=r"application/json|the body is not the JSON"):
        read(headers, body)


def test_a_form_that_takes_long_to_read_is_refused() -> None:
    with pytest.raises(NotUnderstood, match="larger than 8 MiB: send application/json"):
        read(FORM, b"payload=" + b"x" * 8 * 2**20)


def test_an_event_of_very_many_refs_says_only_that_something_moved() -> None:
    changes = [{"ref": {"id": f"refs/heads/{number}"}, "toHash": NEW} for number in range(101)]
    body = {"changes": changes, "repository": {"links": {"clone": [{"href": URL}]}}}
    assert push({"X-Event-Key": "repo:refs_changed"}, body) == Push((URL,))
