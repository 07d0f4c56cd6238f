"""MediaPipe's Face Landmarker behind mien's interface: the file that its makers publish, run by LiteRT."""

from io import BytesIO
from zipfile import BadZipFile, ZipFile

from mien.core.errors import ModelError
from mien.detect.landmarker import Landmarker
from mien.detect.peer_expression import PeerExpressionReader
from mien.detect.peer_finder import PeerFinder
from mien.detect.peer_landmarks import PeerReader
from mien.runtime.litert import LiteSession

NETWORKS = ("face_detector.tflite", "face_landmarks_detector.tflite", "face_blendshapes.tflite")

_REMEDY = "`mien models fetch mediapipe` gets the file that its makers publish"
_LIMIT = 2**24
"""Bytes of the largest network that is unpacked; they have some 2.5 million."""


def peer_landmarker(content: bytes, least_score: float) -> Landmarker:
    """The peer, of the content of `face_landmarker.task`.

    Args:
        content: the file; whose it is has been checked.
        least_score: how sure its finder must be.

    Raises:
        ModelError: E_MODEL: it does not hold the three networks; E_EXTRA: what runs them is not installed.
    """
    finder, points, expression = (LiteSession(name, part) for name, part in networks_of(content).items())
    return Landmarker(PeerFinder(finder, least_score), PeerReader(points), PeerExpressionReader(expression))


def networks_of(content: bytes) -> dict[str, bytes]:
    """The networks in a `.task` file, which is a ZIP, by the names of `NETWORKS`, in that order.

    Raises:
        ModelError: E_MODEL: it is no such file, or a network is missing or implausibly large.
    """
    found: dict[str, bytes] = {}
    try:
        with ZipFile(BytesIO(content)) as archive:
            for name in NETWORKS:
                with archive.open(name) as member:
                    found[name] = member.read(_LIMIT + 1)
                if len(found[name]) > _LIMIT:
                    raise ModelError(name, "E_MODEL", f"is larger than {_LIMIT >> 20} MiB", _REMEDY)
    # zipfile raises NotImplementedError and RuntimeError for ways of packing that it does not know.
    except (BadZipFile, KeyError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        cause = f"does not hold MediaPipe's three networks: {error}"
        raise ModelError("face_landmarker.task", "E_MODEL", cause, _REMEDY) from error
    return found
