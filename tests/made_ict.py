"""A head of a few hundred vertices in the layout of ICT Face Model Light, its own mirror image, with known shapes."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.rig.ict_files import DRIVERS, INDICES, NEUTRAL, IctModel, Layout, Region, identity_file

IDENTITIES = 3
EYE_CENTRE, EYE_RADIUS = np.array([3.0, 3.5, 7.0]), 1.5
_RINGS, _SEGMENTS = 7, 8


def _face(side: int) -> tuple[Array, Array]:
    """A curved sheet: vertices [side², 3] and quads, counter-clockwise seen from the front."""
    x, y = np.meshgrid(np.linspace(-8, 8, side), np.linspace(-10, 10, side))
    vertices = np.stack([x, y, 8 - 0.05 * x**2 - 0.01 * y**2], axis=-1).reshape(-1, 3)
    k = np.arange(side**2).reshape(side, side)
    return vertices, np.stack([k[:-1, :-1], k[:-1, 1:], k[1:, 1:], k[1:, :-1]], axis=-1).reshape(-1, 4)


def _ball(centre: Array) -> tuple[Array, Array]:
    """An eyeball with its poles before and behind; triangles at the poles have their last corner twice."""
    polar = np.linspace(0, np.pi, _RINGS + 2)[1:-1, None]
    around = np.arange(_SEGMENTS) * 2 * np.pi / _SEGMENTS
    rings = np.stack(np.broadcast_arrays(np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)))
    points = np.concatenate([[[0, 0, 1]], rings.reshape(3, -1).T, [[0, 0, -1]]])
    ring = 1 + np.arange(_RINGS)[:, None] * _SEGMENTS
    here, there = ring + np.arange(_SEGMENTS), ring + (np.arange(_SEGMENTS) + 1) % _SEGMENTS
    quads = np.stack([here[:-1], here[1:], there[1:], there[:-1]], axis=-1).reshape(-1, 4)
    front = np.stack([np.zeros(_SEGMENTS, int), here[0], there[0], there[0]], axis=1)
    last = np.full(_SEGMENTS, len(points) - 1)
    back = np.stack([here[-1], last, there[-1], there[-1]], axis=1)
    return points * EYE_RADIUS + centre, np.concatenate([front, quads, back])


def _strip(centre: Array, length: float) -> tuple[Array, Array]:
    """Two quads beside each other, from `centre` forwards."""
    x, z = np.meshgrid([-1.0, 0.0, 1.0], [0.0, length])
    vertices = np.stack([x, 0 * x, z], axis=-1).reshape(-1, 3) + centre
    return vertices, np.array([[0, 1, 4, 3], [1, 2, 5, 4]])


def _parts(side: int) -> Iterator[tuple[str, Array, Array]]:
    mirrored = EYE_CENTRE * [-1, 1, 1]
    yield "face", *_face(side)
    yield "eyeball_left", *_ball(EYE_CENTRE)
    yield "eyeball_right", *_ball(mirrored)
    for centre in (EYE_CENTRE, mirrored):
        yield "", *_strip(centre + np.array([0, 0, 1.6]), 0.1)
    sheet = _face(side)[0]
    for sign in (1, -1):  # from the sheet itself outwards: only roots are near it
        root = sheet[np.abs(sheet - [sign * 3.2, 4, 0])[:, :2].sum(1).argmin()]
        yield "lashes", *_strip(root, 1.0)


def centre_of(shape: str) -> Array:
    """Where on the face a shape moves it most, [2] cm; a left and a right one are mirror images."""
    base, _, side = shape.partition("_")
    bases = sorted({name.partition("_")[0] for name in DRIVERS})
    row, column = divmod(bases.index(base), 5)
    across = {"": 0.0, "L": 1.0, "R": -1.0}[side]
    if base in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        row, column = divmod(bases.index(base.replace("Right", "Left")), 5)
    return np.array([across * (2 + 1.2 * column), 8 - 2.4 * row])


def _shape(shape: str, neutral: Array) -> Array:
    """Offsets [V, 3]: a bump forwards, and sideways for what is named after a way."""
    away = ((neutral[:, :2] - centre_of(shape)) ** 2).sum(1)
    bump = 0.5 * np.exp(-away / 3.0)
    sideways = {"jawLeft": 1, "mouthLeft": 1, "jawRight": -1, "mouthRight": -1}.get(shape, 0)
    return np.asarray(np.stack([sideways * bump, 0 * bump, bump], axis=1) * (bump > 0.01)[:, None])


def made_ict(side: int = 21) -> IctModel:
    """The whole model; eyes and films over them stay where they are under every expression.

    The face is a sheet of `side` x `side` vertices.
    """
    vertices, quads = [], []
    regions: list[Region] = []
    start = 0
    for name, points, corners in _parts(side):
        vertices.append(points)
        quads.append(corners + start)
        if name == "lashes" and regions[-1].name == "lashes":
            regions[-1] = Region(name, regions[-1].start, start + len(points))
        elif name:
            regions.append(Region(name, start, start + len(points)))
        start += len(points)
    # What OBJ files hold: six digits.
    neutral = np.array([[float(f"{x:.6g}") for x in row] for row in np.concatenate(vertices)], np.float32)
    expressions = np.stack([_shape(shape, neutral) for shape in DRIVERS])
    fixed = regions[1].start, regions[-1].start
    expressions[:, fixed[0] : fixed[1]] = 0
    identities = np.stack([0.02 * neutral * axis for axis in np.eye(3)[:IDENTITIES]])
    corners = np.concatenate(quads)
    return IctModel(
        neutral,
        expressions.astype(np.float16) + np.float16(0),  # no negative zeros
        identities.astype(np.float16) + np.float16(0),
        corners,
        corners,
        neutral[:, :2] / 32 + 0.5,
        np.arange(68) * 6 % len(neutral),
        tuple(regions),
    )


def layout_of(model: IctModel) -> Layout:
    return Layout(len(model.neutral), model.regions)


def obj_text(model: IctModel, offsets: Array) -> str:
    """An OBJ as the project writes them: a comment, a material, vertices, coordinates, faces."""
    lines = ["# made by a test", "mtllib none.mtl"]
    lines += [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in (model.neutral.astype(np.float64) + offsets).tolist()]
    lines += [f"vt {u:.9g} {v:.9g}" for u, v in model.uv.tolist()]
    lines.append("usemtl M_Face")
    for corners in model.quads.tolist():
        distinct = corners[:3] if corners[2] == corners[3] else corners
        lines.append("f " + " ".join(f"{k + 1}/{k + 1}" for k in distinct))
    return "\n".join(lines) + "\n"


def files_of_model(model: IctModel, identities: int = IDENTITIES) -> dict[str, str]:
    """The files of the folder by name; identities beyond those of the model are its own again."""
    files = {NEUTRAL: obj_text(model, np.zeros(3)), INDICES: indices_text(model)}
    for name, offsets in zip(DRIVERS, model.expressions, strict=True):
        files[f"{name}.obj"] = obj_text(model, offsets)
    texts = [obj_text(model, offsets) for offsets in model.identities]
    return files | {identity_file(k): texts[k % len(texts)] for k in range(identities)}


def indices_text(model: IctModel) -> str:
    return json.dumps({"expressions": list(DRIVERS), "idx_to_landmark_verts": model.landmarks68.tolist()})


def write_folder(model: IctModel, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files_of_model(model).items():
        (folder / name).write_text(text, "ascii")
    return folder
