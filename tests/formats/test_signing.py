import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from mien.core.errors import InputError, OutputError
from mien.formats import signing
from mien.formats.signing import known_identities, own_identity, read_identity, signing_folder


def pem(key: object, password: bytes | None = None) -> bytes:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | dsa.DSAPrivateKey)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


def test_made_at_first_use_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "signing"
    first = own_identity(folder)
    assert own_identity(folder) == first
    assert os.listdir(folder) == ["identity.pem"]
    assert first.algorithm == "es256"
    assert "PRIVATE" not in repr(first)


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        own_identity(tmp_path / "signing")
    finally:
        os.umask(before)
    assert (tmp_path / "signing").stat().st_mode & 0o777 == 0o700
    path = tmp_path / "signing" / "identity.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(OutputError, match="can be read by others") as caught:
        own_identity(tmp_path / "signing")
    assert caught.value.code == "E_SIGN"


def test_lies_in_the_users_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert signing_folder() == tmp_path / "mien" / "signing"
    assert known_identities() == ()
    assert list(tmp_path.iterdir()) == []


def test_names_nobody(tmp_path: Path) -> None:
    chain = x509.load_pem_x509_certificates(own_identity(tmp_path / "a").certificates)
    assert [c.subject.rfc4514_string() for c in chain] == [
        "CN=mien local key,O=mien",
        "CN=mien local authority,O=mien",
    ]
    chain[0].verify_directly_issued_by(chain[1])
    assert chain[0].not_valid_before_utc < datetime.now(UTC) < chain[0].not_valid_after_utc


def test_processes_at_once_get_one_key(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from mien.formats.signing import own_identity
print(own_identity(Path({str(tmp_path / "signing")!r})).serial)
"""
    runs = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", program], text=True, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [run.communicate(timeout=60)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 2
    assert len(set(said)) == 1
    assert os.listdir(tmp_path / "signing") == ["identity.pem"]


def test_the_slower_one_takes_the_key_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "identity.pem"
    signing._place(path, b"first")
    signing._place(path, b"second")
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["identity.pem"]


def test_keys_put_by_are_still_known(tmp_path: Path) -> None:
    old = own_identity(tmp_path)
    (tmp_path / "identity.pem").rename(tmp_path / "old.pem")
    (tmp_path / "note.pem").write_text("no key")
    new = own_identity(tmp_path)
    assert {one.serial for one in known_identities(tmp_path)} == {old.serial, new.serial}


def test_a_damaged_key_is_named(tmp_path: Path) -> None:
    own_identity(tmp_path)
    path = tmp_path / "identity.pem"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(OutputError, match=r"identity\.pem: E_SIGN: the signing key cannot be used: no private key"):
        own_identity(tmp_path)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        own_identity(tmp_path / "file" / "signing")


def test_ones_own_certificate_in_two_files(tmp_path: Path) -> None:
    own = own_identity(tmp_path / "a")
    (tmp_path / "chain.pem").write_bytes(own.certificates)
    (tmp_path / "key.pem").write_bytes(own.key)
    assert read_identity(tmp_path / "chain.pem", tmp_path / "key.pem") == own


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"text", "no certificate in PEM"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "no private key in PEM|not that of the first"),
        (pem(ec.generate_private_key(ec.SECP256R1()), b"secret"), "has a password"),
    ],
)
def test_ones_own_certificate_that_will_not_do(tmp_path: Path, content: bytes, cause: str) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_bytes(content if content == b"text" else own_identity(tmp_path / "a").certificates)
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(InputError, match=cause) as caught:
        read_identity(chain, tmp_path / "key.pem")
    assert caught.value.code == "E_CERTIFICATE"


def test_a_certificate_that_has_run_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_YEARS", 0)
    with pytest.raises(OutputError, match="not today"):
        own_identity(tmp_path)
    assert len(known_identities(tmp_path)) == 1


def test_kinds_of_keys() -> None:
    assert signing._algorithm(ec.generate_private_key(ec.SECP384R1()), "a") == "es384"
    assert signing._algorithm(ed25519.Ed25519PrivateKey.generate(), "a") == "ed25519"
    with pytest.raises(InputError, match="a kind of key"):
        signing._algorithm(ec.generate_private_key(ec.SECP256K1()), "a")
