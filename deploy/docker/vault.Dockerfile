# A Vault server that `make toolbox` built, where Go is: for trying out, never for keys
# that matter (deploy/toolbox/README.md). From the repository's root:
#
#     docker build -f deploy/docker/vault.Dockerfile -t meltemi/vault:dev .
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
RUN groupadd --gid 1337 meltemi && useradd --uid 1337 --gid 1337 --no-create-home --home-dir /nonexistent meltemi \
    && install -d -o meltemi -g meltemi -m 0700 /var/lib/meltemi /mesh
COPY .tools/bin/vaultd /usr/local/bin/
COPY deploy/docker/healthy.py /opt/healthy.py
USER 1337:1337
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=5 \
  CMD ["python3", "-IS", "/opt/healthy.py", "https://localhost:8200/v1/sys/health?uninitcode=200&sealedcode=200"]
ENTRYPOINT ["vaultd"]
