import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.quality import Quality

PART = st.floats(0, 1)


@given(st.tuples(PART, PART, PART, PART, PART))
def test_overall_is_the_product_and_never_above_a_part(parts: tuple[float, float, float, float, float]) -> None:
    quality = Quality(*parts)
    assert quality.overall == pytest.approx(math.prod(parts))
    assert quality.overall <= min(parts) + 1e-12


@pytest.mark.parametrize("value", [-0.01, 1.01, math.nan])
@pytest.mark.parametrize("part", ["score", "size", "frontality", "sharpness", "explained"])
def test_a_part_is_a_fraction(part: str, value: float) -> None:
    whole = {"score": 1.0, "size": 1.0, "frontality": 1.0, "sharpness": 1.0, "explained": 1.0}
    with pytest.raises(ValueError, match=f"{part} must lie in 0..1"):
        Quality(**{**whole, part: value})
