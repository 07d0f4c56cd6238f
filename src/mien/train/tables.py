"""What ships beside the networks: mean face, usual look, compact rig, appearance: tables that are computed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.card import Figure, ModelCard
from mien.core.errors import InputError, UsageError
from mien.data.packs import read_photos
from mien.detect.landmarks import LandmarkReader
from mien.detect.shape import mean_face
from mien.formats.npz import write_members
from mien.rig.ict import IctRig
from mien.rig.shelf import rig_named
from mien.runtime.session import OnnxSession
from mien.train.appearance import learn_appearance
from mien.train.correspondence import find_places
from mien.train.export import Story, write_story
from mien.train.look import learn_look
from mien.train.rig import learn_rig
from mien.train.shape import learn_shape
from mien.weights.catalog import card

SOURCES = (
    "8,673 news photographs of LFW (deep-funneled; no licence stated, pictures uncleared: used to train, never "
    "redistributed), 470 portraits of officials (CivilServiceUSA, MIT), 1,115 generated faces (SFHQ and SFHQ-T2I, MIT)"
)
TEACHER = "labels are the mean of four views by MediaPipe Face Landmarker (Apache-2.0): its faults are learned too"

SHAPE, LOOK, RIG, APPEARANCE = "face-shape", "face-look", "compact-rig", "appearance"


@dataclass(frozen=True)
class Table:
    """A table that ships.

    Args:
        make: computes it from the folder of the packs, for a folder of results, with the command that asked for it
            and the place of the ICT rig, and writes it with its card.
    """

    make: Callable[[Path, Path, str, Path | None], ModelCard]


def _make_shape(data: Path, folder: Path, command: str, rig: Path | None) -> ModelCard:
    points, steadiness, triangles = learn_shape(data)
    file = folder / f"{SHAPE}.npz"
    np.savez_compressed(
        file,
        points=points.astype(np.float32),
        steadiness=steadiness.astype(np.float32),
        triangles=triangles.astype(np.int16),
    )
    return write_story(file, _SHAPE_STORY, command, ())


def _make_look(data: Path, folder: Path, command: str, rig: Path | None) -> ModelCard:
    try:
        look = learn_look(data)
    except ValueError as error:
        raise InputError(data, "E_FORMAT", str(error), "add packs of faces") from None
    file = folder / f"{LOOK}.npz"
    np.savez_compressed(
        file,
        mean=look.mean.astype(np.float16),
        directions=look.directions.astype(np.float16),
        spread=look.spread.astype(np.float16),
        slopes=look.slopes,
        bounds=np.array([look.usual, look.strange], np.float32),
    )
    return write_story(file, _LOOK_STORY, command, ())


def _make_rig(data: Path, folder: Path, command: str, rig: Path | None) -> ModelCard:
    ict = rig_named("ict") if rig is None else IctRig.load(rig)
    if not isinstance(ict, IctRig):
        raise UsageError("--ict", "E_USAGE", "is no ICT rig", "name ICT's .npz or folder with --ict")
    photos = read_photos(data)[0]
    places = find_places(ict, mean_face().points, photos, LandmarkReader(OnnxSession(card("landmarks"))))
    try:
        model = learn_rig(photos, mean_face(), ict, places)
    except ValueError as error:
        raise InputError(data, "E_FORMAT", str(error), "add packs of people with calm, closed mouths") from None
    file = folder / f"{RIG}.npz"
    write_members(file, model.members())
    return write_story(file, _RIG_STORY, f"{command} --ict ict.npz", ())


def _make_appearance(data: Path, folder: Path, command: str, rig: Path | None) -> ModelCard:
    appearance, told = learn_appearance(data, LandmarkReader(OnnxSession(card("landmarks"))))
    file = folder / f"{APPEARANCE}.npz"
    members = {"mean": appearance.mean, "directions": appearance.directions}
    write_members(file, {name: values.astype(np.float16) for name, values in members.items()})
    figures = () if told is None else (Figure(told.what, told.value, told.unit, command),)
    return write_story(file, _APPEARANCE_STORY, command, figures)


_SHAPE_STORY = Story(
    purpose="The mean face in metres, our own triangles, and how steady each point is under expression.",
    input="none: it is a table",
    output_basis=None,
    paper="our own; generalised Procrustes analysis (J. C. Gower 1975)",
    data=f"landmarks of {SOURCES}; {TEACHER}",
    weakness="one mean for all ages and origins; its size is that of an adult whose irises are 63 mm apart",
)
_LOOK_STORY = Story(
    purpose="What faces look like at the 478 points, freed of brightness and contrast: tells what something covers.",
    input="none: it is a table",
    output_basis=None,
    paper="our own; principal components and a logistic regression",
    data=f"pictures and landmarks of {SOURCES}; {TEACHER}",
    weakness="a guess: hard light and make-up look like cover, and half of what hides a tenth of a face goes unseen; "
    "learned from boxes and ellipses; few of its faces are dark-skinned or very old",
)
_RIG_STORY = Story(
    purpose="The 478 points as a rig: 60 identity directions, 51 ARKit expressions, eyes that turn, what landmarks do "
    "when a head turns, and where the points lie on the ICT rig.",
    input="none: it is a table",
    output_basis="arkit",
    paper="our own; ridge regression on known weights with carried blendshapes as its prior, random intercepts",
    data=f"landmarks and weights of {SOURCES}; {TEACHER}; expressions of the ICT Face Model Light (MIT, © 2020 USC "
    "Institute for Creative Technologies), carried over to the points",
    weakness="linear: large motions of the jaw and the lips add up where a face would stop; noseSneer, cheekPuff, "
    "cheekSquint, jawForward, jawLeft, jawRight and mouthClose are ICT's alone, never checked on photos; the teacher's "
    "full smile is smaller than ICT's; the depth of points is the teacher's guess",
)

_APPEARANCE_STORY = Story(
    purpose="How a face looks, whatever it does, in 48 numbers: by which a face that comes back in a video keeps its "
    "number. In memory only, for one source.",
    input="none: it is a table",
    output_basis=None,
    paper="our own; linear discriminant analysis (R. A. Fisher 1936; C. R. Rao 1948) of the skin at the landmarks and "
    "of their places in the head",
    data="5,422 of 8,673 news photographs of LFW: the 1,309 people of whom there are several (deep-funneled; no "
    "licence stated, pictures uncleared: used to train, never redistributed)",
    weakness="no face recognition: made to tell apart the few people of one video, and too weak to find somebody among "
    "many; people in the news are mostly grown-up, male and light-skinned, others are told apart less well; glasses "
    "and beards count as part of a face; profiles and faces of fewer than 20 pixels say little",
)

TABLES: dict[str, Table] = {
    SHAPE: Table(_make_shape),
    LOOK: Table(_make_look),
    RIG: Table(_make_rig),
    APPEARANCE: Table(_make_appearance),
}
"""By the name of the card."""
