"""The trainings of the edit's networks: each has a second size, for a GPU."""

import torch

from mien.core.basis import ARKIT
from mien.imaging import face_layout
from mien.imaging.face_cut import SIDE as SIDE_OF_FACE
from mien.imaging.mouth_patch import HEIGHT, MAPS, WIDTH
from mien.nets.landmarks import POINTS
from mien.train.crease import LARGE as CREASE_LARGE
from mien.train.crease import OPTIONS as CREASE_OPTIONS
from mien.train.crease import CreaseTask
from mien.train.duel import contest
from mien.train.export import Signature, Story
from mien.train.motion import LARGE as MOTION_LARGE
from mien.train.motion import OPTIONS as MOTION_OPTIONS
from mien.train.motion import MotionTask
from mien.train.mouth import LARGE as MOUTH_LARGE
from mien.train.mouth import OPTIONS as MOUTH_OPTIONS
from mien.train.mouth import MouthTask
from mien.train.recipe import Recipe, trained_net
from mien.train.tables import SOURCES, TEACHER
from mien.train.texture import LARGE as TEXTURE_LARGE
from mien.train.texture import OPTIONS as TEXTURE_OPTIONS
from mien.train.texture import TextureTask

_ROLLED = face_layout.HEIGHT, face_layout.WIDTH
_FACE = Signature(
    (
        ("picture", torch.rand((1, 3, SIDE_OF_FACE, SIDE_OF_FACE), generator=torch.Generator().manual_seed(1)) * 255),
        ("asked", torch.rand((1, len(ARKIT)), generator=torch.Generator().manual_seed(2))),
        ("change", torch.rand((1, len(ARKIT)), generator=torch.Generator().manual_seed(3)) - 0.5),
    ),
    ("colour", "keep"),
)


def _texture(how: str) -> Story:
    """Of the two networks that differ in the motion step alone."""
    return Story(
        purpose=f"Lays colours by a mask over a face that is asked for other weights, {how}: an experiment.",
        input=f"picture [1, 3, {SIDE_OF_FACE}, {SIDE_OF_FACE}] of 0..255 of `FaceCut`, weights asked [1, 52] of arkit, "
        "and their change [1, 52]",
        output_basis=None,
        paper="Self-supervised Deformation Modeling for Facial Expression Editing (S. Athar et al. 2019), our reading "
        "of its texture step, and GANimation (A. Pumarola et al. 2018), whose losses these are",
        data="packs whose people keep still in one light: frames of clips, portraits calm and smiling, renders of mien "
        f"data render --still; the answer is the other picture of the person; {TEACHER}",
        weakness="an experiment, not used by any edit: far smaller and shorter trained than either paper's, on cuts of "
        f"{SIDE_OF_FACE} px; lids and gaze are left alone; the error by group is not known",
    )


EDIT_RECIPES: dict[str, Recipe] = {
    "mouth": Recipe(
        MOUTH_OPTIONS,
        lambda data, folder, width: MouthTask(data, width=width),
        lambda network: network,
        Signature(
            (
                ("picture", torch.rand((1, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(1)) * 255),
                ("maps", torch.rand((1, len(MAPS), HEIGHT, WIDTH), generator=torch.Generator().manual_seed(2))),
                ("weights", torch.rand((1, len(ARKIT)), generator=torch.Generator().manual_seed(3))),
                ("sharpness", torch.tensor([[1.0]])),
            ),
            ("painted",),
        ),
        Story(
            purpose="Paints teeth, the dark between them and the tongue where an edit opens a mouth.",
            input=f"picture [1, 3, {HEIGHT}, {WIDTH}] of 0..255, maps [1, {len(MAPS)}, {HEIGHT}, {WIDTH}] of "
            "`MouthPatch.maps`, weights [1, 52] of arkit, sharpness [1, 1] (-2 blurred to 2 crisp)",
            output_basis=None,
            paper="Self-supervised Deformation Modeling for Facial Expression Editing (S. Athar et al. 2020), our "
            "reading of its texture step; with a critic, and the package's own reader, frozen",
            data=f"the open and sharp mouths among {SOURCES}; frames of five clips of LivePortrait's examples (MIT "
            "repository, origin of the clips unstated: used to train, never redistributed), made a pack by mien data "
            f"pack; {TEACHER}",
            weakness="invents teeth that the photo does not show; wide open mouths are few in the data, and most that "
            "it learned from were opened further than they were, along the dark between their teeth or where these "
            "met, and show no tongue behind them; some teeth have dark spots beside them or a faint green stripe, more "
            "the sharper they are asked for; on very dark skin they turn mauve, which `mien edit` takes out; "
            "tongues that stick out are not painted; the error by group is not known",
        ),
        contest,
        MOUTH_LARGE,
    ),
    "motion": Recipe(
        MOTION_OPTIONS,
        lambda data, folder, width: MotionTask(data, width),
        trained_net,
        Signature(
            (
                ("points", torch.rand((1, POINTS, 2), generator=torch.Generator().manual_seed(1))),
                ("now", torch.rand((1, len(ARKIT)), generator=torch.Generator().manual_seed(2))),
                ("change", torch.rand((1, len(ARKIT)), generator=torch.Generator().manual_seed(3)) - 0.5),
            ),
            ("field", "further"),
        ),
        Story(
            purpose="Says what the compact rig misses of a face's motion when its weights change.",
            input="points [1, 478, 2] in the head's plane, inter-ocular distances; weights now [1, 52] of arkit, and "
            "their change [1, 52]",
            output_basis=None,
            paper="Self-supervised Deformation Modeling for Facial Expression Editing (S. Athar et al. 2020), our "
            "reading of its motion step: a residual on a rig's motion that cannot fold, and how much further than its "
            "points skin goes",
            data=f"photos of people who are there twice or more (10,174 pairs of 922 people) among {SOURCES}: all of "
            "them news photographs, for generated faces are left out and officials are there once; "
            f"{TEACHER}; how skin goes is followed in the photos themselves, in 3,718 pairs of these people",
            weakness="learned from pairs of news photos that differ in pose and lens: what a teacher's points do when "
            "a head turns was told apart only as far as its turn explains it; single channels at strong doses are "
            "rare in them, and channels that hardly move in them are left to the rig; skin goes the same way on every "
            "face, by a flow between pictures in other light that foresees 3 % of its squares on other people; the "
            "error by group is not known",
        ),
        large=MOTION_LARGE,
    ),
    "crease": Recipe(
        CREASE_OPTIONS,
        lambda data, folder, width: CreaseTask(data, width),
        lambda network: network,
        Signature(
            (
                ("brightness", torch.rand((1, 1, *_ROLLED), generator=torch.Generator().manual_seed(1)) + 4),
                ("maps", torch.rand((1, len(face_layout.MAPS), *_ROLLED), generator=torch.Generator().manual_seed(2))),
                ("change", torch.rand((1, len(ARKIT)), generator=torch.Generator().manual_seed(3))),
            ),
            ("gain",),
        ),
        Story(
            purpose="Says how an edit changes the shading of a face: folds beside the nose, cheeks, forehead, brow.",
            input=f"brightness [1, 1, {_ROLLED[0]}, {_ROLLED[1]}] (logarithm) and maps [1, {len(face_layout.MAPS)}, "
            f"{_ROLLED[0]}, {_ROLLED[1]}] on `FaceLayout`, change [1, 52] of arkit's weights",
            output_basis=None,
            paper="Expressive expression mapping with ratio images (Z. Liu, Y. Shan, Z. Zhang 2001), learned rather "
            "than copied; the texture step of S. Athar et al. 2020, in our reading",
            data="frames of four clips of LivePortrait's examples (MIT repository, origin of the clips unstated: used "
            "to train, never redistributed), six people of the Face Research Lab London Set, calm and smiling (CC BY "
            "4.0, L. DeBruine and B. Jones 2017), made packs by mien data pack; 4,000 renders of the ICT Face Model "
            f"Light (MIT), made by mien data render --still under the skins of {SOURCES}; {TEACHER}. Validated on the "
            "fifth clip, two further people of that set, and renders of other identities and skins",
            weakness="ten real people: what folds where is an average of theirs, too weak rather than too strong, and "
            "little is known of foreheads; lines are finer than its layout; how much of it is done was chosen on the "
            "two validation people's smiles and by eye on validation photos; the error by group is not known",
        ),
        large=CREASE_LARGE,
    ),
    "texture": Recipe(
        TEXTURE_OPTIONS,
        lambda data, folder, width: TextureTask(data, True, width),
        lambda network: network,
        _FACE,
        _texture("after the rig's motion step"),
        contest,
        TEXTURE_LARGE,
    ),
    "baseline": Recipe(
        TEXTURE_OPTIONS,
        lambda data, folder, width: TextureTask(data, False, width),
        lambda network: network,
        _FACE,
        _texture("with the motion step off"),
        contest,
        TEXTURE_LARGE,
    ),
}
