"""Which image references a node accepts, and what it says about the others."""

from __future__ import annotations

import pytest

from todoke_sandbox.nodes.images import InvalidReference, parse

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
        ("team/app_x__y--z.w", "docker.io/team/app_x__y--z.w:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("registry:5000/a/b/c:V_1.2-x", "registry:5000/a/b/c:V_1.2-x"),
        ("[::1]:5000/app", "[::1]:5000/app:latest"),
        ("Example.ORG/app", "Example.ORG/app:latest"),
        (f"ghcr.io/a/b@{DIGEST}", f"ghcr.io/a/b@{DIGEST}"),
        (f"ghcr.io/a/b:v1@{DIGEST}", f"ghcr.io/a/b:v1@{DIGEST}"),
    ],
)
def test_good_references_get_their_defaults(image: str, full: str) -> None:
    assert str(parse(image)) == full


@pytest.mark.parametrize(
    "image",
    [
        "asia.gcr.io//circleci-demo-gitops:47ea3df", "nginx:", "nginx:-x", "nginx:a b", "/nginx", "nginx/",
        "a..b/c:1:2", "team/_app", "team/app-", "nginx@sha256:123", "nginx:" + "t" * 129, "ngínx", "{{ .image }}",
        "https://example.org/app:1", "",
    ],
)  # fmt: skip
def test_bad_references_are_refused(image: str) -> None:
    with pytest.raises(InvalidReference, match="invalid reference format"):
        parse(image)


def test_special_refusals_say_why() -> None:
    with pytest.raises(InvalidReference, match=r"repository name \(library/Nginx\) must be lowercase"):
        parse("Nginx")
    with pytest.raises(InvalidReference, match="64-byte hexadecimal"):
        parse("a" * 64)
    with pytest.raises(InvalidReference, match="255 characters"):
        parse("ghcr.io/" + "a" * 260)


def test_exit_codes_by_tag() -> None:
    assert parse("busybox:exits-3").exit_code == 3
    assert parse("busybox:1.36").exit_code is None
