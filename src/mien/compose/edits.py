"""Photo in, photo out: a face is read, edited, written with its provenance, and read again to say what came of it."""

import os
from dataclasses import dataclass
from pathlib import Path

from mien.compose.edit_options import EditOptions
from mien.compose.edit_pictures import EditedPicture, PictureEditor
from mien.compose.edit_report import Measured
from mien.core.arrays import Array
from mien.core.errors import UsageError
from mien.core.image import Frame
from mien.formats.claim import Claim, ModelUsed
from mien.formats.files import MediaKind, StrPath, check_replaceable
from mien.formats.jpeg_passes import EXTRA, can_join_passes
from mien.formats.leftovers import sweep
from mien.formats.photo_file import PhotoFile, check_photo, reach, read_photo, write_photo
from mien.formats.provenance import Seal, sealing
from mien.formats.sidecar import sidecar_path, write_sidecar
from mien.formats.signing import SigningIdentity, own_identity, read_identity
from mien.rig.wishes import Wish, channels
from mien.weights.catalog import card

_MODELS = ("finder", "landmarks-8bit", "refiner", "lgml", "compact-rig", "motion", "crease")
"""What reads, moves and shades a face; what paints is added where it did."""


@dataclass(frozen=True, slots=True, eq=False)
class PhotoEdit:
    """An edited photo that was written.

    Args:
        before: the photo's picture.
        picture: the edited one.
        measured: what came of each face, as the written file shows it; empty when nobody asked.
        seal: what signs another picture that shows this edit, or None where nothing is signed.
        recoded: why a JPEG had to be coded anew as a whole, so that pixels beside the face changed, too, if little; ""
            where none had.
    """

    before: Frame
    picture: EditedPicture
    measured: tuple[Measured, ...]
    seal: Seal | None
    recoded: str = ""


def edit_photo(
    source: StrPath,
    output: StrPath,
    wish: Wish,
    options: EditOptions = EditOptions(),
    *,
    overwrite: bool = False,
    measure: bool = False,
) -> PhotoEdit:
    """Edits the faces of a photo and writes it, in its own format where the ending of `output` is the same.

    A wish that changes nothing gives the photo's own pixels. A sidecar is written beside the result.

    Args:
        source: a JPEG, PNG or WebP.
        output: another file, ending in .jpg, .png or .webp.
        wish: what is wanted.
        options: how it is made and marked.
        overwrite: whether results that are there already may be replaced.
        measure: whether the result is read again.

    Raises:
        InputError: the photo cannot be read, holds no such face, or one that cannot be edited.
        UsageError: the output is the source, or of no known ending.
        OutputError: the result is there already, cannot be signed, or the disk refuses.
    """
    check_distinct(source, output)
    check_wish(wish)
    sweep([Path(output).parent])
    photo = read_photo(source, options.max_pixels)
    check_photo(photo, output, overwrite)
    check_replaceable(sidecar_path(output), overwrite)
    identity = signer(options)
    editor = PictureEditor(options.face)
    readings = editor.read(photo.frame, photo.source)
    picture = editor.edited(photo.frame, readings, wish, photo.source)
    claim = claimed(photo.sha256, wish, picture.painted)
    seal = sealed(claim, identity, photo, options.keep_metadata)
    write_photo(photo, picture.frame.pixels, output, overwrite, options.keep_metadata, seal)
    write_sidecar(output, claim, source, options.provenance, overwrite)
    may = reach(photo, picture.mask, Path(output).suffix)
    found: tuple[Measured, ...] = ()
    if measure:
        written = read_photo(output, options.max_pixels).frame
        found = editor.measured(photo.frame, picture, written, may)
    return PhotoEdit(photo.frame, picture, found, seal, _recoded(photo, picture, output, may))


def _recoded(photo: PhotoFile, picture: EditedPicture, output: StrPath, may: Array) -> str:
    """Why more of a JPEG changed than the blocks that a face touches, if it did."""
    both = photo.kind is MediaKind.JPEG and Path(output).suffix.lower() in (".jpg", ".jpeg")
    if not (both and may.all() and not picture.mask.all() and picture.mask.any()):
        return ""
    missing = photo.stored.bare.progressive and not can_join_passes()
    return f"a progressive JPEG; {EXTRA} spares that" if missing else "as this JPEG is made"


def check_wish(wish: Wish) -> None:
    """Refuses what no edit shows. Raises `UsageError` E_NAME."""
    for change in wish.changes:
        if "tongueOut" in channels(change.name) and change.amount:
            raise UsageError(change.name, "E_NAME", "an edit draws no tongue that sticks out", "leave it out")


def check_distinct(source: StrPath, output: StrPath, role: str = "the source") -> None:
    """Refuses to write over the source, or over another file that is read. Raises `UsageError` E_USAGE."""
    if os.path.realpath(source) == os.path.realpath(output) or _are_one(source, output):
        raise UsageError(output, "E_USAGE", f"is {role}, which is never overwritten", "give another name")


def _are_one(source: StrPath, output: StrPath) -> bool:
    """Whether two names are of one file; not of what is not there, or links in a ring."""
    try:
        return os.path.samefile(source, output)
    except OSError:
        return False


def signer(options: EditOptions) -> SigningIdentity | None:
    """Who signs, or None when nobody does. Made before any work, so that a bad certificate costs none."""
    if not options.provenance:
        return None
    if options.certificate is not None:
        return read_identity(options.certificate)
    return own_identity()


def claimed(source_sha256: str, wish: Wish, painted: bool, further: tuple[str, ...] = ()) -> Claim:
    """What a result is said to be; `further` are actions that no wish has a word for."""
    names = (*_MODELS, *(("mouth",) if painted else ()))
    return Claim((*wish.words(), *further), source_sha256, tuple(ModelUsed.of(card(name)) for name in names), painted)


def sealed(
    claim: Claim, identity: SigningIdentity | None, photo: PhotoFile, keep_metadata: bool = False
) -> Seal | None:
    """What signs the result, or None where nobody does."""
    return None if identity is None else sealing(claim, identity, photo.data, keep_metadata)
