"""`townlet certificates`: an authority of one's own, and certificates by it, for runs that have no other.

DIR/ca.pem      the authority's certificate: everybody needs it
DIR/ca.key      its key: whoever has it can make certificates, no service needs it
DIR/NAME.pem    a certificate for the host NAME, for localhost and 127.0.0.1, to call and to serve with
DIR/NAME.key    its key
"""

import re
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from townlet.errors import ConfigError
from townlet.private_files import write_private
from townlet.tls import CLIENT_URI

CLOCK_SKEW = timedelta(minutes=5)
"""Certificates are valid this long before they were made: not all clocks are right."""

AUTHORITY = "ca"
AUTHORITY_LIFETIME = timedelta(days=3650)
LOCAL = ("localhost", "127.0.0.1")


class Authority:
    """Issues certificates. Its files are in a folder; they are made when there are none.

    lifetime: of the certificates. Raises ConfigError when the files are no good.
    """

    def __init__(self, folder: Path, lifetime: timedelta) -> None:
        self._folder = folder
        self._lifetime = lifetime
        paths = [folder / f"{AUTHORITY}.pem", folder / f"{AUTHORITY}.key"]
        missing = [path for path in paths if not path.exists()]
        if len(missing) == 1:
            raise ConfigError(f"{missing[0]}: expected both files of an authority or none, found only the other one")
        self.is_new = bool(missing)
        self._certificate, self._key = self._make() if missing else _load(*paths)

    def issue(self, name: str, hosts: tuple[str, ...], *, client: bool) -> Path:
        """Make a certificate and a key; the certificate's path. An earlier one of that name is replaced.

        hosts: whom it is for besides localhost; a name, or an address. client: for nobody who serves, nor is a member.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or name == AUTHORITY:
            raise ConfigError(f"{name}: expected a name of letters, digits, dots and dashes other than {AUTHORITY}")
        key = ec.generate_private_key(ec.SECP256R1())
        subjects = [_subject(host) for host in dict.fromkeys((*hosts, *LOCAL))]
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        if client:
            subjects, purposes = [x509.UniformResourceIdentifier(CLIENT_URI)], purposes[:1]
        certificate = (
            _builder(_common_name(name), key, self._lifetime)
            .issuer_name(self._certificate.subject)
            .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return self._write(name, certificate, key)

    def _make(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key, name = ec.generate_private_key(ec.SECP256R1()), _common_name("Townlet development authority")
        unused = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        usage = dict.fromkeys((*unused, "encipher_only", "decipher_only"), False)
        certificate = (
            _builder(name, key, AUTHORITY_LIFETIME)
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **usage), critical=True
            )
            .sign(key, hashes.SHA256())
        )
        self._write(AUTHORITY, certificate, key)
        return certificate, key

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Path:
        path = self._folder / f"{name}.pem"
        try:
            private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_private(path.with_name(f"{name}.key"), private)
            path.write_bytes(certificate.public_bytes(Encoding.PEM))
        except OSError as error:
            raise ConfigError(f"{self._folder}: cannot be written: {error.strerror}") from None
        return path


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(name: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _load(certificate: Path, key: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = load_pem_private_key(key.read_bytes(), password=None)
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be read: {error.strerror}") from None
    except (ValueError, TypeError):
        raise ConfigError(f"{certificate} and {key.name}: expected a certificate and a key in PEM") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != loaded.public_key():
        raise ConfigError(f"{key}: expected the elliptic-curve key of {certificate}, found another one")
    return loaded, private


def _subject(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError:
        raise ConfigError(f"{host}: expected the name or the address of a host") from None
