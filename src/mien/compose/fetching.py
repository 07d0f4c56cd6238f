"""Downloads, on the user's explicit command alone: from one host, within a limit of size, whole or not at all."""

import zlib
from collections.abc import Callable
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from mien.core.errors import ModelError

_TIMEOUT = 30.0
_AT_ONCE = 2**16


class Fetcher:
    """Gets files from one host.

    Args:
        base: an address there. Redirects must stay on its scheme and host.
        limit: bytes of the largest file that is taken.
        again: what to do when the network fails, for a message.
        nothing: what to do when what comes is not what was wanted, likewise.
    """

    def __init__(self, base: str, limit: int, again: str, nothing: str) -> None:
        self._limit, self._again, self._nothing = limit, again, nothing
        self._opener = build_opener(_SameHost(base, nothing))

    def get(self, address: str, came: Callable[[int], None] = lambda count: None) -> bytes:
        """The content of one file, whole.

        Args:
            address: of the file.
            came: called with the number of bytes of each part that has come, as they are sent.

        Raises:
            ModelError: E_FETCH: the network or the server failed, or the file is too large.
        """
        request = Request(address, headers={"User-Agent": "mien", "Accept-Encoding": "gzip"})
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as response:
                length = response.headers.get("Content-Length")
                if length is not None and int(length) > self._limit:
                    raise self._too_large(address)
                body = self._read(response, came)
                if length is not None and len(body) < int(length):
                    cause = f"broke off after {len(body)} of {length} bytes"
                    raise ModelError(address, "E_FETCH", cause, self._again)
                if response.headers.get("Content-Encoding", "").lower() == "gzip":
                    body = self._unpacked(address, body)
        except HTTPError as error:
            error.close()  # it is the answer, too, and holds the connection
            cause = f"the server answers {error.code} {error.reason}"
            raise ModelError(address, "E_FETCH", cause, self._again) from error
        except (URLError, HTTPException, OSError, ValueError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            cause = f"cannot be fetched: {reason or type(error).__name__}"
            raise ModelError(address, "E_FETCH", cause, self._again) from error
        if len(body) > self._limit:
            raise self._too_large(address)
        return body

    def _read(self, response: Any, came: Callable[[int], None]) -> bytes:
        """What is sent, and at most one byte more than is allowed."""
        body = bytearray()
        while part := response.read(min(_AT_ONCE, self._limit + 1 - len(body))):
            body += part
            came(len(part))
        return bytes(body)

    def _unpacked(self, address: str, body: bytes) -> bytes:
        """What a gzip body holds, and at most one byte more than is allowed."""
        stream = zlib.decompressobj(wbits=31)
        try:
            data = stream.decompress(body, self._limit + 1)
        except zlib.error as error:
            raise ModelError(address, "E_FETCH", f"is no whole gzip stream: {error}", self._again) from error
        if not stream.eof and len(data) <= self._limit:
            raise ModelError(address, "E_FETCH", "broke off within a gzip stream", self._again)
        return data

    def _too_large(self, address: str) -> ModelError:
        return ModelError(address, "E_FETCH", f"is larger than {self._limit >> 20} MiB", self._nothing)


class _SameHost(HTTPRedirectHandler):
    """Follows a redirect only to where the user was told that the files come from."""

    def __init__(self, base: str, nothing: str) -> None:
        self._origin, self._nothing = urlsplit(base)[:2], nothing

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        """The request that follows. Raises `ModelError` when it leads elsewhere."""
        if urlsplit(newurl)[:2] != self._origin:
            fp.close()
            raise ModelError(req.full_url, "E_FETCH", f"redirects to {newurl}, another host", self._nothing)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
