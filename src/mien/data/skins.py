"""Skins for rendered faces: a photo laid over a rig by its landmarks, its light taken away as far as that goes."""

import numpy as np
from scipy import ndimage
from scipy.spatial import Delaunay

from mien.core.arrays import Array
from mien.core.basis import ARKIT
from mien.core.errors import InputError
from mien.core.face import IRIS_LEFT, IRIS_RIGHT
from mien.data.packs import FacesPack
from mien.rig.ict import IctRig
from mien.rig.places import Places

_NOSE_TIP, _HAIRLINE, _EAR_RIGHT = 1, 10, 127
"""Landmarks."""

_FADE = 0.012
"""Metres inside the outline of the landmarks over which a photo's skin fades into its usual colour."""

_ASKEW = 0.12
"""Inter-ocular distances that the nose may lie off the middle of a face that is nearly straight."""

_CALM = {"jawOpen": 0.1, "mouthSmileLeft": 0.35, "mouthSmileRight": 0.35, "eyeBlinkLeft": 0.4, "eyeBlinkRight": 0.4}
"""What a face may show whose folds and teeth are not to be painted on another expression."""

_SHADED = 0.3, 0.85
"""How bright eyes and teeth are, beside what they would be in the skin's light: lids and lips shade them. The whites of
eyes come out at about 0.6 of the cheeks' brightness, as they are in photos."""


class Skins:
    """The skins of photos, for one rig.

    Args:
        rig: what wears them.
        places: where the landmarks lie on it.
        packs: whose photos.
        split: which of them; straight and calm faces alone are taken where there are any.

    Raises:
        InputError: the packs have no photo of the split.
    """

    def __init__(self, rig: IctRig, places: Places, packs: list[FacesPack], split: str) -> None:
        self._photos = _straight_and_calm(packs, split) or [(p, int(i)) for p in packs for i in p.indices(split)]
        if not self._photos:
            names = ", ".join(pack.name for pack in packs) or "packs"
            raise InputError(names, "E_FORMAT", f"no photo of split {split}", "add a pack that has some: docs/data.md")
        rest = rig.rest()
        vertices = rest.vertices.astype(np.float64)
        self._own = np.ones_like(vertices) if rest.colours is None else rest.colours.astype(np.float64)
        points = places.on(vertices)
        web = Delaunay(points[:468, :2])
        head = np.concatenate(
            [np.arange(r.start, r.stop) for r in rig.model.regions if r.name in ("face", "head_neck")]
        )
        simplex = web.find_simplex(vertices[head, :2])
        inside = (simplex >= 0) & (vertices[head, 2] < 0.06)
        self._head, self._skin = head, head[inside]
        corners = web.transform[simplex[inside]]
        local = np.einsum("nij,nj->ni", corners[:, :2], vertices[self._skin, :2] - corners[:, 2])
        self._shares = np.column_stack([local, 1 - local.sum(1)])
        self._corners = web.simplices[simplex[inside]]
        outline = points[web.convex_hull, :2]
        self._fade = np.clip(_distance(vertices[self._skin, :2], outline) / _FADE, 0, 1)[:, None]
        # What a straight line through where the surface faces explains of a photo's brightness is light, the rest skin.
        normals = np.zeros_like(vertices) if rest.normals is None else rest.normals.astype(np.float64)
        self._slopes = np.column_stack([np.ones(len(self._skin)), normals[self._skin]])
        hairline, ear = points[_HAIRLINE], points[_EAR_RIGHT]
        high = vertices[head, 1] < hairline[1]
        behind = (vertices[head, 2] > ear[2]) & (vertices[head, 1] < ear[1])
        self._scalp = head[(high | behind) & ~inside]

    def draw(self, rng: np.random.Generator) -> Array:
        """[V, 3] colours of 0 to 255 of a random photo's skin; the scalp gets hair of some colour, or none."""
        pack, index = self._photos[rng.integers(len(self._photos))]
        photo = pack.pictures.rgb(index)
        points = pack.landmarks[index, :, :2].astype(np.float64)
        at = np.einsum("nk,nkc->nc", self._shares, points[self._corners]) - 0.5
        channels = [ndimage.map_coordinates(photo[..., k], at.T[::-1], order=1, mode="nearest") for k in range(3)]
        sampled = self._unlit(np.stack(channels, 1).astype(np.float64), rng.uniform(0.3, 1.0))
        usual = np.median(sampled, 0)
        # What no photo covers is as bright as this one: it was exposed for its own skin.
        shaded = usual.mean() / self._own[self._head].mean() * rng.uniform(*_SHADED)
        colours: Array = np.clip(self._own * shaded, 0, 255)
        colours[self._head] = usual
        if rng.random() < 0.7:
            colours[self._scalp] = _hair(rng, len(self._scalp))
        colours[self._skin] = usual + (sampled - usual) * self._fade
        return colours

    def _unlit(self, sampled: Array, share: float) -> Array:
        """Colours [N, 3] of the skin, less a share of the light that the way the surface faces explains."""
        bright = np.log(sampled.mean(1) + 8)
        weight = self._fade[:, 0]
        explained, *_ = np.linalg.lstsq(self._slopes * weight[:, None], bright * weight, rcond=None)
        light = self._slopes[:, 1:] @ explained[1:]
        return np.asarray(np.clip(sampled * np.exp(-share * (light - np.median(light)))[:, None], 0, 255))


def _straight_and_calm(packs: list[FacesPack], split: str) -> list[tuple[FacesPack, int]]:
    """The photos, each a pack and a number in it, of faces that look nearly straight ahead and show little."""
    chosen = []
    for pack in packs:
        indices = pack.indices(split)
        right, left = pack.landmarks[indices, IRIS_RIGHT, :2], pack.landmarks[indices, IRIS_LEFT, :2]
        across = (left - right).astype(np.float64)
        away = pack.landmarks[indices, _NOSE_TIP, :2] - (left + right) / 2
        askew = np.abs((away * across).sum(1)) / np.maximum((across * across).sum(1), 1e-9)
        weights = pack.weights[indices]
        calm = np.all([weights[:, ARKIT.index(name)] <= most for name, most in _CALM.items()], axis=0)
        chosen += [(pack, int(index)) for index in indices[(askew < _ASKEW) & calm]]
    return chosen


def _distance(points: Array, edges: Array) -> Array:
    """[N] distance of points [N, 2] from the nearest of edges [E, 2, 2]."""
    start, along = edges[:, 0], edges[:, 1] - edges[:, 0]
    from_start = points[:, None] - start
    share = np.clip((from_start * along).sum(2) / np.maximum((along * along).sum(1), 1e-18), 0, 1)
    return np.asarray(np.linalg.norm(from_start - share[..., None] * along, axis=2).min(1))


def _hair(rng: np.random.Generator, count: int) -> Array:
    """[count, 3] black, brown, fair or grey, with strands."""
    colours = np.array([[25, 20, 18], [70, 45, 30], [130, 95, 55], [150, 148, 145]])
    colour = colours[rng.integers(len(colours))] * rng.uniform(0.6, 1.4)
    return np.asarray(np.clip(colour * rng.uniform(0.6, 1.3, (count, 1)), 0, 255))
