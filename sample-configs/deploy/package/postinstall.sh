#!/bin/sh
# After the files are there. A first installation starts nothing: there is no
# webhook yet. An upgrade restarts what runs, once the new program has read the
# configuration and found nothing wrong with it; if it has, the old one goes on.
set -e

config=/etc/teamsrelay/teamsrelay.yml

# dpkg says "configure" and the version before, rpm how many are installed now.
case "$1" in
  configure) before=$2 ;;
  1) before= ;;
  2) before=yes ;;
  *) exit 0 ;;
esac

if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
if [ -z "$before" ]; then
  echo "teamsrelay is installed and not started yet: $config says what to fill in."
  exit 0
fi
if [ ! -d /run/systemd/system ] || ! systemctl --quiet is-active teamsrelay.service; then
  exit 0
fi
# As the service would: its user, its environment.
if systemd-run --quiet --wait --collect --pipe --uid=teamsrelay --property=EnvironmentFile=-/etc/teamsrelay/environment \
  /usr/bin/teamsrelay check-config "$config"; then
  systemctl try-restart teamsrelay.service
else
  echo "teamsrelay was not restarted: the new version does not take $config. Mend that, then: systemctl restart teamsrelay" >&2
fi
