"""What mien needs is told, and is permissive: the page of licences against `pyproject.toml` and what is installed."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
COPYLEFT = re.compile(r"(?i)\b[AL]?GPL|general public|mozilla|\bMPL|\bEUPL|\bSSPL|\bCC-BY-(NC|SA)")
KNOWN = {"certifi"}
KNOWN_OF_EXTRAS = KNOWN | {"tqdm"}
"""Not permissive, and told on the page."""


def declared(package: str) -> str:
    """The licence that an installed package declares, in all the ways in which it may."""
    about = distribution(package).metadata
    said = [each for field in ("License-Expression", "License") for each in about.get_all(field, [])]
    kinds = [each for each in about.get_all("Classifier", []) if each.startswith("License")]
    return " | ".join([each[:200] for each in said] + kinds)


def needed(wanted: list[str]) -> set[str]:
    """The packages that an install of these requirements brings here."""
    found: set[str] = set()
    for text in wanted:
        requirement = Requirement(text)
        if requirement.name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(requirement.name)
        found |= needed([each for each in distribution(requirement.name).requires or []])
    return found


def test_every_package_that_is_asked_for_stands_on_the_page() -> None:
    page = (ROOT / "docs" / "licences.md").read_text("utf-8")
    told = {name for line in page.splitlines() if line.startswith("| ") for name in re.split(r", | \|", line[2:])}
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    asked = {Requirement(each).name for group in groups for each in group}
    assert asked - told == set()


def test_a_default_install_is_permissive() -> None:
    bad = {name: declared(name) for name in needed(PROJECT["dependencies"]) if COPYLEFT.search(declared(name))}
    assert set(bad) == KNOWN, bad


@pytest.mark.parametrize("name", ["batch", "tables", "report", "mediapipe", "flame"])
def test_so_are_the_extras_that_run_beside_it(name: str) -> None:
    try:
        packages = needed(PROJECT["optional-dependencies"][name])
    except PackageNotFoundError as missing:
        pytest.skip(f"{missing.name} is not installed")
    assert {each for each in packages if COPYLEFT.search(declared(each))} <= KNOWN_OF_EXTRAS


@pytest.mark.parametrize("licence", ["LGPL-3.0-or-later", "GNU Lesser General Public License v3", "MPL-2.0", "AGPLv3"])
def test_what_is_not_permissive_is_told(licence: str) -> None:
    assert COPYLEFT.search(licence)
