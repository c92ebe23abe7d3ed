"""The few Kubernetes kinds that analyzers look at, as far as they do."""

from collections.abc import Mapping

import msgspec


class KubeStruct(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Read leniently: these documents are somebody else's."""


class KubeMetadata(KubeStruct, frozen=True, kw_only=True):
    """Who it is."""

    name: str = ""
    namespace: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class KubePort(KubeStruct, frozen=True, kw_only=True):
    """A port of a Service."""

    name: str = ""
    port: int = 0
    target_port: int | str = 0
    protocol: str = ""
    app_protocol: str = ""

    @property
    def target(self) -> int | str:
        """Where the workload listens: by number, or by the name of its port."""
        return self.target_port or self.port


class KubeServiceSpec(KubeStruct, frozen=True, kw_only=True):
    """A Service's specification."""

    ports: tuple[KubePort, ...] = ()
    selector: Mapping[str, str] = {}
    type: str = ""


class KubeService(KubeStruct, frozen=True, kw_only=True):
    """A Service."""

    metadata: KubeMetadata
    spec: KubeServiceSpec = KubeServiceSpec()


class KubeWorkload(KubeStruct, frozen=True, kw_only=True):
    """A Pod, or the template of one."""

    metadata: KubeMetadata = KubeMetadata()


class KubeDeploymentSpec(KubeStruct, frozen=True, kw_only=True):
    """A Deployment's specification."""

    template: KubeWorkload = KubeWorkload()


class KubeDeployment(KubeStruct, frozen=True, kw_only=True):
    """A Deployment."""

    metadata: KubeMetadata
    spec: KubeDeploymentSpec = KubeDeploymentSpec()


class KubeNamed(KubeStruct, frozen=True, kw_only=True):
    """Anything of which only the name matters: a Namespace, a Secret."""

    metadata: KubeMetadata
