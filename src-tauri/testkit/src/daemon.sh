# shellcheck shell=bash
# The keeper of a container daemon of a test's own: daemon.sh docker|docker-live|podman FOLDER.
#
# Reads commands on its standard input: "start" starts the daemon, "kill" ends it by SIGKILL, and the
# end of the input, which comes with the death of the test however that dies, ends the daemon with
# all it made: containers, networks, mounts, control groups, files. Whom it ends is its own child,
# or names FOLDER on its command line.
engine=${1%-live} folder=$2
# Containers of such a daemon live on without it.
live=false
[[ $1 == *-live ]] && live=true
socket=unix://$folder/daemon.sock
export CONTAINERS_CONF=$folder/containers.conf
# Its temporary files lie with everything else of it.
export TMPDIR=$folder/tmp
exec 2>>"$folder/log"

storage=(--root "$folder/data" --runroot "$folder/exec")
start() {
  [[ -n $pid && -d /proc/$pid ]] && return
  rm -f "$folder/daemon.sock"
  case $engine in
    docker)
      # Nothing outside of FOLDER is changed but bridges, which go with their networks.
      dockerd --host "$socket" --data-root "$folder/data" --exec-root "$folder/exec" \
        --pidfile "$folder/pid" --storage-driver overlay2 --iptables=false --ip6tables=false \
        --bridge=none --ip-forward=false --group root --live-restore=$live >>"$folder/log" </dev/null &
      ;;
    podman)
      # In a network of its own: its bridges and rules are not the machine's.
      unshare -n podman "${storage[@]}" system service --time=0 "$socket" >>"$folder/log" </dev/null &
      ;;
  esac
  pid=$!
}

kill_daemon() {
  [[ -n $pid ]] && kill -KILL "$pid" && wait "$pid"
  pid=
  # Its containerd dies with it. Where whoever inherits that is slow to take note, the next daemon
  # would wait for a dead one.
  local file=$folder/exec/containerd/containerd.pid
  for _ in {1..100}; do
    [[ -s $file ]] || break
    grep -qs '^State:.[^ZX]' "/proc/$(<"$file")/status" || break
    sleep 0.05
  done
  rm -f "$file"
}

# The processes that name FOLDER on their command line, without this one.
named() {
  local path
  for path in /proc/[0-9]*; do
    [[ ${path#/proc/} == "$$" ]] && continue
    if tr '\0' ' ' <"$path/cmdline" 2>/dev/null | grep -qF -- "$folder/"; then echo "${path#/proc/}"; fi
  done
}

clear_all() {
  case $engine in
    docker)
      # With a daemon there is somebody who takes down networks and mounts in order.
      start
      for _ in {1..100}; do
        docker -H "$socket" version >/dev/null && break
        sleep 0.1
      done
      docker -H "$socket" ps -aq | xargs -r timeout 30 docker -H "$socket" rm -f
      timeout 10 docker -H "$socket" network prune -f
      ;;
    podman)
      timeout 30 podman "${storage[@]}" rm -af -t 0
      timeout 10 podman "${storage[@]}" network prune -f
      ;;
  esac >>"$folder/log"
  kill -TERM "$pid"
  for _ in {1..50}; do
    kill -0 "$pid" || break
    sleep 0.1
  done
  kill_daemon
  local rest
  while rest=$(named) && [[ -n $rest ]]; do
    # What a shim or monitor holds goes first.
    # shellcheck disable=SC2046 # each child is a word
    for one in $rest; do kill -KILL $(cat "/proc/$one/task/$one/children") "$one"; done
    sleep 0.05
  done
  grep -F -- "$folder/" /proc/self/mounts | cut -d' ' -f2 | sort -r | xargs -r -n1 umount -l
  exec 2>/dev/null
  rm -rf --one-file-system -- "$folder"
}

trap '' TERM INT HUP
while read -r command; do
  case $command in
    start) start ;;
    kill) kill_daemon ;;
  esac
done
clear_all
