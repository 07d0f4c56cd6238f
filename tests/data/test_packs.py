"""Packs come back as they were written, and what is no pack is named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_packs import SIDE, TRAIN, VAL, faces_columns, make_packs, mirror, save_pack, scenes_columns

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.data.packs import FacesPack, ScenesPack, read_faces, read_folder, read_photos, read_scenes

Columns = dict[str, Array]


@pytest.fixture(scope="module")
def faces() -> Columns:
    return faces_columns("wild", 5)


@pytest.fixture(scope="module")
def scenes() -> Columns:
    return scenes_columns(6)


class TestFaces:
    def test_a_pack_comes_back_as_it_was_written(self, faces: Columns, tmp_path: Path) -> None:
        pack = read_faces(save_pack(tmp_path / "faces-wild.npz", faces))
        assert pack.name == "faces-wild"
        assert len(pack.pictures) == TRAIN + VAL == len(pack.landmarks)
        np.testing.assert_array_equal(pack.landmarks * 16, faces["landmarks"])
        np.testing.assert_allclose(pack.weights, faces["blendshapes"], atol=1e-3)
        np.testing.assert_array_equal(pack.spread, faces["spread"])
        np.testing.assert_array_equal(pack.mirror, mirror())
        assert pack.identity.tolist() == faces["identity"].tolist()
        assert {part.dtype for part in (pack.landmarks, pack.weights, pack.spread)} == {np.dtype(np.float32)}

    def test_every_picture_is_in_one_split(self, faces: Columns, tmp_path: Path) -> None:
        pack = read_faces(save_pack(tmp_path / "faces-wild.npz", faces))
        train, val = pack.indices("train"), pack.indices("val")
        assert (len(train), len(val)) == (TRAIN, VAL)
        assert sorted([*train, *val]) == list(range(TRAIN + VAL))
        assert pack.indices("test").size == 0

    def test_weights_are_found_by_name_and_strangers_passed_over(self, faces: Columns, tmp_path: Path) -> None:
        columns = dict(faces)
        columns["blendshape_names"] = np.array(["_neutral", "jawOpen", "eyeBlinkLeft"])
        columns["blendshapes"] = np.tile([0.1, 0.7, 0.3], (TRAIN + VAL, 1))
        weights = read_faces(save_pack(tmp_path / "faces-few.npz", columns)).weights
        assert weights.shape == (TRAIN + VAL, len(ARKIT))
        np.testing.assert_allclose(weights[:, ARKIT.index("jawOpen")], 0.7)
        np.testing.assert_allclose(weights[:, ARKIT.index("eyeBlinkLeft")], 0.3)
        assert np.count_nonzero(weights) == 2 * (TRAIN + VAL)

    def test_pictures_are_decoded_one_by_one(self, faces: Columns, tmp_path: Path) -> None:
        pictures = read_faces(save_pack(tmp_path / "faces-wild.npz", faces)).pictures
        rgb = pictures.rgb(1)
        assert rgb.shape == (SIDE, SIDE, 3)
        assert rgb.dtype == np.uint8
        assert (rgb[0, :20] == 0).all(), "the black corner"
        assert (rgb != pictures.rgb(2)).any()
        np.testing.assert_allclose(pictures.grey(1), rgb @ [0.299, 0.587, 0.114], atol=1)


class TestScenes:
    def test_faces_are_dealt_to_their_pictures(self, scenes: Columns, tmp_path: Path) -> None:
        pack = read_scenes(save_pack(tmp_path / "scenes.npz", scenes))
        assert len(pack.pictures) == len(pack.boxes) == len(pack.points) == len(scenes["faces"])
        assert [len(boxes) for boxes in pack.boxes] == scenes["faces"].tolist()
        np.testing.assert_array_equal(np.concatenate(pack.boxes), scenes["boxes"])
        np.testing.assert_array_equal(np.concatenate(pack.points), scenes["points"])
        assert set(pack.kind) == {"web", "collage"}
        for boxes, points in zip(pack.boxes, pack.points, strict=True):
            assert boxes.shape == (len(points), 4)
            assert ((points > boxes[:, None, :2]) & (points < boxes[:, None, 2:])).all()

    def test_a_picture_without_faces_has_empty_arrays(self, scenes: Columns, tmp_path: Path) -> None:
        pack = read_scenes(save_pack(tmp_path / "scenes.npz", scenes))
        assert pack.boxes[0].shape == (0, 4)
        assert pack.points[0].shape == (0, 5, 2)


class TestFolder:
    def test_faces_packs_come_by_name(self, tmp_path: Path) -> None:
        faces, scenes = read_folder(make_packs(tmp_path))
        assert [pack.name for pack in faces] == ["faces-synthetic", "faces-wild"]
        assert isinstance(scenes, ScenesPack)

    def test_scenes_may_be_missing(self, faces: Columns, tmp_path: Path) -> None:
        save_pack(tmp_path / "faces-wild.npz", faces)
        assert read_folder(tmp_path)[1] is None

    @pytest.mark.parametrize("name", ["", "nowhere"])
    def test_a_folder_without_faces_is_named(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"holds no faces-\*\.npz") as raised:
            read_folder(tmp_path / name)
        assert raised.value.code == "E_NOTFILE"
        assert raised.value.source == str(tmp_path / name)


class TestRendered:
    """A pack says whether its faces are renders; one that does not say holds photos."""

    @pytest.mark.parametrize(("said", "rendered"), [(None, False), (False, False), (True, True)])
    def test_it_is_read(self, said: bool | None, rendered: bool, faces: Columns, tmp_path: Path) -> None:
        columns = faces if said is None else {**faces, "rendered": np.array(said)}
        pack = read_faces(save_pack(tmp_path / "faces-some.npz", columns))
        assert pack.rendered is rendered

    @pytest.mark.parametrize("value", [np.array([True, False]), np.zeros(0, bool), np.array("yes")])
    def test_what_is_no_yes_and_no_no_is_refused(self, value: Array, faces: Columns, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"E_FORMAT: rendered must be one truth value"):
            read_faces(save_pack(tmp_path / "faces-odd.npz", {**faces, "rendered": value}))

    def test_photos_are_told_from_renders(self, faces: Columns, scenes: Columns, tmp_path: Path) -> None:
        save_pack(tmp_path / "faces-a.npz", {**faces, "rendered": np.array(True)})
        save_pack(tmp_path / "faces-b.npz", faces)
        save_pack(tmp_path / "scenes.npz", scenes)
        assert [pack.name for pack in read_folder(tmp_path)[0]] == ["faces-a", "faces-b"]
        photos, found = read_photos(tmp_path)
        assert [pack.name for pack in photos] == ["faces-b"]
        assert isinstance(found, ScenesPack)

    def test_renders_alone_are_no_photos(self, faces: Columns, tmp_path: Path) -> None:
        save_pack(tmp_path / "faces-a.npz", {**faces, "rendered": np.array(True)})
        with pytest.raises(InputError, match="E_NOTFILE: holds made faces alone") as raised:
            read_photos(tmp_path)
        assert raised.value.source == str(tmp_path)


class TestByHand:
    """A pack says whether people gave its weights, and for which channels it has any."""

    @pytest.mark.parametrize(("said", "by_hand"), [(None, False), (False, False), (True, True)])
    def test_it_is_read(self, said: bool | None, by_hand: bool, faces: Columns, tmp_path: Path) -> None:
        columns = faces if said is None else {**faces, "by_hand": np.array(said)}
        pack = read_faces(save_pack(tmp_path / "faces-some.npz", columns))
        assert pack.by_hand is by_hand
        assert not pack.rendered

    @pytest.mark.parametrize("value", [np.array([True]), np.array(1), np.array("yes")])
    def test_what_is_no_yes_and_no_no_is_refused(self, value: Array, faces: Columns, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"E_FORMAT: by_hand must be one truth value"):
            read_faces(save_pack(tmp_path / "faces-odd.npz", {**faces, "by_hand": value}))

    def test_all_channels_are_named_where_all_are_there(self, faces: Columns, tmp_path: Path) -> None:
        pack = read_faces(save_pack(tmp_path / "faces-all.npz", faces))
        assert pack.named.dtype == np.bool_
        assert pack.named.tolist() == [True] * len(ARKIT)

    def test_a_channel_that_has_no_column_is_unknown(self, faces: Columns, tmp_path: Path) -> None:
        columns = dict(faces)
        columns["blendshape_names"] = np.array(["_neutral", "jawOpen", "noseSneerLeft"])
        columns["blendshapes"] = np.zeros((TRAIN + VAL, 3))
        pack = read_faces(save_pack(tmp_path / "faces-few.npz", columns))
        assert {ARKIT.columns[k] for k in np.flatnonzero(pack.named)} == {"jawOpen", "noseSneerLeft"}


class TestLabel:
    def test_words_come_back(self, faces: Columns, tmp_path: Path) -> None:
        words = np.array(["neutral", "", "happiness"] * ((TRAIN + VAL) // 3))
        pack = read_faces(save_pack(tmp_path / "faces-said.npz", {**faces, "label": words}))
        assert pack.label.tolist() == words.tolist()

    def test_where_nobody_said_it_is_empty(self, faces: Columns, tmp_path: Path) -> None:
        pack = read_faces(save_pack(tmp_path / "faces-mute.npz", {k: v for k, v in faces.items() if k != "label"}))
        assert pack.label.tolist() == [""] * (TRAIN + VAL)

    def test_a_word_too_few_is_refused(self, faces: Columns, tmp_path: Path) -> None:
        columns = {**faces, "label": np.full(TRAIN + VAL - 1, "neutral")}
        with pytest.raises(InputError, match="E_FORMAT: label must have shape"):
            read_faces(save_pack(tmp_path / "faces-odd.npz", columns))


Reader = Callable[[Path], FacesPack | ScenesPack]


@pytest.mark.parametrize("reader", [read_faces, read_scenes])
class TestNoPack:
    def test_missing_file(self, reader: Reader, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="there is no such pack") as raised:
            reader(tmp_path / "faces-none.npz")
        assert raised.value.code == "E_NOTFILE"

    @pytest.mark.parametrize("content", [b"", b"not a pack", b"PK\x03\x04 and no more", b"\x93NUMPY\x01\x00"])
    def test_another_format(self, reader: Reader, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "faces-odd.npz").write_bytes(content)
        with pytest.raises(InputError, match=r"not a pack.*docs/data\.md") as raised:
            reader(tmp_path / "faces-odd.npz")
        assert raised.value.code == "E_FORMAT"

    def test_a_lone_array(self, reader: Reader, tmp_path: Path) -> None:
        with (tmp_path / "faces-lone.npz").open("wb") as stream:
            np.save(stream, np.zeros(3))
        with pytest.raises(InputError, match="not a pack"):
            reader(tmp_path / "faces-lone.npz")

    def test_half_a_file(self, reader: Reader, faces: Columns, tmp_path: Path) -> None:
        file = save_pack(tmp_path / "faces-half.npz", faces)
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        with pytest.raises(InputError, match="not a pack"):
            reader(file)

    def test_pickled_objects_are_never_loaded(self, reader: Reader, faces: Columns, tmp_path: Path) -> None:
        with (tmp_path / "faces-bad.npz").open("wb") as stream:
            np.savez(stream, allow_pickle=True, **{**faces, "split": np.array(["train", 1], object)})
        with pytest.raises(InputError, match="not a pack"):
            reader(tmp_path / "faces-bad.npz")


class TestArraysThatDoNotFit:
    @pytest.mark.parametrize("name", ["webp", "landmarks", "blendshapes", "spread", "identity", "split", "mirror"])
    def test_a_missing_array_of_faces_is_named(self, name: str, faces: Columns, tmp_path: Path) -> None:
        kept = {key: value for key, value in faces.items() if key != name}
        with pytest.raises(InputError, match=f"not a pack.*{name}"):
            read_faces(save_pack(tmp_path / "faces-odd.npz", kept))

    @pytest.mark.parametrize("name", ["landmarks", "blendshapes", "spread", "identity", "split", "mirror"])
    def test_an_array_of_faces_of_another_length_is_named(self, name: str, faces: Columns, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=f"E_FORMAT: {name} must have shape"):
            read_faces(save_pack(tmp_path / "faces-odd.npz", {**faces, name: faces[name][1:]}))

    def test_468_landmarks_are_too_few(self, faces: Columns, tmp_path: Path) -> None:
        columns = {**faces, "landmarks": faces["landmarks"][:, :468]}
        with pytest.raises(InputError, match=r"landmarks must have shape \[12, 478, 3\], got \[12, 468, 3\]"):
            read_faces(save_pack(tmp_path / "faces-odd.npz", columns))

    @pytest.mark.parametrize("name", ["faces", "boxes", "points", "kind", "split"])
    def test_an_array_of_scenes_of_another_length_is_named(self, name: str, scenes: Columns, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"E_FORMAT: [a-z]+ must have shape"):
            read_scenes(save_pack(tmp_path / "scenes.npz", {**scenes, name: scenes[name][:-1]}))
