"""Value files by URL, charts of kustomizations, and the installation's options as inputs of a rendering."""

from __future__ import annotations

from typing import Any

import pytest

from tests.render.remote.conftest import MakeKitchen
from tests.render.remote.kitchen import World, config
from todoke.model.errors import Blocked
from todoke.model.remotes import RemoteChart

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

URL = "https://values.example.com/prod.yaml?token=t0ken"
TEMPLATE = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {x: {{ .Values.x | quote }}}\n"
)
CHART = {
    "Chart.yaml": "apiVersion: v2\nname: far\nversion: 1.0.0\n",
    "values.yaml": "x: chart\n",
    "prod.yaml": "x: prod\n",
    "templates/a.yaml": TEMPLATE,
}


def chart(**files: str) -> dict[str, str]:
    return {f"app/{path}": text for path, text in {**CHART, **files}.items()}


def helm(*files: str, **more: Any) -> dict[str, Any]:
    return {"helm": {"valueFiles": list(files), **more}}


async def value(ours: Any, files: dict[str, str], **more: Any) -> str:
    (manifest,) = (await ours.render(files, **more)).manifests
    return str(manifest.body["data"]["x"])


async def test_a_value_file_by_url_takes_its_place_among_the_others(kitchen: MakeKitchen) -> None:
    ours = kitchen(World(files={URL: b"x: far\n"}))
    assert await value(ours, chart(), **helm("prod.yaml", URL)) == "far"
    assert await value(ours, chart(), **helm(URL, "prod.yaml")) == "prod"
    assert ours.world.asked == [URL, URL]


async def test_a_url_may_hold_variables(kitchen: MakeKitchen) -> None:
    ours = kitchen(World(files={"https://values.example.com/shop.yaml": b"x: mine\n"}))
    assert await value(ours, chart(), **helm("https://values.example.com/$ARGOCD_APP_NAME.yaml")) == "mine"


async def test_a_missing_one_is_an_error_or_ignored(kitchen: MakeKitchen) -> None:
    ours = kitchen(World())
    with pytest.raises(Blocked, match="HTTP 404") as caught:
        await ours.render(chart(), **helm(URL))
    assert "t0ken" not in str(caught.value)
    assert await value(ours, chart(), **helm(URL, ignoreMissingValueFiles=True)) == "chart"


async def test_what_is_no_yaml_is_named_without_its_token(kitchen: MakeKitchen) -> None:
    with pytest.raises(Blocked, match=r"values.example.com/prod.yaml") as caught:
        await kitchen(World(files={URL: b"{"})).render(chart(), **helm(URL))
    assert "t0ken" not in str(caught.value)


async def test_schemes_are_permitted_by_the_installation(kitchen: MakeKitchen) -> None:
    ours = kitchen(World(files={URL: b"x: far\n"}))
    ours.options("", helm_valuesFileSchemes="")
    with pytest.raises(Blocked, match=r"helm.valuesFileSchemes") as caught:
        await ours.render(chart(), **helm(URL))
    assert "t0ken" not in str(caught.value)
    ours.options("", helm_valuesFileSchemes="http, HTTPS")
    assert await value(ours, chart(), **helm(URL)) == "far"
    with pytest.raises(Blocked, match="s3://"):
        await ours.render(chart(), **helm("s3://bucket/values.yaml"))


async def test_file_parameters_are_not_fetched(kitchen: MakeKitchen) -> None:
    parameters = {"helm": {"fileParameters": [{"name": "x", "path": URL}]}}
    with pytest.raises(Blocked, match="only value files are fetched by one"):
        await kitchen(World(files={URL: b"x"})).render(chart(), **parameters)


async def test_offline_nothing_is_fetched(kitchen: MakeKitchen) -> None:
    ours = kitchen(World(files={URL: b"x: far\n"}))
    with pytest.raises(Blocked, match="offline"):
        await ours.render(chart(), offline=True, **helm(URL))
    assert ours.world.asked == []


async def test_a_wrong_parameter_is_named(kitchen: MakeKitchen) -> None:
    fine, wrong = {"name": "fine", "value": "1"}, {"name": "a[x]", "value": "1"}
    with pytest.raises(Blocked, match=r"spec.source.helm.parameters: a\[x\]: "):
        await kitchen(World()).render(chart(), helm={"parameters": [fine, wrong]})
    text = {"name": "b[x]", "value": "1", "forceString": True}
    with pytest.raises(Blocked, match=r"spec.source.helm.parameters: b\[x\]: "):
        await kitchen(World()).render(chart(), helm={"parameters": [fine, text]})


INFLATED = """
helmCharts: [{name: far, repo: 'https://charts.example.com', version: 1.0.0, releaseName: my, valuesInline: {x: in}}]
"""


def inflated(text: str = INFLATED, **files: str) -> dict[str, str]:
    return {"app/kustomization.yaml": text, **files}


async def test_a_chart_of_a_kustomization_is_fetched(kitchen: MakeKitchen) -> None:
    ours = kitchen(World(charts={"far": CHART}))
    ours.options("--enable-helm")
    assert await value(ours, inflated()) == "in"
    assert ours.world.asked == [RemoteChart("https://charts.example.com", "far", "1.0.0")]
    other = INFLATED.replace("valuesInline: {x: in}", "valuesFile: charts/far-1.0.0/far/prod.yaml")
    assert await value(ours, inflated(other)) == "prod"
    assert await value(ours, inflated(INFLATED.replace(", valuesInline: {x: in}", ""))) == "chart"


async def test_charts_are_told_of_the_cluster_unless_the_application_says_otherwise(kitchen: MakeKitchen) -> None:
    about = "{{ .Capabilities.KubeVersion.Version }} {{ .Capabilities.APIVersions.Has `a/v1` }}"
    world = World(charts={"far": {**CHART, "templates/a.yaml": TEMPLATE.replace("{{ .Values.x | quote }}", about)}})
    ours = kitchen(world)
    ours.options("--enable-helm")
    assert await value(ours, inflated()) == "v1.33.0 false"
    told = {"kubeVersion": "1.30.1", "apiVersions": ["a/v1"]}
    assert await value(ours, inflated(), kustomize=told) == "v1.30.1 true"


async def test_a_chart_that_lies_beside_the_kustomization_is_not_fetched(kitchen: MakeKitchen) -> None:
    ours = kitchen(World())
    ours.options("--enable-helm")
    local = {f"app/charts/far-1.0.0/far/{path}": text for path, text in CHART.items()}
    assert await value(ours, inflated(**local)) == "in"
    assert ours.world.asked == []


async def test_a_remote_base_may_bring_a_chart(kitchen: MakeKitchen) -> None:
    base = {"kustomization.yaml": INFLATED}
    ours = kitchen(World({"https://git.example.com/org/b": base}, charts={"far": CHART}))
    ours.options("--enable-helm")
    assert await value(ours, inflated("resources: ['https://git.example.com/org/b']\n")) == "in"


@pytest.mark.parametrize("options", ["", "--enable-helm"])
async def test_a_password_in_a_chart_s_repository_is_not_shown(kitchen: MakeKitchen, options: str) -> None:
    ours = kitchen(World(charts={"far": {**CHART, "values.yaml": "x: {"}}))
    ours.options(options)
    for userinfo in ("me:s3cret@", "s3cret@"):
        with pytest.raises(Blocked) as caught:
            await ours.render(inflated(INFLATED.replace("https://", f"https://{userinfo}")))
        assert "s3cret" not in str(caught.value)
        with pytest.raises(Blocked) as caught:
            await ours.render(
                inflated(INFLATED.replace("https://", f"https://{userinfo}").replace("name: far", "nme: x"))
            )
        assert "s3cret" not in str(caught.value)


async def test_an_option_that_changes_renders_anew_and_lifts_an_error(kitchen: MakeKitchen) -> None:
    ours = kitchen(World(charts={"far": CHART}))
    with pytest.raises(Blocked, match=r"kustomize.buildOptions of the ConfigMap argocd-cm"):
        await ours.render(inflated())
    with pytest.raises(Blocked, match=r"kustomize.buildOptions"):
        await ours.render(inflated())
    ours.options("--enable-helm")
    assert await value(ours, inflated()) == "in"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("--enable-alpha-plugins", "--enable-alpha-plugins is not honoured"),
        ("--enable-helm --helm-command=/bin/sh", "--helm-command is not honoured"),
        ("-e A=b", "-e is not honoured"),
        ("--load-restrictor Nope", '--load-restrictor is "Nope"'),
        ("--reorder", '--reorder is ""'),
        ("--enable-helm=maybe", '"maybe"'),
    ],
)
async def test_an_option_that_is_not_honoured_is_named(kitchen: MakeKitchen, options: str, named: str) -> None:
    ours = kitchen(World())
    ours.options(options)
    files = inflated("resources: [a.yaml]\n", **{"app/a.yaml": config("a")})
    with pytest.raises(Blocked, match="ConfigMap/argocd-cm") as caught:
        await ours.render(files)
    assert named in str(caught.value)
    ours.options("--enable-helm=false --load-restrictor=LoadRestrictionsRootOnly --reorder legacy")
    assert await ours.names(files) == ["a"]
