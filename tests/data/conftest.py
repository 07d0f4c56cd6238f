"""Drawn packs that the tests of this folder share."""

import pytest
from made_packs import make_packs

from mien.data.packs import FacesPack, ScenesPack, read_folder


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[FacesPack], ScenesPack]:
    faces, scenes = read_folder(make_packs(tmp_path_factory.mktemp("packs")))
    assert scenes is not None
    return faces, scenes
