#!/bin/sh
# Before the program goes away, but not when a newer one takes its place: dpkg
# says "remove" then, rpm 0.
set -e
case "$1" in
  remove | 0)
    if [ -d /run/systemd/system ]; then
      systemctl --quiet disable --now teamsrelay.service || true # it may never have been enabled
    fi
    ;;
esac
