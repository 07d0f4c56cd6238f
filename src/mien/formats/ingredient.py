"""The file that was edited, as the standard (C2PA) sees it: an ingredient, which brings its own statements along.

Cameras and programs sign GPS, serial numbers, names and a thumbnail into a file, and all that would go along with the
history of an edit. The standard lets parts be taken out of earlier statements, which stay valid; what is missing is
listed by its address. Kept is a list of parts, not all but a list, for programs call theirs whatever they like.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import c2pa

from mien.formats.claim import TOOL
from mien.formats.files import MediaKind, StrPath, kind_of, open_regular
from mien.formats.json_object import JsonObject

MIME = {
    MediaKind.JPEG: "image/jpeg",
    MediaKind.PNG: "image/png",
    MediaKind.WEBP: "image/webp",
    MediaKind.AVIF: "image/avif",
    MediaKind.HEIC: "image/heic",
    MediaKind.MP4: "video/mp4",
    MediaKind.AVI: "video/avi",
}
"""What the standard calls the formats whose statements can be read: all but Matroska."""

_FOREIGN = "application/octet-stream"

_KEPT = (
    *("c2pa.actions", "c2pa.hash.", "c2pa.ingredient"),
    *("c2pa.training-mining", "cawg.training-mining", "c2pa.time-stamp", "c2pa.certificate-status"),
    f"{TOOL}.",
)
"""How the labels of parts begin that stay: what was done, to what, and when; what the picture may be used for. Without
the first three an earlier statement would say nothing."""

_SETTINGS = {
    "version": 1,
    # Only a list of the parts is wanted; whether they hold, the library asks when the ingredient is added.
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_reading": False},
}


@dataclass(frozen=True, slots=True)
class Ingredient:
    """The file that was edited.

    Args:
        file: as bytes, or as its path.
        readable: whether what it says of itself can be read.
        redacted: addresses of the parts of its statements that stay behind.
    """

    file: bytes | StrPath
    readable: bool = True
    redacted: tuple[str, ...] = ()

    @contextmanager
    def opened(self) -> Iterator[tuple[BinaryIO, str]]:
        """The file from its first byte on, and what the standard calls its format. Raises `InputError`."""
        with BytesIO(self.file) if isinstance(self.file, bytes) else open_regular(self.file) as file:
            kind = kind_of(file.read(64), "the source" if isinstance(self.file, bytes) else self.file)
            file.seek(0)
            yield file, MIME.get(kind, _FOREIGN)

    def private_parts(self) -> tuple[str, ...]:
        """Addresses of the parts that an edited copy must not carry along, of every statement in the file.

        Returns:
            One address a part, `self#jumbf=/c2pa/<statement>/c2pa.assertions/<label>`; none when the file holds no
            statement, or only says where one lies, which is not fetched.

        Raises:
            C2paError: the statements cannot be read.
            ValueError: they are not of the expected make.
            InputError: the file cannot be read.
        """
        with self.opened() as (file, mime):
            if mime == _FOREIGN:
                return ()
            try:
                with c2pa.Context.from_dict(_SETTINGS) as context, c2pa.Reader(mime, file, context=context) as reader:
                    account = reader.detailed_json()
            except c2pa.C2paError.ManifestNotFound:
                return ()
            except c2pa.C2paError as error:
                if str(error).startswith("Remote"):
                    return ()
                raise
        statements = JsonObject.parse(account.encode("utf-8", "replace")).child("manifests")
        return tuple(
            f"self#jumbf=/c2pa/{name}/c2pa.assertions/{label}"
            for name in statements
            for label in statements.child(name).child("assertion_store")
            if not label.startswith(_KEPT)
        )
