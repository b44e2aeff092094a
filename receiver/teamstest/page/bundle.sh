#!/bin/sh
# Puts the renderers of cards and Markdown from npm into the page. Run by
# `make page`; the versions and their checksums are in package-lock.json.
# The page works without them, so a machine without npm is no failure.
set -eu
cd "$(dirname "$0")"

vendor=site/vendor
if [ "$vendor/adaptivecards.min.js" -nt package-lock.json ] && [ "$vendor/adaptivecards.min.js" -nt bundle.sh ]; then
  exit 0
fi

without() {
  echo "page: $1; the simulator's page will show the JSON of the cards instead of the cards" >&2
  exit 0
}
command -v npm >/dev/null || without "there is no npm here"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error || without "npm could not fetch the renderer"

cp node_modules/markdown-it/dist/markdown-it.min.js "$vendor/"
# Both are MIT, which asks for the notices to travel along.
cp node_modules/adaptivecards/LICENSE "$vendor/adaptivecards.LICENSE"
cp node_modules/adaptivecards/dist/adaptivecards.min.js.LICENSE.txt "$vendor/"
cp node_modules/markdown-it/LICENSE "$vendor/markdown-it.LICENSE"
# Last, because its age says that all is there.
cp node_modules/adaptivecards/dist/adaptivecards.min.js "$vendor/"
