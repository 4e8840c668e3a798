"""Certificates and tokens of all kinds, right and wrong."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc

from townlet.certificates import Authority
from townlet.security_settings import TlsSettings
from townlet.tokens import add_token

DAY = timedelta(days=1)
CERTIFICATES = ("none", "foreign", "client", "member")
TOKENS = ("none", "wrong", "expired", "viewer", "operator")


class Papers:
    """In a folder: an authority with a member and a client, another authority, and a file of tokens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ours, theirs = Authority(folder, DAY), Authority(folder / "foreign", DAY)
        ours.issue("member", (), client=False)
        ours.issue("client", (), client=True)
        theirs.issue("foreign", (), client=False)
        self.tokens_file = folder / "tokens.yaml"
        expired = datetime.now(UTC) - timedelta(seconds=1)
        self.tokens = {
            "none": "",
            "wrong": "townlet_nobody-has-this-one",
            "expired": add_token(self.tokens_file, "expired", "operator", expired),
            "viewer": add_token(self.tokens_file, "viewer", "viewer", None),
            "operator": add_token(self.tokens_file, "operator", "operator", expired + DAY),
        }

    def tls(self, name: str) -> TlsSettings:
        """The files of a certificate; those of the foreign one say that ours is to be trusted."""
        folder = self.folder / "foreign" if name == "foreign" else self.folder
        return TlsSettings(ca=self.folder / "ca.pem", certificate=folder / f"{name}.pem", key=folder / f"{name}.key")

    def settings(self) -> Iterator[str]:
        """Overrides that lock a run."""
        for key, path in self.tls("member"):
            yield f"security.tls.{key}={path}"
        yield f"security.tokens={self.tokens_file}"

    def channel(self, address: str, name: str) -> grpc.Channel:
        """Somebody's connection, without any help of ours."""
        files = self.tls("member" if name == "none" else name)
        ours = (None, None) if name == "none" else (files.key.read_bytes(), files.certificate.read_bytes())
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(files.ca.read_bytes(), *ours))
