#!/bin/sh
# Puts the renderers of cards and Markdown from npm into the page. Run by
# `make page`; the versions and their checksums are in package-lock.json.
set -eu
cd "$(dirname "$0")"
npm ci --ignore-scripts --no-audit --no-fund
cp node_modules/adaptivecards/dist/adaptivecards.min.js node_modules/markdown-it/dist/markdown-it.min.js site/vendor/
# Both are MIT, which asks for the notice to travel along.
cp node_modules/adaptivecards/LICENSE site/vendor/adaptivecards.LICENSE
cp node_modules/adaptivecards/dist/adaptivecards.min.js.LICENSE.txt site/vendor/
cp node_modules/markdown-it/LICENSE site/vendor/markdown-it.LICENSE
