#!/bin/sh
# Before the files are unpacked: the user that they are given to.
set -e
if ! getent passwd teamsrelay >/dev/null; then
  useradd --system --user-group --home-dir /var/lib/teamsrelay --no-create-home --shell /usr/sbin/nologin teamsrelay
fi
