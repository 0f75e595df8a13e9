"""What the scripts for images do, seen by the programs that they call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.pipeline.orbs.calls import command, job
from tests.pipeline.orbs.machines import Machine

pytestmark = pytest.mark.slow

SHA = "0123456789abcdef0123456789abcdef01234567"
GCR = "circleci/gcp-gcr@0.15"
PROJECT = {"GOOGLE_PROJECT_ID": "shop-1", "CIRCLE_SHA1": SHA}


class TestNamesOfImages:
    @pytest.mark.parametrize(
        ("arguments", "built"),
        [
            ({"image": "web"}, ["gcr.io/shop-1/web:latest"]),
            ({"image": "web", "tag": "${CIRCLE_SHA1:0:7}"}, ["gcr.io/shop-1/web:0123456"]),
            ({"image": "web", "tag": "$CIRCLE_SHA1, latest"}, [f"gcr.io/shop-1/web:{SHA}", "gcr.io/shop-1/web:latest"]),
            ({"image": "web", "registry__url": "asia.gcr.io"}, ["asia.gcr.io/shop-1/web:latest"]),
            (
                {"image": "web", "registry__url": "asia-docker.pkg.dev", "repository": "apps"},
                ["asia-docker.pkg.dev/shop-1/apps/web:latest"],
            ),
            ({"image": "$CIRCLE_PROJECT_REPONAME/web"}, ["gcr.io/shop-1/shop/web:latest"]),
        ],
    )
    def test_of_google(self, machine: Machine, arguments: Mapping[str, Any], built: list[str]) -> None:
        machine.program("docker")
        variables = PROJECT | {"CIRCLE_PROJECT_REPONAME": "shop"}
        assert machine.run(command(GCR, "build-image", **arguments), variables).code == 0
        tags = " ".join(f"--tag={name}" for name in built)
        assert machine.lines("docker") == [f"build --file=./Dockerfile {tags} ."]
        assert machine.run(command(GCR, "push-image", **arguments), variables).code == 0
        assert machine.lines("docker")[1:] == [f"push {name}" for name in built]

    @pytest.mark.parametrize("label", ["circleci/docker@1", "circleci/docker@2", "circleci/docker@3"])
    def test_of_docker(self, machine: Machine, label: str) -> None:
        machine.program("docker")
        (machine.project / "api").mkdir()
        (machine.project / "api" / "Dockerfile").touch()
        call = command(label, "build", image="$CIRCLE_PROJECT_USERNAME/api", tag="${CIRCLE_SHA1},latest", path="api")
        assert machine.run(call, {"CIRCLE_SHA1": "abc", "CIRCLE_PROJECT_USERNAME": "team"}).code == 0
        context = "api" if label.endswith("1") else "."
        names = "--tag=docker.io/team/api:abc --tag=docker.io/team/api:latest"
        assert machine.lines("docker") == [f"build --file=api/Dockerfile {names} {context}"]

    @pytest.mark.parametrize(
        ("label", "element", "arguments", "variables"),
        [
            ("circleci/aws-ecr@9", "build_image", {"account_id": "$ACCOUNT", "region": "us-east-1"}, {"ACCOUNT": "12"}),
            ("circleci/aws-ecr@8", "build-image", {"region": "us-east-1"}, {"AWS_ECR_REGISTRY_ID": "12"}),
            ("circleci/aws-ecr@7", "build-image", {}, {"AWS_ECR_ACCOUNT_URL": "12.dkr.ecr.us-east-1.amazonaws.com"}),
        ],
    )
    def test_of_amazon(
        self, machine: Machine, label: str, element: str, arguments: Mapping[str, str], variables: Mapping[str, str]
    ) -> None:
        machine.program("docker")
        machine.program("aws")
        assert machine.run(command(label, element, repo="shop", tag="a,b", **arguments), variables).code == 0
        name = "12.dkr.ecr.us-east-1.amazonaws.com/shop"
        assert machine.lines("docker") == [
            f"build --file=./Dockerfile --platform=linux/amd64 --tag={name}:a --tag={name}:b .",
            f"push {name}:a",
            f"push {name}:b",
        ]

    def test_of_a_public_registry_and_of_several_platforms(self, machine: Machine) -> None:
        machine.program("docker")
        call = command(
            "circleci/aws-ecr@9", "build_image", repo="shop", public_registry=True, platform="linux/amd64,linux/arm64"
        )
        assert machine.run(call, {"AWS_ECR_PUBLIC_REGISTRY_ALIAS": "team"}).code == 0
        pushed = machine.lines("docker")[-1]
        assert pushed.startswith("buildx build --builder todoke --push --file=./Dockerfile")
        assert pushed.endswith("--platform=linux/amd64,linux/arm64 --tag=public.ecr.aws/team/shop:latest .")

    def test_of_azure(self, machine: Machine) -> None:
        machine.program("docker")
        machine.program("az")
        call = job(
            "circleci/azure-acr@0", "build-and-push-image", repo="$APP", tag="$CIRCLE_SHA1,latest",
            login__server__name="$SERVER", registry__name="$NAME", checkout=False,
        )  # fmt: skip
        variables = {"SERVER": "shop.azurecr.io", "NAME": "shop", "APP": "web", "CIRCLE_SHA1": "abc"}
        outcome = machine.run(call, variables | {"AZURE_USERNAME": "me", "AZURE_PASSWORD": "pass word"})
        assert outcome.code == 0, outcome.said
        logins = [one for one in machine.calls("az") if "login" in one.words]
        assert logins[0].typed == "pass word"
        assert " ".join(logins[0].words) == "az login --username me --password @- --output none"
        assert " ".join(logins[1].words) == "az acr login --name shop"
        assert machine.lines("docker")[1:] == ["push shop.azurecr.io/web:abc", "push shop.azurecr.io/web:latest"]


class TestBuilding:
    def test_arguments_keep_their_quotes(self, machine: Machine) -> None:
        machine.program("docker")
        extra = "--build-arg A='one two' \\\n--label \"by=$USER\"\n--build-arg B=*\n"
        call = command(GCR, "build-image", image="web", extra_build_args=extra)
        assert machine.run(call, PROJECT | {"USER": "me"}).code == 0
        (built,) = machine.calls("docker")
        assert built.words[3:9] == ("--build-arg", "A=one two", "--label", "by=me", "--build-arg", "B=*")

    def test_caches_are_pulled_and_named(self, machine: Machine) -> None:
        machine.program("docker", '[ "$1" != pull ]')
        call = command("circleci/docker@2", "build", image="web", tag="1", cache_from="web:cache, web:main")
        outcome = machine.run(call)
        assert outcome.code == 0
        assert "web:cache is not there yet" in outcome.said
        assert machine.lines("docker")[-1].startswith(
            "build --file=./Dockerfile --cache-from=web:cache --cache-from=web:main"
        )

    def test_a_digest_is_kept(self, machine: Machine) -> None:
        machine.program("docker", '[ "$1" != image ] || echo gcr.io/shop-1/web@sha256:12')
        call = command(GCR, "push-image", image="web", tag="a,b", digest__path="out/digests/web")
        assert machine.run(call, PROJECT).code == 0
        assert (machine.project / "out/digests/web").read_text() == "gcr.io/shop-1/web@sha256:12\n"
        assert machine.lines("docker")[-1] == "image inspect --format {{index .RepoDigests 0}} gcr.io/shop-1/web:a"

    def test_what_fails_stops_the_job(self, machine: Machine) -> None:
        machine.program("docker", '[ "$2" != gcr.io/shop-1/web:a ]')
        assert machine.run(command(GCR, "push-image", image="web", tag="a,b"), PROJECT).code == 1
        assert machine.lines("docker") == ["push gcr.io/shop-1/web:a"]

    def test_nothing_is_built_when_all_tags_are_there(self, machine: Machine) -> None:
        machine.program("docker")
        machine.program("aws", 'case "$*" in *imageTag=new*) exit 1 ;; esac')
        given = {"repo": "shop", "account_id": "12", "region": "r", "skip_when_tags_exist": True}
        outcome = machine.run(command("circleci/aws-ecr@9", "build_image", tag="a,b", **given))
        assert "All tags of shop are there" in outcome.said
        assert machine.calls("docker") == []
        assert machine.run(command("circleci/aws-ecr@9", "build_image", tag="a,new", **given)).code == 0
        assert machine.lines("docker")[0].startswith("build ")


class TestWholeJobs:
    @pytest.mark.parametrize("label", ["circleci/gcp-gcr@0.13", "circleci/gcp-gcr@0.15"])
    def test_of_google(self, machine: Machine, label: str) -> None:
        machine.program("gcloud")
        machine.program("docker", '[ "$1" != image ] || echo asia.gcr.io/shop-1/web@sha256:12')
        call = job(
            label, "build-and-push-image", image="web", tag="${CIRCLE_SHA1:0:7},latest", registry__url="asia.gcr.io",
            digest__path="digest", extra_build_args="--pull",
        )  # fmt: skip
        outcome = machine.run(call, PROJECT | {"GCLOUD_SERVICE_KEY": "{}"})
        assert outcome.code == 0, outcome.said
        name = "asia.gcr.io/shop-1/web"
        assert [line for line in machine.lines("gcloud") if line.startswith("auth")][-1].startswith("auth configure")
        assert machine.lines("docker") == [
            f"build --file=./Dockerfile --pull --tag={name}:0123456 --tag={name}:latest .",
            f"push {name}:0123456",
            f"push {name}:latest",
            f"image inspect --format {{{{index .RepoDigests 0}}}} {name}:0123456",
        ]

    def test_of_google_that_adds_a_tag(self, machine: Machine) -> None:
        machine.program("gcloud")
        given = {"image": "web", "source__tag": "$CIRCLE_SHA1", "target__tag": "stable"}
        variables = PROJECT | {"GCLOUD_SERVICE_KEY": "{}"}
        assert machine.run(job(GCR, "add-image-tag", **given), variables).code == 0
        name = "gcr.io/shop-1/web"
        assert machine.lines("gcloud")[-1] == f"container images add-tag --quiet {name}:{SHA} {name}:stable"
        host = {"registry__url": "asia-docker.pkg.dev", "repository": "apps"}
        assert machine.run(job(GCR, "add-image-tag", **given, **host), variables).code == 0
        name = "asia-docker.pkg.dev/shop-1/apps/web"
        assert machine.lines("gcloud")[-1] == f"artifacts docker tags add {name}:{SHA} {name}:stable"

    @pytest.mark.parametrize("label", ["circleci/docker@1", "circleci/docker@2"])
    def test_of_docker(self, machine: Machine, label: str) -> None:
        machine.program("docker")
        machine.program("hadolint")
        variables = {"DOCKER_LOGIN": "me", "DOCKER_PASSWORD": "p", "CIRCLE_SHA1": "abc"}
        call = job(label, "publish", image="me/web", tag="$CIRCLE_SHA1,latest", lint__dockerfile=True)
        assert machine.run(call, variables).code == 0
        assert [line.split()[0] for line in machine.lines("docker")] == ["login", "build", "push", "push"]
        assert machine.lines("hadolint") == ["--failure-threshold error ./Dockerfile"]
        assert machine.run(job(label, "publish", image="me/web", deploy=False), variables).code == 0
        assert [line.split()[0] for line in machine.lines("docker")][4:] == ["build"]

    def test_of_amazon_authenticates_as_it_is_told(self, machine: Machine) -> None:
        machine.program(
            "aws", 'case "$*" in *get-login-password*) echo token ;; *describe-repositories*) exit 1 ;; esac'
        )
        machine.program("docker")
        machine.program("authenticate")
        call = job(
            "circleci/aws-ecr@9", "build_and_push_image", auth=[{"run": "authenticate"}], repo="shop", create_repo=True,
            account_id="12", region="r", container_registry_login=True, registry_login=[{"run": "docker login hub"}],
        )  # fmt: skip
        outcome = machine.run(call)
        assert outcome.code == 0, outcome.said
        order = [one.words[0] for one in machine.calls()]
        assert order == ["authenticate", "aws", "docker", "aws", "aws", "docker", "docker", "docker"]
        assert machine.lines("docker")[1:] == [
            "login hub",
            "build --file=./Dockerfile --platform=linux/amd64 --tag=12.dkr.ecr.r.amazonaws.com/shop:latest .",
            "push 12.dkr.ecr.r.amazonaws.com/shop:latest",
        ]

    def test_of_azure_with_a_service_principal(self, machine: Machine) -> None:
        machine.program("docker")
        machine.program("az")
        call = job(
            "circleci/azure-acr@0", "build-and-push-image", repo="web", login__server__name="s", registry__name="n"
        )
        variables = {"AZURE_SP": "http://ci", "AZURE_SP_PASSWORD": "hidden", "AZURE_SP_TENANT": "t"}
        assert machine.run(call, variables).code == 0
        login = machine.calls("az")[1]
        assert login.typed == "hidden"
        assert " ".join(login.words[2:]) == (
            "--service-principal --username http://ci --tenant t --password @- --output none"
        )
        outcome = machine.run(call, {"AZURE_USERNAME": "", "AZURE_SP": ""})
        assert (outcome.code, "There are no credentials of Azure" in outcome.said) == (1, True)


class TestDockerElements:
    def test_pulls_what_is_listed(self, machine: Machine) -> None:
        machine.program("docker", '[ "$2" != gone ]')
        assert machine.run(command("circleci/docker@2", "pull", images="a, gone, b")).code == 1
        assert machine.lines("docker") == ["pull a", "pull gone"]
        call = command("circleci/docker@2", "pull", images="a, gone, b", ignore__docker__pull__error=True)
        assert machine.run(call).code == 0
        assert machine.lines("docker")[2:] == ["pull a", "pull gone", "pull b"]

    def test_lints_each_file(self, machine: Machine) -> None:
        (machine.project / "other").touch()
        given = {"dockerfiles": "Dockerfile:other", "ignore__rules": "DL1,DL2", "failure__threshold": "style"}
        machine.program("docker")
        assert machine.run(command("circleci/docker@2", "hadolint", **given)).code == 0
        words = (
            "run --rm --interactive hadolint/hadolint hadolint --ignore DL1 --ignore DL2 --failure-threshold style -"
        )
        assert machine.lines("docker") == [words, words]
        assert machine.calls("docker")[0].typed == "FROM scratch\n"
        machine.program("hadolint", "exit 1")
        assert machine.run(command("circleci/docker@2", "hadolint", **given)).code == 1
        assert len(machine.calls("hadolint")) == 1

    def test_keeps_what_a_configuration_holds(self, machine: Machine) -> None:
        if not machine.real("jq"):
            pytest.skip("jq is not installed")
        file = machine.home / ".docker" / "config.json"
        file.parent.mkdir()
        file.write_text('{"auths": {"a": {}}}')
        assert machine.run(command("circleci/docker@2", "configure-docker-credentials-store")).code == 0
        assert json.loads(file.read_text()) == {"auths": {"a": {}}, "credsStore": "pass"}


class TestDockerHub:
    def test_gets_a_description(self, machine: Machine) -> None:
        if not machine.real("jq"):
            pytest.skip("jq is not installed")
        machine.program(
            "curl",
            """\
case "$*" in
  *users/login*) echo '{"token": "hidden"}' ;;
  *) for word; do case "$word" in @*) cat "${word#@}" > sent ;; esac; done ;;
esac""",
        )
        (machine.project / "README.md").write_text('# "Shop"\n')
        variables = {"DOCKER_LOGIN": "me", "DOCKER_PASSWORD": 'p"a'}
        outcome = machine.run(command("circleci/docker@2", "update-description", image="me/shop"), variables)
        assert outcome.code == 0, outcome.said
        login, patch = machine.calls("curl")
        assert json.loads(login.typed) == {"username": "me", "password": 'p"a'}
        assert patch.typed == 'header = "Authorization: JWT hidden"\n'
        assert patch.words[-1] == "https://hub.docker.com/v2/repositories/me/shop/"
        assert json.loads((machine.project / "sent").read_text()) == {"full_description": '# "Shop"\n'}
        assert not any("hidden" in word or 'p"a' in word for one in (login, patch) for word in one.words)


class TestRepositoriesOfAmazon:
    def test_are_created_once(self, machine: Machine) -> None:
        machine.program("aws", '[ "$2" != describe-repositories ]')
        call = command(
            "circleci/aws-ecr@9", "create_repo", repo="shop", region="r", encryption_type="KMS", encryption_kms_key="k"
        )
        assert machine.run(call).code == 0
        made = machine.lines("aws")[-1]
        assert made.startswith("ecr create-repository --profile default --region r --repository-name shop")
        assert "scanOnPush=true --encryption-configuration encryptionType=KMS,kmsKey=k" in made
        machine.program("aws")
        assert machine.run(call).code == 0
        assert "create-repository" not in machine.lines("aws")[-1]

    def test_get_policies(self, machine: Machine) -> None:
        machine.program("aws")
        call = command("circleci/aws-ecr@9", "set_repo_policy", repo="shop", region="r", repo_policy_path="policy.json")
        assert "There is no file policy.json" in machine.run(call).said
        (machine.project / "policy.json").touch()
        assert machine.run(call).code == 0
        assert machine.lines("aws") == [
            "ecr set-repository-policy --profile default --region r --repository-name shop --policy-text file://policy.json"
        ]

    def test_images_get_more_tags(self, machine: Machine) -> None:
        machine.program(
            "aws",
            """\
case "$*" in
  *batch-get-image*) printf '{"layers": []}\n' ;;
  *describe-images*imageTag=new) exit 1 ;;
esac""",
        )
        call = command(
            "circleci/aws-ecr@9",
            "tag_image",
            repo="shop",
            source_tag="a",
            target_tag="old,new",
            skip_when_tags_exist=True,
        )
        outcome = machine.run(call)
        assert "shop:old is there" in outcome.said
        put = [one.words for one in machine.calls("aws") if one.words[2] == "put-image"]
        assert [words[-4:] for words in put] == [("--image-tag", "new", "--image-manifest", '{"layers": []}')]
