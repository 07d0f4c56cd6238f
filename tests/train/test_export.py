"""An exported network answers as torch does, fresh or shipped, and its card is true."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
import pytest
import torch
from made_packs import mirror
from torch import Tensor, nn

from mien.core.card import Figure
from mien.core.errors import ModelError
from mien.detect.shape import mean_face
from mien.nets.crease import CreaseNet
from mien.nets.finder import FaceFinder
from mien.nets.landmarks import LandmarkNet
from mien.nets.local_global import LocalGlobalNet
from mien.nets.motion import MotionNet
from mien.nets.mouth import MouthNet
from mien.nets.refiner import Refiner
from mien.nets.texture import TextureNet
from mien.rig.residual import EYES_APART
from mien.train import export as exporting
from mien.train.export import Signature, Story, export, parity, rounded, twin, write_recipe, write_story
from mien.train.loop import TrainOptions
from mien.train.recipes import RECIPES
from mien.weights.catalog import cards, shipped
from mien.weights.store import verify


def _flat_mean() -> Tensor:
    """[478, 2] the mean face, inter-ocular distances."""
    return torch.from_numpy(mean_face().points[:, :2] / EYES_APART).float()


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "finder": FaceFinder,
    "landmarks": LandmarkNet,
    "refiner": Refiner,
    "lgml": lambda: LocalGlobalNet(torch.from_numpy(mirror())),
    "mouth": MouthNet,
    "crease": CreaseNet,
    "motion": lambda: MotionNet(torch.from_numpy(mirror()), _flat_mean(), (torch.randn(956, 64) / 10).half().float()),
    "texture": TextureNet,
    "baseline": TextureNet,
}
SHIPPED = Path(exporting.__file__).parents[1] / "weights" / "shipped"
STORY = Story("p", "i", None, "our own", "drawn faces", "all of it")


def fresh(name: str, seed: int) -> nn.Module:
    """An untrained network whose normalisations are nevertheless no identities, and that has no weights of 0."""
    torch.manual_seed(seed)
    network = NETWORKS[name]()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.0)
            nn.init.uniform_(module.bias, -0.2, 0.2)
            nn.init.uniform_(module.running_mean, -0.3, 0.3)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    for value in network.parameters():
        if not value.any():
            nn.init.uniform_(value, -0.01, 0.01)
    return network.eval()


@dataclass
class Exported:
    """One network on its way out."""

    name: str
    network: nn.Module
    file: Path
    difference: float

    @property
    def signature(self) -> Signature:
        return RECIPES[self.name].signature


@pytest.fixture(scope="module", params=NETWORKS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    name: str = request.param
    network, file = rounded(fresh(name, 1)), tmp_path_factory.mktemp("exported") / f"{name}.onnx"
    return Exported(name, network, file, export(network, RECIPES[name].signature, file))


def sized(height: int, width: int) -> Signature:
    """The finder's signature with a picture of another size."""
    wave = 120 + 40 * torch.sin(torch.arange(width) / 7.0)
    return Signature((("luminance", wave.expand(1, 1, height, width)),), RECIPES["finder"].signature.outputs)


def test_there_is_a_recipe_for_each_network() -> None:
    assert set(RECIPES) == set(NETWORKS)


class TestExport:
    def test_torch_and_onnx_agree(self, exported: Exported) -> None:
        assert exported.difference <= 1e-5
        assert parity(exported.network, exported.signature, exported.file.read_bytes()) <= 1e-5

    def test_inputs_and_outputs_have_their_names(self, exported: Exported) -> None:
        session = onnxruntime.InferenceSession(exported.file.read_bytes(), providers=["CPUExecutionProvider"])
        assert [each.name for each in session.get_inputs()] == [name for name, _ in exported.signature.inputs]
        assert [each.name for each in session.get_outputs()] == list(exported.signature.outputs)

    def test_the_file_is_about_half_as_large_as_its_numbers(self, exported: Exported) -> None:
        kept = [*exported.network.parameters(), *(x for x in exported.network.buffers() if x.is_floating_point())]
        size = 4 * sum(value.numel() for value in kept)
        assert 0.5 < exported.file.stat().st_size / size < 0.62

    def test_the_twin_of_the_file_is_the_network(self, exported: Exported) -> None:
        same = twin(fresh(exported.name, 2), exported.file.read_bytes())
        weights = exported.file.read_bytes()
        assert parity(same, exported.signature, weights) <= 1e-5
        for name, value in exported.network.state_dict().items():
            assert torch.equal(same.state_dict()[name], value), name
        assert parity(rounded(fresh(exported.name, 2)), exported.signature, weights) > 1e-3, "parity tells them apart"

    @pytest.mark.parametrize("exported", ["finder"], indirect=True)
    def test_the_finder_takes_pictures_of_any_size(self, exported: Exported) -> None:
        for size in ((64, 32), (96, 352), (320, 320)):
            assert parity(exported.network, sized(*size), exported.file.read_bytes()) <= 1e-5

    def test_the_file_of_another_network_is_refused(self, exported: Exported) -> None:
        other = "refiner" if exported.name != "refiner" else "landmarks"
        with pytest.raises(ModelError, match="E_MODEL: lack ") as raised:
            twin(fresh(other, 0), exported.file.read_bytes())
        assert raised.value.code == "E_MODEL"

    def test_a_network_that_changed_on_the_way_is_not_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exporting, "parity", lambda *_: 2e-4)
        signature = Signature((("x", torch.rand(1, 3)),), ("y",))
        with pytest.raises(ModelError, match=r"torch and ONNX differ by 0\.0002"):
            export(nn.Linear(3, 2), signature, tmp_path / "bad.onnx")
        assert not list(tmp_path.iterdir())


class TestRounded:
    @pytest.mark.parametrize("name", NETWORKS)
    def test_it_answers_almost_the_same_with_half_the_digits(self, name: str) -> None:
        network = fresh(name, 3)
        before = {key: value.clone() for key, value in network.state_dict().items()}
        same = rounded(network)
        assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items()), "a copy"
        assert not any(isinstance(module, nn.BatchNorm2d) for module in same.modules())
        for value in same.parameters():
            assert torch.equal(value, value.half().float())
        inputs = [example for _, example in RECIPES[name].signature.inputs]
        with torch.no_grad():
            ours, theirs = same(*inputs), network(*inputs)
        pairs: list[tuple[Tensor, Tensor]] = (
            [(ours, theirs)] if isinstance(ours, Tensor) else list(zip(ours, theirs, strict=True))
        )
        for one, other in pairs:
            assert float((one - other).abs().max()) < 0.02 * max(1.0, float(other.abs().max()))


class TestShipped:
    @pytest.mark.parametrize("name", NETWORKS)
    def test_torch_and_the_shipped_file_agree(self, name: str) -> None:
        file = SHIPPED / f"{name}.onnx"
        if not file.is_file():
            pytest.skip(f"{file.name} does not ship yet")
        weights = file.read_bytes()
        same, signature = twin(NETWORKS[name](), weights), RECIPES[name].signature
        assert parity(same, signature, weights) <= 1e-4
        if name == "finder":
            assert parity(same, sized(320, 192), weights) <= 1e-4


class TestCards:
    def test_a_story_becomes_a_card_that_verifies(self, tmp_path: Path) -> None:
        file = tmp_path / "some.onnx"
        file.write_bytes(b"weights" * 50)
        figures = (Figure("error", 2.5, "% IOD", "mien train some"),)
        card = write_story(file, STORY, "mien train some --data packs", figures)
        assert (card.name, card.file, card.size) == ("some", "some.onnx", 350)
        assert card.sha256 == hashlib.sha256(b"weights" * 50).hexdigest()
        assert cards(tmp_path) == (card,)
        verify(card, tmp_path)
        file.write_bytes(b"weighty" * 50)
        with pytest.raises(ModelError, match="sha256"):
            verify(card, tmp_path)

    def test_a_recipe_can_be_read_again(self, tmp_path: Path) -> None:
        options = TrainOptions(steps=7, rate=0.125)
        write_recipe(tmp_path / "some.json", options, "mien train some", (("error", 2.5),))
        recipe = json.loads((tmp_path / "some.json").read_text())
        assert recipe["command"] == "mien train some"
        assert TrainOptions(**recipe["options"]) == options
        assert recipe["validation"] == {"error": 2.5}


@pytest.mark.parametrize("name", ["finder", "landmarks", "refiner", "lgml", "mouth", "motion", "crease"])
def test_shipped_weights_name_no_file_of_the_machine_that_exported_them(name: str) -> None:
    content = (Path(str(shipped())) / f"{name}.onnx").read_bytes()
    assert b".py" not in content
    assert b"stack_trace" not in content
