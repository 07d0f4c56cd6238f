"""Maps of the plane, rotations of the head, the camera, and meshes: plain functions of arrays.

Affine maps are [2, 3] matrices acting on (x, y) in pixels with centres at .5. Rotations are matrices; angles appear
only where a person reads them. Camera axes: x right, y down, z forward; so is a head that looks into the camera.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from mien.core.arrays import Array, frozen_array


def apply_affine(affine: Array, points: Array) -> Array:
    """`affine` [2, 3] on points [..., 2 or more]: x and y move, further columns scale with the map's size."""
    moved = points[..., :2] @ affine[:, :2].T + affine[:, 2]
    if points.shape[-1] == 2:
        return np.asarray(moved)
    return np.concatenate([moved, points[..., 2:] * affine_scale(affine)], axis=-1)


def affine_scale(affine: Array) -> float:
    """How much longer `affine` makes things: the square root of the area it gives a unit square."""
    return float(np.sqrt(abs(affine[0, 0] * affine[1, 1] - affine[0, 1] * affine[1, 0])))


def invert_affine(affine: Array) -> Array:
    """The way back, [2, 3]. Raises `ValueError` for a map that flattens the plane."""
    (a, b, tx), (c, d, ty) = affine.tolist()
    area = a * d - b * c
    if area == 0 or not np.isfinite(area):
        raise ValueError("an affine map that flattens the plane has no inverse")
    return np.array([[d / area, -b / area, (b * ty - d * tx) / area], [-c / area, a / area, (c * tx - a * ty) / area]])


def compose_affine(outer: Array, inner: Array) -> Array:
    """`outer` after `inner`, [2, 3]."""
    return np.concatenate([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2:] + outer[:, 2:]], axis=1)


def square_to_frame(centre: Array, side: float, angle: float, pixels: int) -> Array:
    """The map from a square cut of `pixels` to the frame, [2, 3].

    Args:
        centre: [2] middle of the square in the frame.
        side: its side in frame pixels.
        angle: how far the square is turned clockwise in the picture, radians.
        pixels: side of the cut in its own pixels.
    """
    scale = side / pixels
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    half = pixels / 2
    return np.array(
        [[cos, -sin, centre[0] - half * (cos - sin)], [sin, cos, centre[1] - half * (sin + cos)]], np.float64
    )


def bounds(points: Array) -> Array:
    """[4] x0, y0, x1, y1 of points [N, 2 or more]."""
    # Column by column: along rows of two or three numbers numpy takes ten times as long.
    x, y = np.ascontiguousarray(points[:, :2].T)
    return np.array([x.min(), y.min(), x.max(), y.max()])


def box_overlap(one: Array, many: Array) -> Array:
    """Intersection over union of box [4] with boxes [N, 4]: [N] of 0 to 1."""
    least, most = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    shared = np.clip(most - least, 0, None).prod(1)
    areas = np.clip(many[:, 2:] - many[:, :2], 0, None).prod(1)
    union = areas + np.clip(one[2:] - one[:2], 0, None).prod() - shared
    return np.asarray(np.divide(shared, union, out=np.zeros(len(many)), where=union > 0))


def rotation_from_angles(pitch: float | Array, yaw: float | Array, roll: float | Array) -> Array:
    """Rotations [..., 3, 3] = Rz(roll) Ry(yaw) Rx(pitch) of radians [...], right-handed about the camera's axes.

    Positive pitch nods down, positive yaw turns to the subject's right, positive roll tilts the head clockwise in
    the picture (towards the subject's left shoulder).
    """
    angles = np.broadcast_arrays(pitch, yaw, roll)
    cx, sx, cy, sy, cz, sz = (f(a) for a in angles for f in (np.cos, np.sin))
    elements = np.array(
        [
            [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
            [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
            [-sy, cy * sx, cy * cx],
        ]
    )
    return np.moveaxis(elements, (0, 1), (-2, -1))


def angles_from_rotation(rotation: Array) -> Array:
    """[..., 3] pitch, yaw, roll in radians of rotations [..., 3, 3]: the inverse of `rotation_from_angles`.

    Yaw lies within a quarter turn of 0; at a quarter turn pitch and roll turn about one axis, and roll is 0.
    """
    yaw = np.arcsin(np.clip(-rotation[..., 2, 0], -1, 1))
    locked = np.abs(rotation[..., 2, 0]) > 1 - 1e-12
    pitch = np.where(
        locked,
        np.arctan2(-rotation[..., 1, 2], rotation[..., 1, 1]),
        np.arctan2(rotation[..., 2, 1], rotation[..., 2, 2]),
    )
    roll = np.where(locked, 0.0, np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0]))
    return np.stack([pitch, yaw, roll], axis=-1)


def rotation_from_vector(vector: Array) -> Array:
    """[..., 3, 3] rotations about the directions of vectors [..., 3] by their lengths, radians (Rodrigues)."""
    angle = np.sqrt((vector**2).sum(-1))[..., None, None]
    across = _crossed(np.asarray(vector, np.float64))
    # np.sinc(t) is sin(pi t) / (pi t): both factors are smooth through 0.
    first, second = np.sinc(angle / np.pi), np.sinc(angle / (2 * np.pi)) ** 2 / 2
    return np.asarray(np.eye(3) + first * across + second * (across @ across))


def vector_from_rotation(rotation: Array) -> Array:
    """[..., 3] axis times angle, 0 to pi, of rotations [..., 3, 3]: the inverse of `rotation_from_vector`.

    At half a turn either of the two opposite axes is given.
    """
    # The unit quaternion, read off the row of its products that its largest element scales: never a division by ~0.
    flat = np.asarray(rotation, np.float64).reshape(*rotation.shape[:-2], 9)
    products = (flat @ _QUATERNION_PRODUCTS).reshape(*rotation.shape[:-2], 4, 4) + np.eye(4)
    largest = np.argmax(np.diagonal(products, axis1=-2, axis2=-1), -1)
    quaternion = np.take_along_axis(products, largest[..., None, None], -2)[..., 0, :]
    quaternion = quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True)
    quaternion = np.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    half = np.arctan2(np.linalg.norm(quaternion[..., 1:], axis=-1), quaternion[..., 0])
    # Axis times sine of half the angle, over that sine, times the angle; np.sinc keeps it smooth through 0.
    return np.asarray(quaternion[..., 1:] * (2 / np.sinc(half / np.pi))[..., None])


def turn_to(ray: Array) -> Array:
    """The shortest rotations [..., 3, 3] from the optical axis to rays [..., 3]; none where one leads backwards."""
    ray = np.where(ray[..., 2:] > 0, ray, [0.0, 0.0, 1.0])
    ray = ray / np.abs(ray).max(-1, keepdims=True)
    ray = ray / np.linalg.norm(ray, axis=-1, keepdims=True)
    across = _crossed(ray @ _TURNED)
    return np.asarray(np.eye(3) + across + across @ across / (1 + ray[..., 2, None, None]))


def _crossed(vector: Array) -> Array:
    """[..., 3, 3] matrices that take a vector to its cross product with vectors [..., 3], which come first."""
    return np.asarray((vector @ _CROSS).reshape(*vector.shape[:-1], 3, 3))


_CROSS = np.array([[0, 0, 0, 0, 0, -1, 0, 1, 0], [0, 0, 1, 0, 0, 0, -1, 0, 0], [0, -1, 0, 1, 0, 0, 0, 0, 0.0]])

_TURNED = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 0.0]])
"""What a ray [3] is multiplied by to give the optical axis' cross product with it."""


def _quaternion_products() -> Array:
    """[9, 16] from a rotation's elements to four times the products of its quaternion's, w first, less the identity."""
    made = np.zeros((3, 3, 4, 4))
    for k in range(3):
        made[k, k] = -np.eye(4)
        made[k, k, 0, 0] = made[k, k, k + 1, k + 1] = 1
        before, after = (k + 1) % 3, (k + 2) % 3
        made[after, before, 0, k + 1] = made[after, before, k + 1, 0] = 1
        made[before, after, 0, k + 1] = made[before, after, k + 1, 0] = -1
        for one, other in ((before, after), (after, before)):
            made[one, other, before + 1, after + 1] = made[one, other, after + 1, before + 1] = 1
    return made.reshape(9, 16)


_QUATERNION_PRODUCTS = _quaternion_products()


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """`scale * rotation @ x + translation`, in D dimensions.

    Args:
        scale: [...] above 0; a number where there are no leading axes.
        rotation: [..., D, D].
        translation: [..., D].
    """

    scale: float | Array
    rotation: Array
    translation: Array


def fit_similarity(source: Array, target: Array, weights: Array | None = None) -> Similarity:
    """The similarity that takes `source` [N, D] closest to `target` [..., N, D] in (weighted) least squares.

    Source: S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991.

    Raises:
        ValueError: all the source points are one.
    """
    w = np.full(len(source), 1 / len(source)) if weights is None else weights / weights.sum()
    source_mean, target_mean = w @ source, w @ target
    a, b = source - source_mean, target - target_mean[..., None, :]
    u, singular, vt = np.linalg.svd(np.swapaxes(b, -1, -2) @ (a * w[:, None]))
    signs = np.ones_like(singular)
    signs[..., -1] = np.where(np.linalg.det(u) * np.linalg.det(vt) < 0, -1.0, 1.0)
    spread = float(w @ (a * a).sum(1))
    rounding = 8 * np.finfo(np.float64).eps * len(source) * np.abs(source).max()
    if spread <= rounding**2:
        raise ValueError("a similarity needs at least two distinct points")
    rotation = (u * signs[..., None, :]) @ vt
    scale = (singular * signs).sum(-1) / spread
    return Similarity(scale, rotation, target_mean - scale[..., None] * (rotation @ source_mean))


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A pinhole camera without distortion, looking along +z; square pixels.

    Args:
        focal_length: in pixels.
        centre: [2] where the optical axis meets the picture.
    """

    focal_length: float
    centre: Array

    def __post_init__(self) -> None:
        if not (np.isfinite(self.focal_length) and self.focal_length > 0):
            raise ValueError(f"focal_length must be above 0 pixels, got {self.focal_length}")
        object.__setattr__(self, "centre", frozen_array(self.centre, "centre", (2,)))

    @classmethod
    def of_picture(cls, width: int, height: int, focal_length: float | None = None) -> Self:
        """The camera assumed for a picture whose lens is unknown: 63° over its longer side, axis in the middle."""
        default = max(width, height) / (2 * np.tan(np.deg2rad(63) / 2))
        return cls(default if focal_length is None else focal_length, np.array([width / 2, height / 2]))

    def project(self, points: Array) -> Array:
        """Points [..., 3] in metres before the camera to pixels [..., 2]."""
        return np.asarray(points[..., :2] / points[..., 2:] * self.focal_length + self.centre)


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A surface.

    Args:
        vertices: [V, 3] metres.
        triangles: [M, 3] indices of vertices, counter-clockwise seen from outside.
        uv: [U, 2] texture coordinates, (0, 0) the lower left corner of the texture as in OBJ, or None.
        uv_triangles: [M, 3] indices of `uv`, where a seam gives one vertex several coordinates; None when uv has one
            row per vertex.
        normals: [V, 3] unit vectors, or None.
        colours: [V, 3] of 0 to 1, what a surface without texture looks like, or None.
        morph_targets: [K, V, 3] offsets of the vertices, metres, or None.
        morph_names: K distinct names, one per morph target.
    """

    vertices: Array
    triangles: Array
    uv: Array | None = None
    uv_triangles: Array | None = None
    normals: Array | None = None
    colours: Array | None = None
    morph_targets: Array | None = None
    morph_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        vertices = frozen_array(self.vertices, "vertices", (None, 3))
        count = len(vertices)
        object.__setattr__(self, "vertices", vertices)
        object.__setattr__(self, "triangles", _faces(self.triangles, "triangles", None, count))
        seams = self.uv_triangles is not None
        if seams and self.uv is None:
            raise ValueError("uv_triangles need uv")
        shapes: tuple[tuple[str, tuple[int | None, ...]], ...] = (
            ("uv", (None if seams else count, 2)),
            ("normals", (count, 3)),
            ("colours", (count, 3)),
            ("morph_targets", (None, count, 3)),
        )
        for name, shape in shapes:
            if (value := getattr(self, name)) is not None:
                dtype = np.float32 if name == "morph_targets" else np.float64
                object.__setattr__(self, name, frozen_array(value, name, shape, dtype))
        if self.uv_triangles is not None and self.uv is not None:
            corners = _faces(self.uv_triangles, "uv_triangles", len(self.triangles), len(self.uv))
            object.__setattr__(self, "uv_triangles", corners)
        targets = 0 if self.morph_targets is None else len(self.morph_targets)
        if len(set(self.morph_names)) != targets or len(self.morph_names) != targets:
            raise ValueError(f"{targets} morph targets need as many distinct names, got {len(self.morph_names)}")


def _faces(value: Array, name: str, faces: int | None, count: int) -> Array:
    array = frozen_array(value, name, (faces, 3), np.int32)
    if array.size and not (array.min() >= 0 and array.max() < count):
        raise ValueError(f"{name} name vertices outside 0..{count - 1}")
    return array
