"""Recorded cases of Argo CD's ApplicationSets that ask what our functions answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import yaml

from tests.cases import corpus_cases, corpus_file
from tests.generate.repositories import FakeRepository
from todoke.generate import Evaluate, Means, application, applications, parameter_sets
from todoke.generate.application import patched, template_of
from todoke.generate.making import Making
from todoke.generate.parameters import by_merge_keys, informed
from todoke.generate.shapes import combined
from todoke.model.errors import Blocked
from todoke.render.kubernetes_yaml import load

pytestmark = pytest.mark.asyncio(loop_scope="package")

Case = dict[str, Any]
Call = Callable[[Case, Evaluate], Awaitable[Any]]

OTHER_FILES = {
    "cluster": "the clusters generator",
    "duck_type": "the clusterDecisionResource generator",
    "interface": "how often a controller looks",
    "plugin": "the plugin generator",
    "pr_filters": "the pullRequest generator",
    "pull_request": "the pullRequest generator",
    "scm_filters": "the scmProvider generator",
    "scm_provider": "the scmProvider generator",
}
OTHERS = {
    "TestGitGenerator_GenerateParams#2": "asks the cluster for a project",
    "TestMatrixGetRequeueAfter/returns_the_default_time_for_scm_generator": "how often a controller looks",
    "TestInterpolatedMatrixGenerate/happy_flow_-_generate_interpolated_params": "the clusters generator",
    "TestInterpolatedMatrixGenerateGoTemplate/happy_flow_-_generate_interpolated_params": "the clusters generator",
    "TestInterpolatedMatrixGenerateGoTemplate_ClusterValuesFromFirstGenerator": "the clusters generator",
    "TestTransForm/server_filter_with_long_url": "the clusters generator",
    "TestTransFormGoTemplate/values_filter": "the clusters generator",
    "TestGetRelevantGenerators#2": "recorded without its generator",
    "TestInterpolateGeneratorError/Empty_Gen": "a pointer to nothing, which a document cannot hold",
    "TestRenderTemplateParamsGoTemplate/toYaml_Error": "a function among the data, which a document cannot hold",
    "TestGenerateApplications/Handles_error_from_the_render": "how parts of Argo CD call each other",
    "TestApplyIgnoreDifferencesIsTypeMetaIndependent/neither_has_TypeMeta": "compares with a live object",
    "TestInvalidGenerators#2": "a warning made of kubectl's annotation",
    "TestInvalidGenerators#4": "a warning made of kubectl's annotation",
    "TestInvalidGenerators#5": "a warning made of kubectl's annotation",
    "TestInvalidGenerators#6": "a warning made of kubectl's annotation",
    "TestNormalizeBitbucketBasePath#1": "the scmProvider generator",
    "TestNormalizeBitbucketBasePath#3": "the scmProvider generator",
    "TestValidateGeneratedApplications/project_mismatch_should_return_error": "asks the cluster for a project",
    "TestValidateGeneratedApplications/cluster_should_match": "asks for the clusters that there are",
}
ROLLING = {"buildAppDependencyList", "getAppsToSync"}
"""Calls of progressive syncs, which look at live Applications."""

NESTED_TEMPLATE = [0, "git", "template"]
"""Of a generator in a matrix, Argo CD keeps the template that it does not use; it is left out here."""


LOST = {"Test_ApplyTemplatePatch/patch_with_JSON": {"syncPolicy": {"automated": {"prune": True}}}}
"""Fields of an expected spec that the recording dropped, as it does with pointers to booleans."""


class Answered(FakeRepository):
    """A repository of which only the recorded folders are told."""

    def __init__(self, files: dict[str, str | None], folders: list[str]) -> None:
        super().__init__(files)
        self._folders = folders

    def folders(self) -> list[str]:
        return self._folders


def _why_not(case: Case, file: str) -> str:
    if case["call"] in ROLLING:
        return "a rollout of live Applications"
    return OTHER_FILES.get(file) or OTHERS.get(case["id"], "")


def _documents() -> Iterator[tuple[str, Case]]:
    for file in sorted(corpus_file("appset/git.yaml").parent.glob("*.yaml")):
        for case in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader):
            if case:
                yield file.stem, case


def _in_scope(case: Case) -> bool:
    asked = case["call"] in CALLS and case["id"] not in OTHERS
    return asked and not (case["call"] == "GenerateParams" and case["generator"] not in GENERATORS)


def _repository(case: Case) -> FakeRepository | None:
    """What the recorded answers say of the repository; None where they are an error."""
    files: dict[str, str | None] = dict(case.get("given", {}).get("noMatchFiles", {}))
    folders: list[str] = []
    for answer in case.get("answers", ()):
        found, *failed = answer["returns"]
        if failed and failed[0]:
            return None
        if answer["call"] == "GetDirectories":
            folders += found
        elif answer["call"] == "GetFiles":
            files |= found
        elif answer["call"] == "GenerateParams":  # of a matrix, what its git generator finds
            folders += [_folder(one) for one in found if "path" in one]
    return Answered(files, folders)


def _folder(parameters: Case) -> str:
    path = parameters["path"]
    return str(path["path"] if isinstance(path, dict) else path)


def _means(case: Case, evaluate: Evaluate) -> Means:
    repository = _repository(case)
    globs = "doublestar" if "NewGlobbing" in case["id"] else "pathspec"
    return Means(lambda url, revision: repository, evaluate, load, globs)


async def _generated(case: Case, evaluate: Evaluate) -> Any:
    spec = {**case["args"]["applicationSet"].get("spec", {}), "generators": [case["args"]["generator"]]}
    return list(await parameter_sets(spec, _means(case, evaluate)))


async def _transformed(case: Case, evaluate: Evaluate) -> Any:
    return [{"params": await _generated(case, evaluate)}]


async def _of_file(case: Case, evaluate: Evaluate) -> Any:
    args = case["args"]
    repository = FakeRepository({args["filePath"]: args["fileContent"]})
    git = {"repoURL": "u", "files": [{"path": args["filePath"]}], "values": args["values"]}
    spec = {"goTemplate": args["useGoTemplate"], "generators": [{"git": {**git, "pathParamPrefix": "myRepo"}}]}
    return list(await parameter_sets(spec, Means(lambda url, revision: repository, evaluate, load)))


def _making(case: Case, evaluate: Evaluate) -> Making:
    args = case["args"]
    spec = {"goTemplate": args["useGoTemplate"], "goTemplateOptions": args["goTemplateOptions"]}
    return Making(spec, _means(case, evaluate))


async def _informed(case: Case, evaluate: Evaluate) -> Any:
    args = case["args"]
    return await informed(_making(case, evaluate), args.get("generator", args.get("gen")), args["params"], "spec")


async def _values(case: Case, evaluate: Evaluate) -> Any:
    args = case["args"]
    return {"params": await _making(case, evaluate).with_values(args["params"], args["values"], "values")}


async def _rendered(case: Case, evaluate: Evaluate) -> Any:
    template = case["args"]["tmpl"]
    helm = template.get("spec", {}).get("source", {}).get("helm")
    if helm:  # recorded as the bytes that it is kept as
        helm["valuesObject"]["raw"] = load(helm["valuesObject"]["raw"].encode())
    made = await _making(case, evaluate).rendered(template, case["args"]["params"], "spec.template")
    whole = application({"spec": {"syncPolicy": case["args"].get("syncPolicy")}}, made)
    return {**made, "metadata": {**made.get("metadata", {}), **whole["metadata"]}}


async def _patched(case: Case, evaluate: Evaluate) -> Any:
    return patched(case["args"]["app"], load(case["args"]["templatePatch"].encode()))


async def _merged_template(case: Case, evaluate: Evaluate) -> Any:
    """What is recorded as the result is what a stand-in for rendering gave; what it was given, is ours to make."""
    answers = {answer["call"]: answer for answer in case["answers"]}
    (own,) = answers["GetTemplate"]["returns"]
    made = template_of(own, case["args"]["applicationSetInfo"]["spec"]["template"])
    assert made == answers["RenderTemplateParams"]["args"][0]["$result"]["args"]["applicationSetTemplate"]
    return answers["RenderTemplateParams"]["returns"][:1]


async def _slug(case: Case, evaluate: Evaluate) -> Any:
    longest, at_words, name = case["args"]["args"]
    return await evaluate(f"{{{{ slugify {longest} .words .name }}}}", {"words": at_words, "name": name}, ())


async def _by_keys(case: Case, evaluate: Evaluate) -> Any:
    found = by_merge_keys(case["args"]["mergeKeys"], case["args"]["paramSets"], "spec")
    return {key.decode(): one for key, one in found.items()}


async def _combined(case: Case, evaluate: Evaluate) -> Any:
    return combined(case["args"]["aSI"], case["args"]["bSI"])


async def _checked(case: Case, evaluate: Evaluate) -> Any:
    (wanted,) = case["args"]["desiredApplications"]
    spec = {"generators": [{"list": {"elements": [{}]}}], "template": wanted}
    made = await applications({"spec": spec}, lambda url, revision: None, evaluate, load)
    assert made.applications == ()
    return {problem.application: problem.text for problem in made.problems}


GENERATORS = {"List", "Git", "Matrix", "Merge"}
CALLS: dict[str, Call] = {
    "GenerateParams": _generated,
    "generateParamsFromGitFile": _of_file,
    "Transform": _transformed,
    "InterpolateGenerator": _informed,
    "RenderGeneratorParams": _informed,
    "appendTemplatedValues": _values,
    "RenderTemplateParams": _rendered,
    "applyTemplatePatch": _patched,
    "GenerateApplications": _merged_template,
    "SlugifyName": _slug,
    "getParamSetsByMergeKey": _by_keys,
    "CombineStringMaps": _combined,
    "ApplicationSetReconciler.validateGeneratedApplications": _checked,
}


@corpus_cases("appset/*.yaml", _in_scope)
async def test_recorded(case: Case, evaluate: Evaluate) -> None:
    try:
        made, error = await CALLS[case["call"]](case, evaluate), None
    except (Blocked, ValueError) as caught:
        made, error = None, str(caught)

    for expected in case["expect"]:
        _check(expected, made, error, case)


def _check(expected: Case, made: Any, error: str | None, case: Case) -> None:
    op, path = expected["op"], list(expected["path"])
    if op in ("no_error", "error", "error_equal"):
        assert (error is None) is (op == "no_error"), error
    elif op == "error_contains":
        assert error is not None
        assert expected["value"] in error
    elif path[:3] != NESTED_TEMPLATE:
        found = _at(made, path[1:] if path[:1] == [0] else path)
        _compare(op, found, expected.get("value"), case)


def _at(made: Any, path: list[Any]) -> Any:
    for step in path:
        made = made.get(step) if isinstance(made, dict) else made[step]
    return made


def _compare(op: str, found: Any, value: Any, case: Case) -> None:
    if case.get("generator") == "Matrix" and any("segments" not in str(one) for one in value or ()):
        found = [_as_mocked(one, case) for one in found]
    if case["call"].endswith("validateGeneratedApplications"):
        assert set(found) == set(value)
    elif op == "equal" and value in ([], {}, ""):
        assert not found
    elif op == "equal" and case["id"] in LOST:
        assert found == {**value, "spec": {**value["spec"], **LOST[case["id"]]}}
    elif op == "equal":
        assert found == value
    elif op == "elements_match":
        assert sorted(found or [], key=_sorting) == sorted(value or [], key=_sorting)
    elif op == "len":
        assert len(found) == value
    elif op == "contains":
        assert value in found
    elif op == "is_nil":
        assert found is None
    else:
        assert op in ("not_nil", "not_equal")
        assert found is not None
        assert found != value


def _as_mocked(parameters: Case, case: Case) -> Case:
    """Without what the recorded stand-ins of a git generator leave out."""
    if any(answer["call"] == "GetFiles" for answer in case.get("answers", ())):
        return parameters
    path = parameters.get("path")
    if not isinstance(path, dict):
        return parameters
    return {**parameters, "path": {key: item for key, item in path.items() if key != "segments"}}


def _sorting(value: Any) -> str:
    return repr(sorted(value.items(), key=repr)) if isinstance(value, dict) else repr(value)


async def test_every_recorded_case_is_asked_or_left_out_for_a_reason() -> None:
    reasons = Counter(_why_not(case, file) or "asked" for file, case in _documents())
    asked = [case["id"] for file, case in _documents() if not _why_not(case, file)]

    assert asked == [case["id"] for _, case in _documents() if _in_scope(case)]
    assert reasons["asked"] == 88
    assert sum(reasons.values()) == 180
