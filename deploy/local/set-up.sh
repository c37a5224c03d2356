#!/usr/bin/env bash
# Makes a Debian or Ubuntu machine ready: the programs that the local stack starts, the virtual environment, Kafka's jars.
#
#   deploy/local/set-up.sh run       what the stack, the demo and `make check` need
#   deploy/local/set-up.sh test      also what the whole test suite needs (a browser, promtool, Compose's check)
#
# Called by the Makefile. Does only what is missing, so that a second call takes a second. Installs programs itself as root or
# with sudo that asks no password; otherwise it says in one line what to install.
set -euo pipefail
cd "$(dirname "$0")/../.."

purpose="${1:-run}"
python="${PYTHON:-python3}"
venv=.venv
stamp="$venv/.installed"

say() { printf '%s\n' "$*"; }
fail() { printf 'set-up: %s\n' "$*" >&2; exit 1; }

has() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/usr/bin/$1" ]; }
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || has initdb; }

# One line per program: what must be there, and the Debian package that brings it.
missing_packages() {
  has mosquitto || echo mosquitto
  has java || echo default-jre-headless
  has mvn || echo maven
  has_postgres || echo postgresql
  if [ "$purpose" = test ]; then
    has promtool || echo prometheus
    has chromium || echo chromium
    has docker-compose || docker compose version >/dev/null 2>&1 || echo docker-compose  # only checks a file, without an engine
  fi
}

missing_for_venv() {
  [ -x "$venv/bin/python" ] || "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

# TimescaleDB comes from its vendor's package repository: taken when apt knows it, never required.
timescale_package() {
  local bin version package
  for bin in /usr/lib/postgresql/*/bin; do version=$(basename "$(dirname "$bin")"); done
  package="timescaledb-2-postgresql-$version"
  if [ ! -e "/usr/share/postgresql/$version/extension/timescaledb.control" ] && apt-cache show "$package" >/dev/null 2>&1; then
    echo "$package"
  fi
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_install() {
  has apt-get && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

install_packages() {
  [ $# -gt 0 ] || return 0
  if ! can_install; then
    if has apt-get; then
      fail "this machine lacks some programs: run \`sudo apt-get update && sudo apt-get install --no-install-recommends $*\`, then make again"
    fi
    fail "this machine lacks some programs: install what Debian calls $*, then make again"
  fi
  say "installing $* (Debian packages)"
  local log
  log=$(mktemp)
  if ! { as_root apt-get -o DPkg::Lock::Timeout=300 -qq update &&
         as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -qq -y \
           install --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
    tail -20 "$log" >&2
    fail "apt-get could not install $*: its last words stand above"
  fi
  rm -f "$log"
}

check_python() {
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "$python is missing or older than Python 3.11: install a newer one and run \`make PYTHON=python3.11 setup\`"
}

make_venv() {
  if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    rm -rf "$venv"
    "$python" -m venv "$venv"
  fi
}

wanted_python_packages() { cat requirements-dev.lock pyproject.toml deploy/local/set-up.sh | sha256sum; }

install_python_packages() {
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(wanted_python_packages)" ]; then
    return 0
  fi
  make_venv
  say "installing the locked Python packages into $venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
  wanted_python_packages > "$stamp"
}

note_about_servers() {
  has systemctl && [ -d /run/systemd/system ] || return 0
  say "note: Debian starts its own mosquitto and postgresql; Stadspuls uses its own. To stop Debian's: sudo systemctl disable --now mosquitto postgresql"
}

main() {
  check_python
  # shellcheck disable=SC2046  # package names hold no blanks
  install_packages $(missing_for_venv)
  local programs job=
  programs=$(missing_packages)
  if [ -n "$programs" ] && ! can_install; then
    # shellcheck disable=SC2086
    install_packages $programs
  fi
  # Three downloads that wait for the network, not for each other: programs and then Kafka's jars, meanwhile Python packages.
  # shellcheck disable=SC2086
  { install_packages $programs; "$python" -m deploy.local.kafka_jars; } &
  job=$!
  install_python_packages
  wait "$job"
  if [ -n "$programs" ]; then note_about_servers; fi
  # shellcheck disable=SC2046
  if can_install; then install_packages $(timescale_package); fi
  "$venv/bin/python" -m deploy.local.kafka_archive
}

main
