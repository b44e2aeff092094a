#!/bin/sh
# After the files are gone. dpkg's purge takes what was stored too; rpm knows no
# purge, and leaves it. The user stays: somebody may have given it other files.
set -e
if [ "$1" = purge ]; then
  rm -rf /var/lib/teamsrelay
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
