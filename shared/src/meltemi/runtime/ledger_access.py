"""How a service gets into etcd: as a user of its own, over TLS, where that is on."""

from pathlib import Path
from typing import Self

from pydantic import model_validator

from meltemi.kernel.errors import Blame, MeshError
from meltemi.runtime.settings import Addresses, ServiceSettings
from meltemi.store.connection import Login, Tls
from meltemi.store.etcd import EtcdLedger


class LedgerFileError(MeshError):
    """A file that etcd is to be entered with cannot be read."""

    code = "ledger.file"
    blame = Blame.CALLER


class LedgerAccess(ServiceSettings):
    """What every service that uses the ledger is told about it."""

    etcd_user: str = ""
    """The service's user in etcd, which may touch its own prefixes only (threat T15);
    empty: etcd has no users."""

    etcd_password_file: Path | None = None
    """The user's password."""

    etcd_root_cert_file: Path | None = None
    """Roots to believe etcd by (PEM); unset: it is spoken to in plain text."""

    etcd_cert_file: Path | None = None
    """The certificate to show etcd (PEM), where it asks for one."""

    etcd_key_file: Path | None = None
    """Its key (PEM)."""

    @model_validator(mode="after")
    def _comes_in_pairs(self) -> Self:
        if bool(self.etcd_user) != (self.etcd_password_file is not None):
            raise ValueError("set etcd_user and etcd_password_file, or neither")
        if (self.etcd_cert_file is None) != (self.etcd_key_file is None):
            raise ValueError("set etcd_cert_file and etcd_key_file, or neither")
        if self.etcd_cert_file is not None and self.etcd_root_cert_file is None:
            raise ValueError(
                "etcd_cert_file is shown over TLS: set etcd_root_cert_file"
            )
        return self

    def ledger(self, endpoints: Addresses) -> EtcdLedger:
        """Return the ledger at ``endpoints``; raise `LedgerFileError`."""
        tls, login = None, None
        if self.etcd_root_cert_file is not None:
            tls = Tls(
                _read(self.etcd_root_cert_file),
                _read(self.etcd_cert_file) if self.etcd_cert_file else None,
                _read(self.etcd_key_file) if self.etcd_key_file else None,
            )
        if self.etcd_password_file is not None:
            password = _read(self.etcd_password_file).decode(errors="replace").strip()
            login = Login(self.etcd_user, password)
        return EtcdLedger([str(each) for each in endpoints], tls=tls, login=login)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise LedgerFileError(f"{file}: {error.strerror}") from error
