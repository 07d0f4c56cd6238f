"""How long a picture of a rig takes without a graphics card: each step of `mien animate`, small and large triangles."""

from pathlib import Path
from time import perf_counter

import numpy as np
import tyro
from ledger import command, publish
from rich.progress import track

from mien.core.arrays import Array
from mien.core.face import Expression, FaceState, Gaze, Identity, Pose
from mien.core.geometry import Mesh, rotation_from_angles
from mien.core.report import Report, Row
from mien.imaging.portrait import Portrait
from mien.imaging.raster import rasterise
from mien.pipelines.animate import paint_of
from mien.rig.ict import IctRig
from mien.rig.model import Rig, vertex_normals

SIDE = 512
FRAMES = 40
COARSE = 24
"""Vertices along a side of the sheet of large triangles: about a thousand triangles, as the compact rig has."""

STEPS = ("move the vertices", "normals", "picture")


def moments(rig: Rig, count: int) -> FaceState:
    """[count] moments in which all channels and the head move."""
    random = np.random.default_rng(1)
    weights = random.uniform(0, 0.6, (count, len(rig.basis))) * (random.uniform(0, 1, (count, len(rig.basis))) < 0.2)
    turns = np.stack([rotation_from_angles(*angles) for angles in random.uniform(-0.3, 0.3, (count, 3))])
    gaze = Gaze(np.broadcast_to(np.eye(3), (count, 2, 3, 3)))
    return FaceState(Expression(weights, rig.basis), Pose(turns, np.zeros((count, 3))), gaze)


def sheet() -> Mesh:
    """A bulging sheet the size of a face, of `COARSE` by `COARSE` vertices."""
    x, y = np.meshgrid(np.linspace(-0.09, 0.09, COARSE), np.linspace(-0.13, 0.13, COARSE))
    vertices = np.stack([x, y, 4 * x**2 + 2 * y**2], axis=-1).reshape(-1, 3)
    corner = (np.arange(COARSE - 1)[:, None] * COARSE + np.arange(COARSE - 1)).ravel()
    halves = ((corner, corner + COARSE, corner + 1), (corner + 1, corner + COARSE, corner + COARSE + 1))
    triangles = np.concatenate([np.stack(half, axis=1) for half in halves])
    return Mesh(vertices, triangles, normals=vertex_normals(vertices, triangles))


def frame_times(rig: Rig, count: int) -> Array:
    """[count, 3] milliseconds of `STEPS` for each moment."""
    state, rest, paint = moments(rig, count), rig.rest(), paint_of(rig)
    portrait = Portrait.of(rest.vertices, SIDE, SIDE)
    spent = []
    for k in track(range(count), "frames", transient=True):
        marks = [perf_counter()]
        gaze = Gaze(state.gaze.rotation[k])
        moment = FaceState(Expression(state.expression.weights[k], rig.basis), Pose(np.eye(3), np.zeros(3)), gaze)
        vertices = rig.vertices(Identity(), moment)
        marks.append(perf_counter())
        normals = vertex_normals(vertices, rest.triangles)
        marks.append(perf_counter())
        portrait.picture(
            Mesh(vertices, rest.triangles, normals=normals, colours=rest.colours), state.pose.rotation[k], paint
        )
        marks.append(perf_counter())
        spent.append(np.diff(marks))
    return np.array(spent) * 1000


def raster_times(mesh: Mesh, count: int) -> float:
    """Median milliseconds of the z-buffer alone, at the two samples a side that pictures are made of."""
    portrait = Portrait.of(mesh.vertices, SIDE, SIDE)
    placed = portrait.posed(mesh.vertices, np.eye(3))
    points = np.column_stack([2 * portrait.camera.project(placed), placed[:, 2]])
    spent = []
    for _ in range(count):
        start = perf_counter()
        rasterise(points, mesh.triangles, 2 * SIDE, 2 * SIDE)
        spent.append(perf_counter() - start)
    return float(np.median(spent)) * 1000


def sheet_times(count: int) -> float:
    """Median milliseconds of a picture of the sheet."""
    mesh = sheet()
    portrait = Portrait.of(mesh.vertices, SIDE, SIDE)
    spent = []
    for _ in range(count):
        start = perf_counter()
        portrait.picture(mesh, np.eye(3))
        spent.append(perf_counter() - start)
    return float(np.median(spent)) * 1000


def main(data: Path, limit: int | None = None, ledger: bool = False) -> None:
    """Time pictures of the ICT rig and of a sheet of large triangles.

    Args:
        data: Folder with rigs.
        limit: Frames; 40 when not given.
        ledger: Also write the figures into benchmarks/ledger.
    """
    count = limit or FRAMES
    rig = IctRig.load(data / "rigs" / "ict-facekit.npz")
    start = perf_counter()
    paint_of(rig)
    once = (perf_counter() - start) * 1000
    steps = np.median(frame_times(rig, count), axis=0)
    picture = float(steps[STEPS.index("picture")])
    raster = raster_times(rig.rest(), count)
    coarse, coarse_raster = sheet_times(count), raster_times(sheet(), count)
    rows = (
        Row("ICT, one frame of an animation", float(steps.sum()), "ms", "<= 250", None),
        *(Row(f"ICT: {name}", float(value), "ms") for name, value in zip(STEPS, steps, strict=True)),
        Row("ICT: z-buffer alone", raster, "ms"),
        Row("ICT: share of shading in a picture", 100 * (1 - raster / picture), "%"),
        Row("ICT: eyes and folds, once a rig", once, "ms"),
        Row("sheet of large triangles: picture", coarse, "ms"),
        Row("sheet of large triangles: z-buffer alone", coarse_raster, "ms"),
    )
    mesh = rig.rest()
    notes = (
        f"{SIDE}x{SIDE} pixels of 2x2 samples; medians of {count} frames in which every channel and the head move.",
        f"ICT: {len(mesh.vertices):,} vertices, {len(mesh.triangles):,} triangles. The sheet: {COARSE**2} vertices, "
        f"{2 * (COARSE - 1) ** 2:,} triangles over as much of the picture.",
        "numpy alone; what encodes the video is not counted.",
    )
    publish(Report("Render", command(data, limit), rows, notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
