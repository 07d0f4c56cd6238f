"""Wavefront OBJ: a surface as text, one file for a moment or a numbered sequence for a take.

An OBJ file states neither axes nor units. Nearly all have y up and z towards the viewer, so `read_obj` and `write_obj`
make the half turn to our axes; the unit is an argument. `read_obj_polygons` leaves everything as the file has it.
"""

import io
import math
import re
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.arrays import Array
from mien.core.errors import InputError, OutputExists, printable
from mien.core.geometry import Mesh
from mien.formats.files import StrPath, make_folder, read_bytes, replacing
from mien.formats.scene import half_turn, unit

OBJ_LIMIT = 2**28
"""Bytes of the largest OBJ that is read."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjPolygons:
    """What an OBJ file holds, in its own axes and units.

    Args:
        vertices: [V, 3] float64.
        uv: [U, 2] float64, (0, 0) the lower left corner of the texture; U may be 0.
        normals: [N, 3] float64, as they are written; N may be 0.
        colours: [V, 3] of the vertices where every one has a colour, or None.
        sizes: [P] how many corners each polygon has, 3 or more.
        corners: [C] int32 rows of `vertices`, the corners of one polygon after those of another.
        uv_corners: [C] int32 rows of `uv`; -1 for a corner without.
        normal_corners: [C] int32 rows of `normals`; -1 for a corner without.
    """

    vertices: Array
    uv: Array
    normals: Array
    colours: Array | None
    sizes: Array
    corners: Array
    uv_corners: Array
    normal_corners: Array

    def with_corners(self, count: int) -> tuple[Array, Array]:
        """The polygons of `count` corners: rows of `vertices` [Q, count] and of `uv` [Q, count], -1 where none."""
        starts = (np.cumsum(self.sizes) - self.sizes)[self.sizes == count]
        places = starts[:, None] + np.arange(count)
        return self.corners[places], self.uv_corners[places]

    def fan(self) -> Array:
        """[M, 3] places in `corners`: each polygon as triangles round its first corner, which suits convex ones."""
        starts = np.cumsum(self.sizes) - self.sizes
        first = np.repeat(starts, self.sizes - 2)
        triangles = np.cumsum(self.sizes - 2) - (self.sizes - 2)
        step = np.arange(len(first)) - np.repeat(triangles, self.sizes - 2)
        return np.stack([first, first + step + 1, first + step + 2], axis=1)


def read_obj_polygons(path: StrPath) -> ObjPolygons:
    """The polygons of an OBJ file, in the file's axes and units.

    Groups, materials, lines, points and curves are passed over; so is the fourth coordinate of a vertex.

    Raises:
        InputError: E_FORMAT: not an OBJ, with the line that is wrong; or what `read_bytes` raises.
    """
    parser = _Parser()
    number = 0
    try:
        for number, line in enumerate(io.BytesIO(read_bytes(path, OBJ_LIMIT).removeprefix(b"\xef\xbb\xbf")), 1):
            words = line.split()
            if words and (statement := parser.statements.get(words[0])):
                parser.line = number
                statement(words)
        return parser.polygons()
    except ValueError as error:
        raise InputError(path, "E_FORMAT", str(error), "export it again as Wavefront OBJ") from None


class _Parser:
    """Collects numbers into flat arrays, so that memory stays a small multiple of the file's size."""

    def __init__(self) -> None:
        self.line = 0
        self.vertices, self.colours, self.uv, self.normals = (array("d") for _ in range(4))
        self.sizes, self.lines, *corners = (array("q") for _ in range(5))
        self.corners = tuple(corners)
        self.statements: dict[bytes, Callable[[list[bytes]], None]] = {
            b"v": self._vertex,
            b"vt": self._coordinate,
            b"vn": self._normal,
            b"f": self._polygon,
        }

    def _vertex(self, words: list[bytes]) -> None:
        numbers = self._numbers(words, 3)
        self.vertices.extend(numbers[:3])
        if len(numbers) >= 6:
            self.colours.extend(numbers[3:6])

    def _coordinate(self, words: list[bytes]) -> None:
        # A texture of one dimension leaves out the second number.
        self.uv.extend((*self._numbers(words, 1), 0.0)[:2])

    def _normal(self, words: list[bytes]) -> None:
        self.normals.extend(self._numbers(words, 3)[:3])

    def _numbers(self, words: list[bytes], least: int) -> list[float]:
        if len(words) <= least:
            raise self._wrong(f"{words[0].decode()} needs {least} numbers, got {len(words) - 1}")
        try:
            numbers = [float(word) for word in words[1:]]
        except ValueError:
            raise self._wrong(f"{_shown(words, _is_number)} is no number") from None
        if not math.isfinite(sum(numbers)):
            raise self._wrong("a number is not finite")
        return numbers

    def _polygon(self, words: list[bytes]) -> None:
        if len(words) < 4:
            raise self._wrong(f"a face needs 3 corners, got {len(words) - 1}")
        counts = len(self.vertices) // 3, len(self.uv) // 2, len(self.normals) // 3
        try:
            for word in words[1:]:
                parts = word.split(b"/")
                for k, rows in enumerate(self.corners):
                    text = parts[k] if k < len(parts) else b""
                    rows.append(self._row(int(text), counts[k]) if text or not k else -1)
                if len(parts) > 3:
                    raise ValueError
        except _WrongLineError:
            raise
        except (ValueError, OverflowError):
            raise self._wrong(f"{_shown(words, _is_corner)} is no corner of a face") from None
        self.sizes.append(len(words) - 1)
        self.lines.append(self.line)

    def _row(self, index: int, count: int) -> int:
        """Rows count from 1, or backwards from the last one so far: -1."""
        if index == 0 or index < -count:
            raise self._wrong(f"{index} names nothing: rows count from 1, or back from -1 to -{count}")
        return index - 1 if index > 0 else count + index

    def _wrong(self, cause: str) -> "_WrongLineError":
        return _WrongLineError(f"line {self.line}: {cause}")

    def polygons(self) -> ObjPolygons:
        """Everything read. Raises `ValueError` when there is no surface, or a corner names what never comes."""
        if not self.vertices or not self.sizes:
            raise ValueError(f"no {'faces' if self.vertices else 'vertices'}: not a surface as OBJ")
        vertices, uv = np.array(self.vertices).reshape(-1, 3), np.array(self.uv).reshape(-1, 2)
        normals = np.array(self.normals).reshape(-1, 3)
        corners = [np.array(rows, np.int64) for rows in self.corners]
        for what, rows, table in zip(("v", "vt", "vn"), corners, (vertices, uv, normals), strict=True):
            if (beyond := rows >= len(table)).any():
                corner = int(np.argmax(beyond))
                self.line = self.lines[int(np.searchsorted(np.cumsum(self.sizes), corner, side="right"))]
                raise self._wrong(f"a face names {what} {rows[corner] + 1}, the file has {len(table)}")
        colours = np.array(self.colours).reshape(-1, 3)
        kept = colours if len(colours) == len(vertices) else None
        sizes = np.array(self.sizes, np.int64)
        return ObjPolygons(vertices, uv, normals, kept, sizes, *(rows.astype(np.int32) for rows in corners))


class _WrongLineError(ValueError):
    """A line that cannot be read; its text says which and why."""


def _shown(words: list[bytes], fits: Callable[[bytes], bool]) -> str:
    """The first word after the statement that does not fit, for a message."""
    wrong = next((word for word in words[1:] if not fits(word)), words[-1])
    return repr(printable(wrong[:40].decode("utf-8", "replace")))


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_corner(word: bytes) -> bool:
    return re.fullmatch(rb"[+-]?\d{1,18}(/([+-]?\d{1,18})?(/([+-]?\d{1,18})?)?)?", word) is not None


def read_obj(path: StrPath, scale: float = 1.0) -> Mesh:
    """The surface of an OBJ file in our axes and metres, its polygons cut into triangles.

    A vertex with several normals gets their mean; a corner without texture coordinates gets (0, 0) where others have
    some. Normals are kept only where every corner has one, colours where every vertex has one within 0 to 1.

    Args:
        path: the file; y up and z towards the viewer, as nearly all have it.
        scale: metres in one unit of the file: 0.01 for centimetres.

    Raises:
        InputError: E_FORMAT: not an OBJ, with the line that is wrong; or what `read_bytes` raises.
        ValueError: `scale` is not above 0.
    """
    _check_scale(scale)
    read = read_obj_polygons(path)
    fan = read.fan()
    uv = uv_triangles = None
    if len(read.uv) and (read.uv_corners >= 0).any():
        lacking = bool((read.uv_corners < 0).any())
        uv = np.concatenate([read.uv, np.zeros((1, 2))]) if lacking else read.uv
        uv_triangles = np.where(read.uv_corners < 0, len(read.uv), read.uv_corners)[fan]
    with np.errstate(over="ignore"):
        vertices = half_turn(read.vertices) * scale
    if not np.isfinite(vertices).all():
        raise InputError(path, "E_FORMAT", f"{scale} metres in a unit make a vertex infinite", "give another scale")
    colours = read.colours if read.colours is not None and _within_unit(read.colours) else None
    return Mesh(vertices, read.corners[fan], uv, uv_triangles, _vertex_normals(read), colours)


def _check_scale(scale: float) -> None:
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be above 0 metres in a unit, got {scale}")


def _within_unit(colours: Array) -> bool:
    return bool((colours >= 0).all() and (colours <= 1).all())


def _vertex_normals(read: ObjPolygons) -> Array | None:
    """Unit normals [V, 3] in our axes, or None; a vertex whose normals cancel, or in no polygon, looks back."""
    if (read.normal_corners < 0).any():
        return None
    given = unit(half_turn(read.normals))[read.normal_corners]
    sums = np.stack([np.bincount(read.corners, given[:, axis], len(read.vertices)) for axis in range(3)], axis=1)
    return unit(np.where(np.abs(sums) > 1e-9, sums, 0.0))


def write_obj(mesh: Mesh, path: StrPath, overwrite: bool = False, scale: float = 1.0) -> None:
    """Writes a surface with its texture coordinates, normals and colours, y up and z towards the viewer.

    Colours follow the coordinates of their vertex, as most readers take them. Morph targets are not kept.

    Args:
        mesh: the surface.
        path: the file.
        overwrite: whether a file that is there already may be replaced.
        scale: metres in one unit of the file.

    Raises:
        OutputError: E_EXISTS: the file is there already; or the disk refuses.
        ValueError: `scale` is not above 0.
    """
    _check_scale(scale)
    _write(_points_text(mesh, scale) + _faces_text(mesh), Path(path), overwrite)


def write_obj_sequence(meshes: Iterable[Mesh], folder: StrPath, name: str, overwrite: bool = False) -> int:
    """Writes `folder/name.000000.obj`, `folder/name.000001.obj` …, one for each surface, in metres; returns how many.

    Frames of an older sequence of that name which the new one does not reach are removed at the end: left there, they
    would play on behind it.

    Args:
        meshes: the surfaces, taken one by one.
        folder: where they go; made when it is missing.
        name: what the files are called before their number.
        overwrite: whether a sequence of that name may be replaced.

    Raises:
        OutputError: E_EXISTS: the folder holds such files already; or the disk refuses.
        ValueError: `name` is no plain file name.
    """
    if not name or name.startswith(".") or Path(name).name != name:
        raise ValueError(f"name must be a plain file name, got {name!r}")
    make_folder(folder)
    pattern = re.compile(re.escape(name) + r"\.(\d{6,})\.obj")
    there = {int(match[1]): path for path in Path(folder).iterdir() if (match := pattern.fullmatch(path.name))}
    if there and not overwrite:
        cause = f"holds {there[min(there)].name} already"
        raise OutputExists(folder, "E_EXISTS", cause, "--overwrite replaces it, or name another folder")
    shared: tuple[Array | None, ...] = ()
    faces, count = "", 0
    for count, mesh in enumerate(meshes, 1):
        # A rig gives the same triangles and coordinates for every frame: their text is made once.
        parts = mesh.triangles, mesh.uv, mesh.uv_triangles
        if len(shared) != 3 or any(one is not other for one, other in zip(parts, shared, strict=True)):
            shared, faces = parts, _faces_text(mesh)
        _write(_points_text(mesh, 1.0) + faces, Path(folder) / f"{name}.{count - 1:06d}.obj", overwrite)
    for number, path in there.items():
        if number >= count:
            path.unlink(missing_ok=True)
    return count


def _write(text: str, path: Path, overwrite: bool) -> None:
    with replacing(path, overwrite) as part:
        part.write_text(text, encoding="ascii", newline="\n")


def _points_text(mesh: Mesh, scale: float) -> str:
    """The lines of vertices, with 9 digits as float32 wants them, and of normals."""
    points = half_turn(mesh.vertices) / scale
    if mesh.colours is None:
        text = _lines("v %.9g %.9g %.9g\n", points)
    else:
        text = _lines("v %.9g %.9g %.9g %.5g %.5g %.5g\n", np.concatenate([points, mesh.colours], axis=1))
    return text if mesh.normals is None else text + _lines("vn %.6g %.6g %.6g\n", half_turn(mesh.normals))


def _faces_text(mesh: Mesh) -> str:
    """The lines of texture coordinates and faces; a normal has the number of its vertex."""
    corners = [mesh.triangles]
    text, corner = "", "%d"
    if mesh.uv is not None:
        text = _lines("vt %.9g %.9g\n", mesh.uv)
        corners.append(mesh.triangles if mesh.uv_triangles is None else mesh.uv_triangles)
        corner = "%d/%d"
    if mesh.normals is not None:
        corners.append(mesh.triangles)
        corner += "/%d" if mesh.uv is not None else "//%d"
    return text + _lines(f"f {corner} {corner} {corner}\n", np.stack(corners, axis=2) + 1)


def _lines(line: str, rows: Array) -> str:
    return (line * len(rows)) % tuple(rows.ravel().tolist())
