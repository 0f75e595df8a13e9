"""Settings: a flag beats the environment beats the default, and each is documented."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_type_hints

import pytest

from todoke.cli.fields import fields_of
from todoke.settings import Settings, read_settings

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"
OTHERS: dict[type, tuple[str, Any]] = {str: ("text", "text"), bool: ("yes", True), int: ("7", 7), float: ("1.5", 1.5)}


def test_flag_beats_environment_beats_default() -> None:
    assert read_settings({}, {}).workers == Settings().workers
    assert read_settings({"workers": None}, {"TODOKE_WORKERS": "3"}).workers == 3
    assert read_settings({"workers": 2}, {"TODOKE_WORKERS": "3"}).workers == 2


@pytest.mark.parametrize("name", list(get_type_hints(Settings)))
def test_each_is_read_from_its_variable(name: str) -> None:
    own = {"listen": "[::1]:0", "private_networks": "10.0.0.0/8, fd00::/8"}
    text, value = (own[name], own[name]) if name in own else OTHERS[get_type_hints(Settings)[name]]
    assert getattr(read_settings({}, {f"TODOKE_{name.upper()}": text}), name) == value


def test_a_flag_that_is_false_counts() -> None:
    assert read_settings({"observe": False}, {"TODOKE_OBSERVE": "true"}).observe is False


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        ("TODOKE_OBSERVE", "perhaps", "TODOKE_OBSERVE='perhaps': expected true or false"),
        ("TODOKE_POLL_SECONDS", "5m", "TODOKE_POLL_SECONDS='5m': expected float"),
        ("TODOKE_WORKERS", "1.5", "TODOKE_WORKERS='1.5': expected int"),
        (
            "TODOKE_PRIVATE_NETWORKS",
            "10.0.0.0/8,mine",
            "private_networks='mine': expected a CIDR block, like 10.0.0.0/8",
        ),
    ],
)
def test_a_wrong_text_names_variable_value_and_expectation(variable: str, text: str, says: str) -> None:
    with pytest.raises(ValueError, match="expected") as error:
        read_settings({}, {variable: text})
    assert str(error.value) == says


@pytest.mark.parametrize(
    "listen",
    ["8080x", "localhost", "[::1]", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:-1", "127.0.0.1:99999", "127.0.0.1:²"],
)
def test_an_address_to_listen_on_that_is_none_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="expected host:port, for example 127"):
        read_settings({"listen": listen})


def test_each_is_documented_as_it_stands_in_the_code() -> None:
    page = PAGE.read_text()
    for field in fields_of(Settings):
        assert f"### `{field.name}`" in page, field.name
        assert f"`--{field.name.replace('_', '-')}`, `TODOKE_{field.name.upper()}`" in page, field.name
        assert " ".join(field.doc.split()) in " ".join(page.split()), f"{field.name}: the words differ"
    documented = {line.strip("#` ") for line in page.splitlines() if line.startswith("### ")}
    assert documented == {field.name for field in fields_of(Settings)}
