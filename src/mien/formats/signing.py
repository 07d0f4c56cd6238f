"""The key that mien signs its pictures with: made at first use, kept where only its owner can read it.

Nobody vouches for it. A reader of C2PA manifests will say "unknown issuer": what it proves is that the picture is as
mien left it, and `mien verify` on the same computer that it was made here. Who has a certificate that others trust
gives that instead.

The standard refuses a certificate that signed itself, so a small authority is made, signs one certificate, and its own
key is thrown away: nothing else can ever be signed in its name.
"""

import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import platformdirs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mien.core.errors import InputError, OutputError
from mien.formats.files import StrPath, make_folder, read_bytes

IDENTITY_FILE = "identity.pem"
"""Certificates, the signing one first, and the private key: one file, so that they always belong together."""

_YEARS = 30
"""How long a certificate made here is valid. Without a time stamp from the network, a picture cannot be checked for
longer than this."""

_LIMIT = 2**20
_REMEDY = "give a PEM file with the signing certificate first, then its issuers, then its private key"


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """Who signs.

    Args:
        certificates: PEM, the signing certificate first, then its issuers.
        key: PEM of its private key; never printed.
        algorithm: as C2PA calls it: es256, es384, es512, ps256 or ed25519.
        serial: serial number of the signing certificate.
    """

    certificates: bytes
    key: bytes = field(repr=False)
    algorithm: str
    serial: int

    @property
    def anchor(self) -> str:
        """PEM of the last certificate of the chain, which vouches for the others."""
        return x509.load_pem_x509_certificates(self.certificates)[-1].public_bytes(Encoding.PEM).decode("ascii")


def signing_folder() -> Path:
    """Where the key lies: in the user's configuration folder. Nothing is made."""
    return platformdirs.user_config_path("mien") / "signing"


def own_identity(folder: Path | None = None) -> SigningIdentity:
    """The identity of this user on this computer, made when there is none yet.

    Two processes that need it at once get the same one.

    Args:
        folder: where it lies, or will; by default `signing_folder()`.

    Raises:
        OutputError: E_SIGN: the key is damaged, has run out, or others can read it; or what `make_folder` raises, and
            E_WRITE when the folder takes no file.
    """
    folder = signing_folder() if folder is None else folder
    path = folder / IDENTITY_FILE
    try:
        if not path.exists():
            _make_private(folder)
            _place(path, _made_identity())
        _check_private(path)
        return read_identity(path)
    except InputError as error:
        remedy = "rename the file, and a new key will be made"
        raise OutputError(path, "E_SIGN", f"the signing key cannot be used: {error.cause}", remedy) from error
    except OSError as error:
        cause = f"the signing key cannot be kept: {error.strerror or type(error).__name__}"
        raise OutputError(path, "E_WRITE", cause, "allow this user to write to the folder") from error


def known_identities(folder: Path | None = None) -> tuple[SigningIdentity, ...]:
    """Every identity in the folder, the present one and those that were put by under another name; makes none.

    What is no identity there is passed over: it cannot have signed anything.
    """
    found = []
    for path in sorted((signing_folder() if folder is None else folder).glob("*.pem")):
        with suppress(InputError):
            found.append(read_identity(path, expired=True))
    return tuple(found)


def read_identity(path: StrPath, key: StrPath | None = None, expired: bool = False) -> SigningIdentity:
    """An identity from PEM files, for who has a certificate of their own.

    Args:
        path: the certificates, the signing one first.
        key: the private key, when it is not in the same file; without a password.
        expired: whether one that has run out will do.

    Raises:
        InputError: E_CERTIFICATE: not PEM, a password, a key of another certificate or of a kind that C2PA does not
            know, run out or not yet valid; what `read_bytes` raises.
    """
    chain, secret = read_bytes(path, _LIMIT), read_bytes(path if key is None else key, _LIMIT)
    try:
        certificates = x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        raise InputError(path, "E_CERTIFICATE", "no certificate in PEM", _REMEDY) from error
    try:
        private = load_pem_private_key(secret, password=None)
    except TypeError as error:
        remedy = "save a copy of the key without a password, readable by you alone"
        raise InputError(key or path, "E_CERTIFICATE", "the private key has a password", remedy) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(key or path, "E_CERTIFICATE", "no private key in PEM", _REMEDY) from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    leaf = certificates[0]
    if private.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        cause = "the private key is not that of the first certificate"
        raise InputError(key or path, "E_CERTIFICATE", cause, _REMEDY)
    if not expired and not leaf.not_valid_before_utc <= datetime.now(UTC) <= leaf.not_valid_after_utc:
        span = f"{leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}"
        raise InputError(path, "E_CERTIFICATE", f"valid from {span}, not today", "use another certificate")
    return SigningIdentity(
        b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates),
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        _algorithm(private, path),
        leaf.serial_number,
    )


_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


def _algorithm(key: object, path: StrPath) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise InputError(path, "E_CERTIFICATE", "a kind of key that C2PA does not know", "use an ECDSA key on P-256")


def _made_identity() -> bytes:
    """A key, its certificate and that of the authority that signed it, in PEM; nothing in them tells who or where."""
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, subject = _name("local authority"), _name("local key")
    start = datetime.now(UTC) - timedelta(days=1)  # clocks differ
    end = start + timedelta(days=365 * _YEARS)

    def begun(name: x509.Name, of: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        """What both certificates say alike."""
        return (
            x509.CertificateBuilder(issuer, name, of.public_key(), x509.random_serial_number(), start, end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(of.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        )

    root = (
        begun(issuer, authority)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority, hashes.SHA256())
    )
    leaf = (
        begun(subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        # The purpose under which C2PA lets a certificate sign that is not on its own list.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
        .sign(authority, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM) + secret


def _name(common: str) -> x509.Name:
    parts = ((NameOID.ORGANIZATION_NAME, "mien"), (NameOID.COMMON_NAME, f"mien {common}"))
    return x509.Name([x509.NameAttribute(part, text) for part, text in parts])


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _make_private(folder: Path) -> None:
    make_folder(folder)
    os.chmod(folder, 0o700)


def _place(path: Path, content: bytes) -> None:
    """Puts `content` at `path` as a whole, readable by the owner alone, unless another process was faster."""
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, not a renaming: it fails when the name is taken, so the first key stays.
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _check_private(path: Path) -> None:
    """Refuses a key that others can read: what it signs would prove nothing."""
    mode = os.stat(path).st_mode
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        cause = f"the signing key can be read by others (mode {stat.S_IMODE(mode):03o})"
        raise OutputError(path, "E_SIGN", cause, f"chmod 600 {path}, or rename it and a new key will be made")
