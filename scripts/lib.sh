# Shared by setup, run and test: where things are, how progress is shown, how packages are found.
# Sourced, never run. Nothing here changes the machine.
# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is read by the scripts that source it

set -euo pipefail

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
HOME=${HOME:-$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6)}
HOME=${HOME:-/tmp}
# Outside the clone, so that every worktree shares one set of compiled dependencies.
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/azora
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}
TOOLS=$(dirname -- "$CARGO_TARGET_DIR")/tools
# rustup puts itself in the shell's profile only; scripts often run without one.
[[ -d $HOME/.cargo/bin ]] && PATH=$HOME/.cargo/bin:$PATH
PATH=$PATH:$TOOLS/bin
export ROOT HOME CARGO_TARGET_DIR PATH

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
  BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' PLAIN=$'\e[0m'
else
  BOLD='' DIM='' RED='' PLAIN=''
fi

step() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*"; }
note() { printf '%s    %s%s\n' "$DIM" "$*" "$PLAIN"; }
fail() {
  printf '%serror:%s %s\n' "$RED" "$PLAIN" "$*" >&2
  exit 1
}
have() { command -v -- "$1" >/dev/null 2>&1; }

# took SECONDS → "3 s" or "4 min 07 s"
took() {
  if (($1 < 60)); then printf '%d s' "$1"; else printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); fi
}

# at_least HAVE WANT: compares dotted versions.
at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1) == "$2" ]]; }

# wait_for SECONDS COMMAND…: polls until the command succeeds.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# gone PID: ended, or a zombie that its parent has not collected yet.
gone() { ! kill -0 "$1" 2>/dev/null || grep -qs '^State:.Z' "/proc/$1/status"; }

# end_process PID [SECONDS]: TERM, a grace, then KILL. Only ever given pids this script started.
end_process() {
  local pid=$1 grace=${2:-10}
  kill -TERM "$pid" 2>/dev/null || return 0
  wait_for "$grace" gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

# npm_ci FOLDER: installs exactly what the lock file says; a second call costs nothing.
npm_ci() {
  local folder=$1 stamp=$1/node_modules/.azora-lock
  if cmp -s "$folder/package-lock.json" "$stamp"; then return; fi
  note "npm ci in ${folder#"$ROOT"/}"
  (cd -- "$folder" && npm ci --no-audit --no-fund --loglevel=error)
  cp -- "$folder/package-lock.json" "$stamp"
}

build_ui() {
  npm_ci "$ROOT/ui"
  (cd -- "$ROOT/ui" && npm run --silent build)
}

# musl_target: this machine's Rust target with the musl C library; empty where there is none.
musl_target() {
  case $(rustc -vV | sed -n 's/^host: //p') in
    x86_64-*-linux-*) echo x86_64-unknown-linux-musl ;;
    aarch64-*-linux-*) echo aarch64-unknown-linux-musl ;;
  esac
}

# build_small PACKAGE PROGRAM FOLDER: the release build of a program that there is one of per service,
# put into this folder. Linked statically and at a fixed address, each has about half the memory to
# itself. The musl C library starts a program with a few system calls; glibc first asks the processor
# about itself, which a virtual machine answers slowly: a third of a millisecond each.
build_small() {
  local musl flags=() built=$CARGO_TARGET_DIR/release/$2
  musl=$(musl_target)
  if [[ -n $musl && -d $(rustc --print sysroot)/lib/rustlib/$musl ]]; then
    built=$CARGO_TARGET_DIR/$musl/release/$2
    cargo rustc --release --locked --target "$musl" -p "$1" --bin "$2" -- -C relocation-model=static
  else
    if [[ $(rustc -vV) == *linux-gnu* ]]; then
      flags=(-C target-feature=+crt-static -C relocation-model=static)
    fi
    cargo rustc --release --locked -p "$1" --bin "$2" -- "${flags[@]}"
  fi
  mkdir -p -- "$3"
  [[ $built -ef $3/$2 ]] || install -m 755 -- "$built" "$3/$2"
}
