import numpy as np
import pytest

from mien.compose.edit_options import EditOptions, Sweep
from mien.core.errors import UsageError


def test_doses_go_from_the_first_to_the_last() -> None:
    sweep = Sweep.parse("mouthSmile:0:1:5")
    assert sweep == Sweep("mouthSmile", 0, 1, 5)
    assert sweep.doses == (0, 0.25, 0.5, 0.75, 1)
    assert str(sweep) == "mouthSmile:0:1:5"
    assert Sweep.parse(str(Sweep("AU12L", 0.25, 0.75, 200))) == Sweep("AU12L", 0.25, 0.75, 200)


def test_doses_may_go_down() -> None:
    doses = Sweep.parse("jawOpen:0.9:.1:9").doses
    assert (np.diff(doses) < 0).all()
    assert (doses[0], doses[-1]) == (0.9, 0.1)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[(text, "E_USAGE") for text in ("", "mouthSmile", "mouthSmile:0:1", "mouthSmile:0:1:9:9", "mouthSmile:a:1:9")],
        *[(text, "E_USAGE") for text in (":0:1:9", "mouthSmile:0:1:", "mouthSmile:0:1:2.5", "mouthSmile:0:1:-3")],
        *[(text, "E_USAGE") for text in ("mouthSmile:0:..:9", "mouthSmile:nan:1:9", "mouthSmile 0 1 9")],
        *[(text, "E_RANGE") for text in ("mouthSmile:0:1:1", "mouthSmile:0:1:0", "mouthSmile:0:1:201")],
        *[(text, "E_RANGE") for text in ("mouthSmile:-0.1:1:9", "mouthSmile:0:1.1:9")],
        *[(text, "E_NAME") for text in ("mouthSmil:0:1:9", "smile:0:1:9")],
    ],
)
def test_what_is_no_sweep(text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        Sweep.parse(text)
    assert caught.value.code == code


def test_an_edit_is_signed_unless_somebody_says_no() -> None:
    options = EditOptions()
    assert options.provenance
    assert not options.keep_metadata
    assert options.certificate is None
    assert str(options.face) == "largest"
