# docker build -t meltemi-vaultd -f deploy/toolbox/vaultd.Dockerfile .tools/bin
# The program needs nothing around it: it is linked statically.
FROM scratch
COPY vaultd /vaultd
ENTRYPOINT ["/vaultd"]
