"""What a run of a plugin gets, and that nothing of it is left, however it ends."""

from __future__ import annotations

import asyncio
import signal
import sys
import textwrap
from pathlib import Path
from uuid import uuid4

import pytest

from tests.fake_tree import Link
from tests.render.plugins.kitchen import NOTHING_APART, PYTHON, Kitchen, ProgramTree, plugin, running, until
from todoke.model.telemetry import Silent
from todoke.render.plugins import Runs
from todoke.render.plugins.process import Barriers, Order, Stopped, run
from todoke.render.renderer import Unrendered
from todoke.render.worker import Limits

pytestmark = pytest.mark.slow
BARRIERS = pytest.mark.parametrize("barriers", [None, NOTHING_APART], ids=["apart", "nothing apart"])
DAEMON = """
import os, signal, sys, time
word, up = sys.argv[1:]
if not os.fork():
    os.setsid()
    if not os.fork():
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        os.close(1)
        open(up, "w").close()
        time.sleep(600)
    os._exit(0)
os.wait()
"""
START_DAEMON = """
import os, subprocess, sys, time
subprocess.run([sys.executable, "daemon.py", {word!r}, "up"])
while not os.path.exists("up"):
    time.sleep(0.01)
"""


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path / "runs")


def daemon(word: str) -> tuple[str, dict[str, str]]:
    """A script that leaves a daemon behind which no signal but one ends, and the daemon's file."""
    return START_DAEMON.format(word=word), {"app/daemon.py": DAEMON}


# What a run gets


async def test_it_works_in_its_folder_on_the_commits_files(kitchen: Kitchen):
    script = """
import os
import signal
told(folder=os.path.basename(os.getcwd()), base=open("../base/a.txt").read(), link=open("link").read())
"""
    more = {"base/a.txt": "a", "app/link": Link("../base/a.txt"), "app/broken": Link("nowhere")}
    assert await kitchen.cook(script, more) == {"folder": "app", "base": "a", "link": "a"}
    assert kitchen.left_behind == []


async def test_the_environment_is_what_is_documented_and_nothing_else(
    kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KUBECONFIG", "/kubeconfig")
    monkeypatch.setenv("SECRET_TOKEN", "x")
    script = """
import os
home, tmp = os.environ.pop("HOME"), os.environ.pop("TMPDIR")
root = os.path.dirname(home)
assert os.getcwd().startswith(root) and tmp.startswith(root) and os.path.isdir(tmp)
open(os.path.join(home, "x"), "w").close()
names = " ".join(sorted(set(os.environ) - {"LC_CTYPE"}))
told(tier=os.environ["ARGOCD_ENV_TIER"], names=names, stdin=repr(os.read(0, 1)))
"""
    names = [
        "APP_NAME",
        "APP_NAMESPACE",
        "APP_PROJECT_NAME",
        "APP_REVISION",
        "APP_REVISION_SHORT",
        "APP_REVISION_SHORT_8",
    ]
    names += ["APP_PARAMETERS", "APP_SOURCE_PATH", "APP_SOURCE_REPO_URL", "APP_SOURCE_TARGET_REVISION", "ENV_TIER"]
    plugin_block = {"name": "cook", "env": [{"name": "TIER", "value": "gölden €"}]}
    found = await kitchen.cook(script, plugin=plugin_block)
    wanted = {f"ARGOCD_{name}" for name in names} | {"KUBE_VERSION", "KUBE_API_VERSIONS", "PATH"}
    assert set(found["names"].split()) == wanted
    assert found["stdin"] == "b''"
    assert found["tier"] == "gölden €"


async def test_no_signal_is_ignored(tmp_path: Path):
    """Else a program goes on writing where nobody reads any more."""
    ignored = "x$(sed -n s/SigIgn:.//p /proc/self/status)"
    text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {ignored: " + ignored + "}}"
    kitchen = Kitchen(tmp_path / "runs", plugin(generate={"command": ["sh", "-c", f'echo "{text}"']}))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup todoke serve` has it
    try:
        told = (await kitchen.cook(""))["ignored"]
    finally:
        signal.signal(signal.SIGHUP, before)
    ours = sum(1 << (number - 1) for number in signal.valid_signals())  # libc keeps two for itself
    assert int(told.removeprefix("x"), 16) & ours == 0, told


class Counts(Silent):
    """Telemetry that remembers what was counted."""

    def __init__(self) -> None:
        self.found: list[dict[str, str]] = []

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        self.found.append({"name": name, **labels})


async def test_runs_are_counted(tmp_path: Path):
    telemetry = Counts()
    kitchen = Kitchen(tmp_path / "runs", telemetry=telemetry, output_mib=1)
    await kitchen.cook("told(a=1)")
    await kitchen.failure("raise SystemExit(1)")
    await kitchen.failure("print('x' * (2 << 20))")
    assert {each["name"] for each in telemetry.found} == {"todoke_render_requests_total"}
    assert [each["outcome"] for each in telemetry.found] == ["rendered", "failed", "ended"]
    assert {each["engine"] for each in telemetry.found} == {"plugin"}


async def test_init_comes_first_and_its_output_is_nothing(tmp_path: Path):
    init = {"command": [PYTHON, "-c"], "args": ["open('made', 'w').write('by init'); print('no manifest')"]}
    kitchen = Kitchen(tmp_path / "runs", plugin(init=init))
    assert await kitchen.cook("told(made=open('made').read())") == {"made": "by init"}
    failing = plugin(init={"command": ["sh", "-c", "echo no, not today >&2; exit 3"]})
    text = await Kitchen(tmp_path / "runs", failing).failure("")
    assert "plugin cook: init ended with status 3 and said: no, not today" in text


@pytest.mark.parametrize("keeps", [True, False])
async def test_programs_of_the_repository_are_such_only_where_the_plugin_keeps_modes(tmp_path: Path, keeps: bool):
    command = {"command": ["./make.sh"]}
    kitchen = Kitchen(tmp_path / "runs", plugin(generate=command, preserveFileMode=keeps))
    tree = ProgramTree({"app/make.sh": "#!/bin/sh\necho '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}'\n"})
    if keeps:
        assert [each.key.name for each in (await kitchen.render(tree)).manifests] == ["a"]
    else:
        with pytest.raises(Unrendered, match=r"\./make\.sh does not start: Permission denied"):
            await kitchen.render(tree)


async def test_what_it_prints_is_read_as_any_other_manifest(kitchen: Kitchen):
    assert (await kitchen.render({"app/make.py": ""})).manifests == ()
    rendering = await kitchen.render({"app/make.py": "print('kind: ConfigMap\\napiVersion: v1\\nmetadata: {name: b}')"})
    assert (rendering.tool, [str(each.key) for each in rendering.manifests]) == ("Plugin", ["ConfigMap/b"])
    assert "Plugin output of app" in await kitchen.failure("print('apiVersion: v1\\nkind: [\\nmetadata: x')")


async def test_two_at_once_do_not_meet(tmp_path: Path):
    kitchen = Kitchen(tmp_path / "runs", processes=2)
    script = """
import os, time
open("here", "w").write(os.environ["ARGOCD_ENV_WHO"])
try:
    others = os.listdir("../../..")
except PermissionError:
    others = []
told(here=open("here").read(), meets=len(others) > 1)
"""
    blocks = [{"name": "cook", "env": [{"name": "WHO", "value": f"number {each}"}]} for each in range(4)]
    found = await asyncio.gather(*(kitchen.cook(script, plugin=block) for block in blocks))
    assert [each["here"] for each in found] == [f"number {each}" for each in range(4)]
    assert kitchen.left_behind == []


# What ends it


@BARRIERS
async def test_a_daemon_does_not_outlive_it(tmp_path: Path, barriers: Barriers | None):
    kitchen, word = Kitchen(tmp_path / "runs", barriers=barriers), str(uuid4())
    script, more = daemon(word)
    assert await kitchen.cook(f"{script}\ntold(ok=1)", more) == {"ok": "1"}
    assert running(word) == []
    assert kitchen.left_behind == []


@BARRIERS
async def test_one_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path, barriers: Barriers | None):
    kitchen, word = Kitchen(tmp_path / "runs", barriers=barriers, seconds=1.0), str(uuid4())
    script, more = daemon(word)
    text = await kitchen.failure(f"{script}\ntime.sleep(600)", more)
    assert "plugin cook: generate took longer than 1 s and was ended" in text
    assert running(word) == []
    assert kitchen.left_behind == []


@BARRIERS
async def test_one_that_is_cancelled_is_ended(tmp_path: Path, barriers: Barriers | None):
    kitchen, word = Kitchen(tmp_path / "runs", barriers=barriers), str(uuid4())
    script, more = daemon(word)
    task = asyncio.create_task(kitchen.cook(f"{script}\ntime.sleep(600)", more))
    await until(lambda: running(word))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running(word) == []
    assert kitchen.left_behind == []


@BARRIERS
async def test_one_whose_children_take_too_much_memory_is_ended(tmp_path: Path, barriers: Barriers | None):
    kitchen = Kitchen(tmp_path / "runs", barriers=barriers, memory_mib=60)
    hog = "import time; held = bytearray(b'x') * (150 << 20); time.sleep(600)"
    text = await kitchen.failure(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {hog!r}])")
    assert "plugin cook: generate needed more than 60 MiB of memory and was ended" in text


async def test_one_that_prints_too_much_is_ended(tmp_path: Path):
    kitchen = Kitchen(tmp_path / "runs", output_mib=1)
    text = await kitchen.failure("while True: print('x' * 100_000)")
    assert "plugin cook: generate printed more than 1 MiB and was ended" in text
    assert kitchen.left_behind == []


async def test_one_that_writes_too_large_a_file_is_ended(kitchen: Kitchen):
    text = await kitchen.failure("import os\nos.truncate(os.open('large', os.O_CREAT | os.O_RDWR), 300 << 20)")
    assert "plugin cook: generate ended with" in text


@pytest.mark.slow  # disk is looked at once a second
async def test_one_that_takes_too_much_disk_is_ended(tmp_path: Path):
    """Many files, none of them large."""
    script = "import time\nfor number in range(40): open(str(number), 'wb').write(bytes(65536))\ntime.sleep(600)"
    order = Order((PYTHON, "-c", script), str(tmp_path), str(tmp_path), {}, disk_mib=2)
    with pytest.raises(Stopped, match="needed too much disk and was ended"):
        await run(order, Limits(), NOTHING_APART)


async def test_one_that_starts_too_many_processes_is_ended(tmp_path: Path):
    kitchen = Kitchen(tmp_path / "runs", memory_mib=100_000)
    bomb = "import os, time\nfor _ in range(600):\n    if not os.fork():\n        time.sleep(600)\ntime.sleep(600)"
    assert "started too many processes and was ended" in await kitchen.failure(bomb)
    assert kitchen.left_behind == []


async def test_what_it_made_unreadable_is_taken_away(kitchen: Kitchen):
    script = (
        "import os\nos.makedirs('a/b/c')\nopen('a/b/c/d', 'w').close()\nos.chmod('a/b', 0)\nos.chmod('a', 0)\ntold(a=1)"
    )
    assert await kitchen.cook(script) == {"a": "1"}
    assert kitchen.left_behind == []


async def test_after_a_failure_the_next_one_runs(tmp_path: Path):
    kitchen = Kitchen(tmp_path / "runs", seconds=0.5, processes=1)
    await kitchen.failure("import time; time.sleep(600)")
    assert "status 4" in await kitchen.failure("raise SystemExit(4)")
    kitchen = Kitchen(tmp_path / "runs", processes=1)
    assert await kitchen.cook("told(a=1)") == {"a": "1"}


# Its words


async def test_a_failure_is_told_in_its_own_last_words(kitchen: Kitchen):
    script = """
import os, sys
for number in range(100):
    print("line", number, "\\x1b[31m", file=sys.stderr)
print("cannot read", os.path.abspath("values.yaml"), file=sys.stderr)
raise SystemExit(2)
"""
    text = await kitchen.failure(script)
    assert "Repository https://git.example.com/shop: plugin cook: generate ended with status 2 and said: " in text
    assert text.endswith("cannot read app/values.yaml")
    assert "line 99" in text
    assert "line 9 " not in text
    assert "\x1b" not in text
    assert "ended with status 7 and said nothing" in await kitchen.failure("raise SystemExit(7)")
    assert "ended with signal 9" in await kitchen.failure("import os; os.kill(os.getpid(), 9)")


async def test_what_the_application_told_it_is_not_in_its_words(kitchen: Kitchen):
    script = """
import base64, os, sys
for name, value in sorted(os.environ.items()):
    if name.startswith(("ARGOCD_", "PARAM_")):
        print(name, value, base64.b64encode(value.encode()).decode(), file=sys.stderr)
raise SystemExit(1)
"""
    block = {
        "name": "cook",
        "env": [{"name": "PASSWORD", "value": "hunter22"}, {"name": "KEY", "value": "first line\nsecond line"}],
        "parameters": [{"name": "tokens", "array": ["tok-1234"], "map": {"a": "map-5678"}, "string": "str-9012"}],
    }
    text = await kitchen.failure(script, plugin=block)
    for secret in ("hunter22", "aHVudGVyMjI=", "first line", "second line", "tok-1234", "map-5678", "str-9012"):
        assert secret not in text
    assert "***" in text


async def test_a_program_that_is_not_installed(tmp_path: Path):
    kitchen = Kitchen(tmp_path / "runs", plugin(generate={"command": ["no-such-cook"]}))
    text = await kitchen.failure("")
    assert "plugin cook: generate no-such-cook is not there" in text
    assert "Put it into the image" in text


async def test_that_it_has_no_network_is_said_where_it_looks_for_one(kitchen: Kitchen):
    text = await kitchen.failure("import sys\nsys.exit('dial tcp: lookup charts.example.com: no such host')")
    assert text.endswith('It has no network unless its plugin.yaml has the annotation todoke.dev/network: "true"')


# Files that are not given to it


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"other/out": Link("../../x")}, "other/out is a symbolic link to ../../x, which leads out of the repository"),
        ({"out": Link("/etc/passwd")}, "out is a symbolic link to /etc/passwd, which leads out of the repository"),
        ({"a/.git/config": "[core]"}, '"a/.git" is no name for a file'),
    ],
)
async def test_links_and_names_that_lead_out_are_refused(kitchen: Kitchen, files: dict[str, str], words: str):
    text = await kitchen.failure("told(a=1)", files)
    assert f"its files cannot be given to the plugin cook: {words}" in text
    assert kitchen.left_behind == []


# What a restart finds


KILLED = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = {path!r}
from tests.render.plugins.kitchen import Kitchen
from todoke.render.plugins.process import Barriers
kitchen = Kitchen(Path(sys.argv[1]), barriers={barriers})
asyncio.run(kitchen.cook({script!r}, {more!r}))
"""


@BARRIERS
async def test_nothing_survives_when_todoke_is_killed(tmp_path: Path, barriers: Barriers | None):
    word = str(uuid4())
    script, more = daemon(word)
    program = tmp_path / "killed.py"
    given = {"path": sys.path, "barriers": barriers, "script": f"{script}\ntime.sleep(600)", "more": more}
    program.write_text(textwrap.dedent(KILLED).format(**given))
    folder = tmp_path / "runs"
    todoke = await asyncio.create_subprocess_exec(sys.executable, str(program), str(folder))
    await until(lambda: running(word))
    todoke.kill()
    await todoke.wait()
    await until(lambda: not running(word))
    assert [*folder.iterdir()]
    await Runs(folder, Limits()).start()
    assert [*folder.iterdir()] == []
