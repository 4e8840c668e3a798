"""Certificates as a run takes them: those that go together are good, and of others one sentence says what is wrong."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner

from townlet.certificates import Authority
from townlet.cli import app
from townlet.errors import ConfigError
from townlet.security_settings import TlsSettings
from townlet.tls import CLIENT_URI, read_identity

DAY = timedelta(days=1)


@pytest.fixture
def tls(tmp_path) -> TlsSettings:
    Authority(tmp_path, DAY).issue("run", ("run", "10.0.0.7"), client=False)
    return settings(tmp_path)


def settings(folder) -> TlsSettings:
    return TlsSettings(ca=folder / "ca.pem", certificate=folder / "run.pem", key=folder / "run.key")


def reason(tls: TlsSettings) -> str:
    with pytest.raises(ConfigError) as refused:
        read_identity(tls)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_goes_together_is_taken_and_keys_are_private(tls):
    identity = read_identity(tls)
    assert identity.ca == tls.ca.read_bytes()
    for key in (tls.key, tls.ca.with_suffix(".key")):
        assert key.stat().st_mode & 0o777 == 0o600


def test_an_authority_that_is_there_is_used_again(tls, tmp_path):
    before = tls.ca.read_bytes()
    Authority(tmp_path, DAY).issue("other", (), client=False)
    assert tls.ca.read_bytes() == before
    read_identity(TlsSettings(ca=tls.ca, certificate=tmp_path / "other.pem", key=tmp_path / "other.key"))


def test_the_command_makes_certificates_for_hosts_and_for_clients(tmp_path):
    done = CliRunner().invoke(app, ["certificates", str(tmp_path), "run", "shard=replay-0,10.0.0.8", "--days", "9"])
    assert (done.exit_code, "ca.pem: a new authority" in done.stderr) == (0, True)
    assert hosts(tmp_path / "run.pem") == ["run", "localhost", "127.0.0.1"]
    assert hosts(tmp_path / "shard.pem") == ["replay-0", "10.0.0.8", "localhost", "127.0.0.1"]
    done = CliRunner().invoke(app, ["certificates", str(tmp_path), "--client", "alice"])
    assert (done.exit_code, "new authority" in done.stderr) == (0, False)
    assert hosts(tmp_path / "alice.pem") == [CLIENT_URI]
    read_identity(settings(tmp_path))


def hosts(path) -> list[str]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def test_half_an_authority_is_no_authority(tls, tmp_path):
    tls.ca.unlink()
    with pytest.raises(ConfigError, match=r"ca\.pem: expected both files of an authority or none"):
        Authority(tmp_path, DAY)


@pytest.mark.parametrize("name", ["ca", "../up", "", "a b"])
def test_a_name_is_a_word(tmp_path, name):
    with pytest.raises(ConfigError, match="expected a name of letters"):
        Authority(tmp_path, DAY).issue(name, (), client=False)


@pytest.mark.parametrize("key", ["ca", "certificate", "key"])
def test_a_file_that_is_missing_or_something_else_is_named(tls, key):
    path = getattr(tls, key)
    path.write_text("hello")
    assert reason(tls).startswith(f"security.tls.{key}: {path}: expected ")
    path.unlink()
    assert reason(tls) == (
        f"security.tls.{key}: expected a PEM file, found that {path} cannot be read: No such file or directory"
    )


def test_a_key_of_another_certificate_is_refused(tls, tmp_path):
    Authority(tmp_path, DAY).issue("other", (), client=False)
    assert f"{tmp_path}/other.key: expected the key of {tls.certificate}" in reason(
        tls.model_copy(update={"key": tmp_path / "other.key"})
    )


def test_a_certificate_of_another_authority_is_refused(tls, tmp_path):
    Authority(tmp_path / "theirs", DAY).issue("run", (), client=False)
    theirs = settings(tmp_path / "theirs").model_copy(update={"ca": tls.ca})
    assert f"expected a certificate that {tls.ca} has issued" in reason(theirs)


def test_a_certificate_that_has_expired_is_refused(tls, tmp_path):
    Authority(tmp_path, timedelta(seconds=-1)).issue("run", (), client=False)
    assert "expected one that is valid now" in reason(tls)


def test_an_authority_in_between_stands_in_the_file(tls, tmp_path):
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    root, between = x509.load_pem_x509_certificate(tls.ca.read_bytes()), tmp_path / "between"
    root_key = Authority(tmp_path, DAY)._key
    between.mkdir()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "between")]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    Authority(between, DAY)
    authority = Authority(between, DAY)
    authority._certificate, authority._key = certificate, key
    authority.issue("run", (), client=False)
    ours = settings(between).model_copy(update={"ca": tls.ca})
    assert "has issued" in reason(ours)
    with ours.certificate.open("ab") as file:
        file.write(certificate.public_bytes(Encoding.PEM))
    read_identity(ours)


def test_a_server_is_not_taken_for_a_host_that_its_certificate_does_not_name(tls):
    async def attempt() -> None:
        server = grpc.aio.server()
        port = server.add_secure_port("127.0.0.1:0", read_identity(tls).for_server())
        await server.start()
        async with grpc.aio.secure_channel(
            f"127.0.0.1:{port}",
            read_identity(tls).for_channel(),
            options=[("grpc.ssl_target_name_override", "somebody.else")],
        ) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary("/a/B")(b"", timeout=20)
        await server.stop(0)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "Hostname Verification Check failed" in caught.value.details()

    asyncio.run(attempt())


def test_a_key_that_everybody_can_read_is_warned_of(tls, capsys):
    tls.key.chmod(0o644)
    read_identity(tls)
    assert "key_readable_by_others" in capsys.readouterr().out
    shutil.copymode(tls.ca.with_suffix(".key"), tls.key)
    read_identity(tls)
    assert capsys.readouterr().out == ""
