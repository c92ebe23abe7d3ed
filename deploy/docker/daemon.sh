#!/usr/bin/env bash
# A Docker daemon where there is none: root on Debian, packages of its own sources, no
# systemd and no image registry needed. What is there already is used as it is.
#
#     daemon.sh up      packages, dockerd, and the base image of our Dockerfiles
#     daemon.sh down    end the dockerd that was started here, by its pid
#
# Where no registry answers, the base image is made of the machine's own packages. It
# holds the machine's certificate authorities: for tests here, never to be pushed.
set -euo pipefail

BASE=${MELTEMI_BASE:-python:3.11-slim-bookworm}
STATE=${MELTEMI_DOCKER_STATE:-/run/meltemi-docker}
PULL_SECONDS=60

say() { echo "daemon.sh: $*" >&2; }
answers() { docker version >/dev/null 2>&1; }
composes() { docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null; }
pid() { cat "$STATE/docker.pid" 2>/dev/null; }

packages() {
  local missing=()
  command -v dockerd >/dev/null || missing+=(docker.io)
  composes || missing+=(docker-compose)
  command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "needs ${missing[*]}: install them, or run as root on Debian"
    return 69
  fi
  # Without this the packages start services of their own.
  local guard=/usr/sbin/policy-rc.d
  if [ ! -e $guard ]; then
    printf '#!/bin/sh\nexit 101\n' >$guard && chmod 755 $guard
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >/dev/null
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

start() {
  answers && return 0
  if [ "$(id -u)" != 0 ]; then
    say "no Docker daemon answers, and only root can start one"
    return 69
  fi
  mkdir -p "$STATE"
  # dockerd drops what others forward when it turns forwarding on itself.
  sysctl -qw net.ipv4.ip_forward=1
  setsid nohup dockerd --exec-root "$STATE/exec" --pidfile "$STATE/docker.pid" \
    </dev/null >"$STATE/log" 2>&1 &
  for _ in $(seq 120); do
    answers && return 0
    sleep 0.25
  done
  say "dockerd does not answer; the end of $STATE/log:"
  tail -5 "$STATE/log" >&2
  return 69
}

# As the official image, as far as our Dockerfiles see it: pip installs as root, and TLS
# that the machine trusts is trusted inside.
base() {
  docker image inspect "$BASE" >/dev/null 2>&1 && return 0
  timeout $PULL_SECONDS docker pull -q "$BASE" >/dev/null 2>&1 && return 0
  say "no registry has $BASE: making it of this machine's packages"
  local sources=/etc/apt/sources.list.d/debian.sources
  [ -s $sources ] || sources=/etc/apt/sources.list
  local roots=${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}
  mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io \
    --include=python3.11,python3-minimal,python3-pip,python3-venv,ca-certificates \
    --customize-hook='rm "$1"/usr/lib/python3.11/EXTERNALLY-MANAGED' \
    --customize-hook='ln -s /usr/bin/python3.11 "$1"/usr/local/bin/python' \
    --customize-hook='ln -s /usr/bin/python3.11 "$1"/usr/local/bin/python3' \
    --customize-hook="upload $roots /etc/ssl/certs/ca-certificates.crt" \
    --customize-hook='printf "[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n" >"$1"/etc/pip.conf' \
    --customize-hook=': >"$1"/etc/resolv.conf; : >"$1"/etc/hostname' \
    bookworm - - <$sources |
    docker import \
      -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8' \
      -c 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' \
      -c 'CMD ["python3"]' - "$BASE" >/dev/null
}

stop() {
  local ours
  if ! ours=$(pid) || ! grep -q '^dockerd' "/proc/$ours/cmdline" 2>/dev/null; then
    say "no dockerd was started here"
    return 0
  fi
  kill "$ours"
  for _ in $(seq 120); do
    kill -0 "$ours" 2>/dev/null || return 0
    sleep 0.25
  done
  say "dockerd ($ours) does not end; see $STATE/log"
  return 1
}

case ${1:-} in
  up) packages && start && base ;;
  down) stop ;;
  *) say "expected up or down" && exit 64 ;;
esac
