"""kubernetes, helm, python and shellcheck: which programs are called with what."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.cases import cases
from tests.pipeline.orbs_more.shelf import Bench, steps


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def last(label: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    return steps(f"circleci/{label}", "commands", name, given)[-1]


@cases(Path(__file__).parent / "words")
def test_words_that_programs_get(bench: Bench, case: dict[str, Any]) -> None:
    for one in case["calls"]:
        bench.program("kubectl")
        bench.program("helm", "v3.8.2+g6e3701e")
        result = bench.run(last(one["orb"], one["command"], one["given"]), SPACE="prod", SHA="abc")
        assert result.returncode == 0, result.stderr
        assert [line for line in bench.told() if "[version]" not in line] == one["told"]
        bench.log.unlink()


def test_helm_2_is_spoken_to_in_its_own_words(bench: Bench) -> None:
    bench.program("helm", "Client: v2.16.1+gbbdfe5e")
    bench.run(last("helm@1", "install-helm-chart", {"chart": "stable/mariadb", "release-name": "db", "wait": False}))
    bench.run(last("helm@1", "delete-helm-release", {"release-name": "db", "purge": True}))
    told = [line for line in bench.told() if "[version]" not in line]
    assert told == ["helm [install] [stable/mariadb] [--name=db]", "helm [delete] [db] [--purge]"]


def test_a_program_that_is_there_is_not_fetched_again(bench: Bench) -> None:
    bench.program("curl", code=1)
    bench.program("kubectl", '{"clientVersion": {"gitVersion": "v1.30.0"}}')
    bench.program("helm", "v3.8.2+g6e3701e")
    for label, name, given in (
        ("kubernetes@2", "install_kubectl", {}),
        ("kubernetes@1", "install-kubectl", {"kubectl-version": "v1.30.0"}),
        ("helm@3", "install_helm_client", {"version": "v3.8.2"}),
    ):
        result = bench.run(last(label, name, given))
        assert result.returncode == 0, result.stderr
    assert [line for line in bench.told() if line.startswith("curl")] == []
    other = bench.run(last("helm@3", "install_helm_client", {"version": "3.9.0"}))
    assert other.returncode != 0
    assert any("https://get.helm.sh/helm-v3.9.0-linux-" in line for line in bench.told())


def test_a_download_that_is_not_what_its_publisher_lists_is_refused(bench: Bench) -> None:
    bench.script("curl", 'while [ $# -gt 1 ]; do if [ "$1" = --output ]; then printf wrong > "$2"; fi; shift; done\n')
    result = bench.run(last("kubernetes@2", "install_kubectl", {"kubectl_version": "v1.30.0"}))
    if "is there" in result.stdout:
        pytest.skip("kubectl v1.30.0 is installed")
    assert (result.returncode, "is not what its publisher lists" in result.stderr) == (1, True)


def test_a_secret_and_a_kubeconfig_stand_in_no_argument(bench: Bench) -> None:
    bench.script(
        "kubectl",
        'printf "%s\\n" "$*" >> "$LOG"\nfor word in "$@"; do\n'
        '  case "$word" in --patch-file=*) cat "${word#*=}" > "$HOME/patch" ;; esac\ndone\n',
    )
    given = {"secret_name": "db", "key_name": "password", "key_value": "$PASSWORD"}
    assert bench.run(last("kubernetes@2", "update_secret", given), PASSWORD="hunter 2").returncode == 0
    assert "hunter" not in "".join(bench.told())
    encoded = base64.b64encode(b"hunter 2").decode()
    assert (bench.home / "patch").read_text() == f'data:\n  "password": {encoded}\n'
    step = last("kubernetes@2", "install_kubeconfig", {})
    assert bench.run(step, KUBECONFIG_DATA=base64.b64encode(b"kind: Config\n").decode()).returncode == 0
    place = bench.home / ".kube" / "config"
    assert (place.read_text(), place.stat().st_mode & 0o077) == ("kind: Config\n", 0)
    empty = bench.run(step, KUBECONFIG_DATA="")
    assert (empty.returncode, "KUBECONFIG_DATA is empty" in empty.stderr) == (1, True)


@pytest.mark.parametrize(
    ("files", "given", "told"),
    [
        (["requirements.txt"], {}, "pip [install] [-r] [requirements.txt]"),
        (["requirements.txt"], {"args": "pytest 'a b'"}, "pip [install] [-r] [requirements.txt] [pytest] [a b]"),
        ([], {"pkg-manager": "pip", "pip-dependency-file": "", "args": "pytest"}, "pip [install] [pytest]"),
        (["requirements.txt", "setup.py"], {}, "pip [install] [-e] [.]"),
        (["Pipfile"], {}, "pipenv [install]"),
        (["poetry.lock"], {"args": "--no-root"}, "poetry [install] [--no-ansi] [--no-root]"),
        (["uv.lock"], {}, "uv [sync]"),
    ],
)
def test_the_package_manager(bench: Bench, files: list[str], given: dict[str, Any], told: str) -> None:
    for name in ("pip", "pipenv", "poetry", "uv"):
        bench.program(name)
    for name in files:
        (bench.work / name).touch()
    step = next(
        one
        for one in steps("circleci/python@3", "commands", "install-packages", given)
        if one["name"].startswith("Install packages")
    )
    result = bench.run(step)
    assert (result.returncode, bench.told()) == (0, [told]), result.stderr


def test_a_python_project_is_tested_in_its_environment(bench: Bench) -> None:
    for name in ("pipenv", "python", "pip"):
        bench.program(name)
    (bench.work / "Pipfile.lock").write_text("locked")
    given = {"pkg-manager": "pipenv", "test-tool-args": "-k 'a b'", "cache-folder-prefix": str(bench.folder)}
    lock, install, ensure, test = steps("circleci/python@2", "jobs", "test", given)
    for step in (lock, install, ensure, test):
        result = bench.run(step)
        assert result.returncode == 0, (step["name"], result.stderr)
    assert (bench.folder / "cci_pycache" / "lockfile").read_text() == "locked"
    assert bench.told()[-2:] == [
        "pipenv [run] [python] [-c] [import pytest]",
        "pipenv [run] [pytest] [--junit-xml=test-report/report.xml] [-k] [a b]",
    ]


def test_a_file_of_packages_that_is_not_there_is_named(bench: Bench) -> None:
    step = steps("circleci/python@1", "commands", "install-packages", {})[-1]
    result = bench.run(step)
    assert (result.returncode, "There is no requirements.txt in" in result.stderr) == (1, True)


def test_shell_scripts_are_checked_but_for_those_left_out(bench: Bench) -> None:
    bench.script("shellcheck", 'printf "%s\\n" "$*" >> "$LOG"\ncase "$*" in *bad.sh) echo no; exit 1 ;; esac\n')
    for name in ("a b.sh", ".git/hook.sh", "vendor/x/y.sh", "src/z.bash"):
        (bench.work / name).parent.mkdir(parents=True, exist_ok=True)
        (bench.work / name).touch()
    given = {"exclude": "SC2148,SC2086", "ignore-dirs": "./.git\nvendor", "shell": "bash"}
    (step,) = steps("circleci/shellcheck@3", "commands", "check", given)
    good = bench.run(step)
    assert (good.returncode, good.stdout) == (0, "1 scripts are checked.\n"), good.stderr
    assert bench.told() == ["--severity=style --format=tty --exclude=SC2148,SC2086 --shell=bash ./a b.sh"]
    (bench.work / "bad.sh").touch()
    bad = bench.run(step)
    assert (bad.returncode, "ShellCheck has found something" in bad.stderr) == (1, True)
    assert (bench.work / "shellcheck.log").read_text() == "no\n"
