"""Who we are to our peers: an authority's certificate, our own, and its key, read and checked once.

`cryptography` is imported when there is something to check: a run without TLS never loads it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import structlog

from townlet.errors import ConfigError
from townlet.private_files import others_can_read
from townlet.security_settings import TlsSettings

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

log = structlog.get_logger()

CLIENT_URI = "townlet://client"
"""A certificate that names this URI as its subject is a person's or a program's: no member of the run."""


@dataclass(frozen=True)
class Identity:
    """PEM, each of them."""

    ca: bytes
    certificate: bytes
    key: bytes

    def for_channel(self) -> grpc.ChannelCredentials:
        """To call with. The peer's certificate has to be of our authority, and for the host that is dialled."""
        return grpc.ssl_channel_credentials(self.ca, self.key, self.certificate)

    def for_server(self) -> grpc.ServerCredentials:
        """To serve with. Nobody is answered without a certificate of our authority."""
        return grpc.ssl_server_credentials([(self.key, self.certificate)], self.ca, require_client_auth=True)


def read_identity(tls: TlsSettings) -> Identity:
    """Raises ConfigError when a file is missing, is not what it should be, or does not go with the others."""
    identity = Identity(_read(tls.ca, "ca"), _read(tls.certificate, "certificate"), _read(tls.key, "key"))
    authorities = _certificates(identity.ca, tls.ca, "ca")
    ours, *between = _certificates(identity.certificate, tls.certificate, "certificate")
    _check_key(identity.key, tls, ours)
    _check_dates(ours, tls.certificate)
    if not _is_issued(ours, between, authorities):
        raise ConfigError(
            f"security.tls.certificate: {tls.certificate}: expected a certificate that {tls.ca} has issued, found one "
            f"by {ours.issuer.rfc4514_string()} that it has not"
        )
    if others_can_read(tls.key):
        log.warning("key_readable_by_others", path=str(tls.key), expected="chmod o-r")
    return identity


def _read(path: Path, key: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"security.tls.{key}: expected a PEM file, found that {path} cannot be read: {error.strerror}"
        ) from None


def _certificates(content: bytes, path: Path, key: str) -> "list[Certificate]":
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(content)
    except ValueError:
        raise ConfigError(f"security.tls.{key}: {path}: expected certificates in PEM, found something else") from None


def _check_key(content: bytes, tls: TlsSettings, ours: "Certificate") -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(
            f"security.tls.key: {tls.key}: expected a private key in PEM, not encrypted, found something else"
        ) from None
    if key.public_key() != ours.public_key():
        raise ConfigError(f"security.tls.key: {tls.key}: expected the key of {tls.certificate}, found another one's")


def _check_dates(ours: "Certificate", path: Path) -> None:
    begin, end = ours.not_valid_before_utc, ours.not_valid_after_utc
    if not begin <= datetime.now(UTC) <= end:
        raise ConfigError(
            f"security.tls.certificate: {path}: expected one that is valid now, found one from {begin:%Y-%m-%d %H:%M} "
            f"to {end:%Y-%m-%d %H:%M} UTC"
        )


def _is_issued(ours: "Certificate", between: "list[Certificate]", authorities: "list[Certificate]") -> bool:
    """Whether each certificate is by the next one, and the last by an authority."""
    chain = [ours, *between]
    links = pairwise(chain)
    return all(_is_by(lower, upper) for lower, upper in links) and any(_is_by(chain[-1], top) for top in authorities)


def _is_by(certificate: "Certificate", issuer: "Certificate") -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
