"""How scripts log in, and what they say of what is missing, seen by the programs that they call."""

from __future__ import annotations

import json

import pytest

from tests.pipeline.orbs.calls import Call, command, job
from tests.pipeline.orbs.machines import Machine

SHA = "0123456789abcdef0123456789abcdef01234567"
GCR = "circleci/gcp-gcr@0.15"
PROJECT = {"GOOGLE_PROJECT_ID": "shop-1", "CIRCLE_SHA1": SHA}


class TestLogins:
    def test_of_docker_reads_the_password(self, machine: Machine) -> None:
        machine.program("docker")
        outcome = machine.run(
            command("circleci/docker@2", "check"), {"DOCKER_LOGIN": "me", "DOCKER_PASSWORD": 'p"a $s'}
        )
        (called,) = machine.calls("docker")
        assert (outcome.code, called.typed) == (0, 'p"a $s')
        assert called.words[1:] == ("login", "--username", "me", "--password-stdin", "docker.io")
        assert 'p"a $s' not in outcome.said

    def test_of_docker_is_tried_again(self, machine: Machine) -> None:
        machine.program("docker", "exit 1")
        machine.program("sleep")
        variables = {"DOCKER_LOGIN": "me", "DOCKER_PASSWORD": "p"}
        outcome = machine.run(command("circleci/docker@2", "check", registry="ghcr.io"), variables)
        assert (outcome.code, len(machine.calls("docker"))) == (1, 3)
        assert "ghcr.io does not let me in" in outcome.said

    @pytest.mark.parametrize(
        ("label", "element"), [("circleci/aws-ecr@9", "ecr_login"), ("circleci/aws-ecr@8", "ecr-login")]
    )
    def test_of_amazon(self, machine: Machine, label: str, element: str) -> None:
        machine.program("docker")
        machine.program("aws", 'case "$*" in *get-login-password*) echo token ;; esac')
        variables = {
            "AWS_ACCOUNT_ID": "12", "AWS_ECR_REGISTRY_ID": "12",
            "AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "hidden",
        }  # fmt: skip
        assert machine.run(command(label, element), variables).code == 0
        (called,) = machine.calls("docker")
        assert called.typed == "token"
        registry = "12.dkr.ecr.eu-west-1.amazonaws.com"
        assert called.words[1:] == ("login", "--username", "AWS", "--password-stdin", registry)
        assert "ecr get-login-password --region eu-west-1 --profile default" in machine.lines("aws")
        assert not any("hidden" in line for line in machine.lines("aws"))

    def test_of_google_with_a_key(self, machine: Machine) -> None:
        machine.program("gcloud")
        key = json.dumps({"private_key": "-----BEGIN\\nsecret $HOME `x`"})
        variables = PROJECT | {"GCLOUD_SERVICE_KEY": key, "GOOGLE_COMPUTE_ZONE": "asia-northeast1-a"}
        outcome = machine.run(command("circleci/gcp-gcr@0.13", "gcr-auth"), variables)
        assert outcome.code == 0
        assert "secret" not in outcome.said
        file = machine.home / "gcloud-service-key.json"
        assert (file.read_text(), file.stat().st_mode & 0o777) == (key, 0o600)
        lines = machine.lines("gcloud")
        assert f"auth activate-service-account --key-file={file}" in lines
        assert "--quiet config set compute/zone asia-northeast1-a" in lines
        assert lines[-1] == "auth configure-docker --quiet --project shop-1"

    def test_of_google_with_the_job_s_identity(self, machine: Machine) -> None:
        machine.program("gcloud")
        variables = PROJECT | {
            "GOOGLE_PROJECT_NUMBER": "7", "OIDC_WIP_ID": "pool", "OIDC_WIP_PROVIDER_ID": "circle",
            "OIDC_SERVICE_ACCOUNT_EMAIL": "ci@shop.example", "CIRCLE_OIDC_TOKEN_V2": "identity",
        }  # fmt: skip
        call = command(GCR, "gcr-auth", use_oidc=True, registry__url="asia-docker.pkg.dev")
        assert machine.run(call, variables).code == 0
        place = machine.home / "gcp_cred_config.json"
        assert (machine.home / "gcp_cred_config.json.token").read_text() == "identity"
        lines = machine.lines("gcloud")
        assert any("projects/7/locations/global/workloadIdentityPools/pool/providers/circle" in line for line in lines)
        assert f"auth login --brief --cred-file={place}" in lines
        assert lines[-1] == "auth configure-docker --quiet --project shop-1 asia-docker.pkg.dev"
        assert f'GOOGLE_APPLICATION_CREDENTIALS="{place}"' in machine.exports.read_text()

    def test_of_aws_with_keys(self, machine: Machine) -> None:
        machine.program("aws")
        variables = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_DEFAULT_REGION": "eu-west-1"}
        for label in ("circleci/aws-cli@2", "circleci/aws-cli@5"):
            assert machine.run(Call(label, "commands", "setup", {}), variables).code == 0
        typed = [one.typed for one in machine.calls("aws") if one.words[1:] == ("configure", "--profile", "default")]
        assert typed == ["AK\nhidden\n\n\n"] * 2
        assert machine.lines("aws").count("configure set default.region eu-west-1") == 2
        assert not any("hidden" in line for line in machine.lines("aws"))

    def test_of_aws_with_a_role(self, machine: Machine) -> None:
        machine.program("aws", 'case "$*" in *export-credentials*) echo export AWS_ACCESS_KEY_ID=AK ;; esac')
        variables = {"CIRCLE_OIDC_TOKEN": "identity", "CIRCLE_JOB": "deploy it", "ROLE": "arn:aws:iam::12:role/ci"}
        call = command("circleci/aws-cli@4", "setup", role_arn="$ROLE", profile_name="ci", region="eu-west-1")
        outcome = machine.run(call, variables)
        assert outcome.code == 0, outcome.said
        lines = machine.lines("aws")
        assert "configure set role_arn arn:aws:iam::12:role/ci --profile ci" in lines
        assert "configure set role_session_name deploy-it --profile ci" in lines
        assert "configure set region eu-west-1 --profile ci" in lines
        assert not any("identity" in line.split() for line in lines)
        token = machine.home / ".aws" / "ci.token"
        assert (token.read_text(), token.stat().st_mode & 0o777) == ("identity", 0o600)
        assert "export AWS_ACCESS_KEY_ID=AK" in machine.exports.read_text()

    def test_of_github_writes_no_token(self, machine: Machine) -> None:
        machine.program("gh", "echo gh version 2.23.0")
        call = command("circleci/github-cli@2", "setup", token="BOT_TOKEN")
        outcome = machine.run(call, {"BOT_TOKEN": "hidden"})
        assert outcome.code == 0
        assert machine.lines("gh")[-2:] == ["auth setup-git", "config set prompt disabled"]
        assert machine.exports.read_text() == 'export GITHUB_TOKEN="$BOT_TOKEN"\n'
        assert "hidden" not in outcome.said

    def test_of_github_on_a_server_of_one_s_own(self, machine: Machine) -> None:
        machine.program("gh", "echo gh version 2.23.0; echo $GH_HOST $GH_ENTERPRISE_TOKEN")
        outcome = machine.run(
            command("circleci/github-cli@2", "setup", hostname="git.example"), {"GITHUB_TOKEN": "hidden"}
        )
        assert "git.example hidden" in outcome.said
        assert 'GH_ENTERPRISE_TOKEN="$GITHUB_TOKEN" GH_HOST="git.example"' in machine.exports.read_text()

    def test_a_profile_takes_a_role(self, machine: Machine) -> None:
        machine.program("aws")
        for label, element, given in (
            ("circleci/aws-cli@3", "role-arn-setup", {"profile__name": "ci", "role__arn": "$ROLE"}),
            ("circleci/aws-cli@5", "role_arn_setup", {"profile_name": "ci", "role_arn": "$ROLE"}),
        ):
            assert machine.run(command(label, element, **given), {"ROLE": "arn:aws:iam::12:role/ci"}).code == 0
        assert (
            machine.lines("aws")[:2]
            == machine.lines("aws")[2:]
            == [
                "configure set role_arn arn:aws:iam::12:role/ci --profile ci",
                "configure set source_profile default --profile ci",
            ]
        )


class TestWhatIsMissing:
    @pytest.mark.parametrize(
        ("call", "said"),
        [
            (command(GCR, "build-image", image="web"), "GOOGLE_PROJECT_ID is empty: it names the Google Cloud project"),
            (command("circleci/docker@2", "push", image="$NOTHING"), "The image has no name: $NOTHING is empty here"),
            (command(GCR, "gcr-auth"), "GCLOUD_SERVICE_KEY is empty: it is the key of a service account"),
            (command("circleci/docker@2", "build", image="web"), "There is no tag: $CIRCLE_SHA1 is empty here"),
            (command("circleci/docker@2", "check"), "DOCKER_LOGIN is empty"),
            (command("circleci/docker@2", "build", image="web", tag="1", path="api"), "There is no api/Dockerfile"),
            (command("circleci/aws-ecr@9", "push_image", repo="web"), "no account: ${AWS_ACCOUNT_ID} is empty here"),
            (command("circleci/aws-ecr@7", "push-image", repo="web"), "no name: $AWS_ECR_ACCOUNT_URL is empty here"),
            (command("circleci/aws-cli@5", "setup"), "no credentials of AWS: $AWS_ACCESS_KEY_ID or"),
            (command("circleci/azure-acr@0", "acr-login"), "REGISTRY_NAME is empty: it names the registry of Azure"),
            (command("circleci/github-cli@2", "setup"), "A GitHub token must be supplied. Check the"),
            (command("circleci/node@5", "install-packages", with__cache=False), "There is no package.json in"),
            (job("circleci/node@7", "run", with__cache=False), "There is no package.json in"),
        ],
    )  # fmt: skip
    def test_is_told_by_its_name(self, machine: Machine, call: Call, said: str) -> None:
        for name in ("docker", "gcloud", "aws", "az", "npm"):
            machine.program(name)
        machine.program("gh", "echo gh version 2.23.0")
        outcome = machine.run(call)
        assert outcome.code == 1
        assert said in outcome.said
