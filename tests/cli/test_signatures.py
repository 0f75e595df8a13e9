"""Commands on an application whose project wants signatures."""

import pytest

from tests.cli.conftest import URL, WEB, Workshop, body_of

KEY = "4AEE18F83AFDEB23"


@pytest.fixture
def guarded(workshop: Workshop) -> Workshop:
    """The application's project wants signatures; its first commit has one."""
    spec = {
        "sourceRepos": ["*"],
        "destinations": [{"server": "*", "namespace": "*"}],
        "signatureKeys": [{"keyID": KEY}],
    }
    workshop.applications.projects["signed"] = {"metadata": {"name": "signed"}, "spec": spec}
    workshop.application(project="signed")
    sign(workshop)
    return workshop


def sign(workshop: Workshop) -> str:
    sha = workshop.source.repositories[URL].branches["main"]
    workshop.source.signers[sha] = KEY
    return sha


def test_get_and_plan_say_that_a_commit_is_refused(guarded: Workshop) -> None:
    assert "refused" not in guarded.run("app", "plan", "shop").output
    guarded.push({"deploy/web.yaml": WEB.replace("web:1", "web:2")})
    guarded.settle()
    assert "is not signed. Sign it with a key of spec.signatureKeys" in guarded.run("app", "get", "shop").output
    planned = guarded.run("app", "plan", "shop")
    assert "it would be refused, as far as its keys may be read here: Repository" in planned.output


def test_a_sync_keeps_the_name_of_a_tag(guarded: Workshop) -> None:
    """A tag that is asked for is itself what must be signed, so its name is told and not the commit."""
    guarded.source.tag(URL, "v1", sign(guarded))
    assert guarded.run("app", "sync", "shop", "--revision", "v1").exit_code == 0
    assert body_of(guarded)["status"]["operationState"]["operation"]["sync"]["revision"] == "v1"


def test_undo_proposes_a_commit_but_pushes_none_that_nobody_signed(guarded: Workshop) -> None:
    guarded.application(project="signed", syncPolicy={"automated": {"prune": True}})
    guarded.settle()
    guarded.push({"deploy/web.yaml": WEB.replace("web:1", "web:2")})
    sign(guarded)
    guarded.settle()
    refused = guarded.run("app", "rollback", "shop", "--push")
    assert refused.exit_code != 0
    assert "its project wants signatures, and todoke signs nothing. Leave out --push" in refused.output
    assert not guarded.source.pushed
    assert guarded.run("app", "rollback", "shop").exit_code == 0
    assert guarded.source.pushed[0].push_to
