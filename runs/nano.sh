#!/usr/bin/env bash
# From photographs to the weights that the package ships. Two cores, 8 GB of memory, 30 GB of disk, some hours.
#
#   runs/nano.sh PHOTOS PAIRS
#
# PHOTOS: a folder of clean photographs, some of which are kept for the test. PAIRS: a folder of NAME_real.* and
# NAME_mean.*, a camera's noise and its mean. Further photographs to train on come with packages (runs/photos.sh).
# All of it lies in runs/nano. A run that was killed goes on where it was; what is whole is not made again.
set -euo pipefail
cd "$(dirname "$0")/.."
photos=$1 pairs=$2 here=runs/nano

synthesise() {
  finesight data synthesise "$1" "$here/$2" --size 512 --workers 2 --balance tempered --variety wide "${@:3}"
}
whole() { [[ -f $here/$1 ]] || { shift && "$@"; }; }
share_features() { mkdir -p "$here/$1" && ln -sfn ../see/features "$here/$1/features"; } # a picture goes through the trunk once
earn() { # MODEL ROLLOUTS MINED OUT: GRPO on questions that the model's own answers disagree on
  finesight rollout sample $here/fresh "$here/$2" --model "$1" --subclasses assess,brief_assess,dist_detect,reg-perception \
    --pictures 140 --temperature 0.5 --max-new-tokens 256 --rows 128 --seed 3
  finesight data mine "$here/$2" "$here/$3" --data $here/fresh unparsed=null
  finesight train grpo configs/grpo_nano_earn.toml data="$here/$3" out="$here/$4" model="$1" unparsed=null --resume
}

synthesise "$photos" made --count 24000 --seed 3 --clean-share 0.14
whole train/train/metadata.json finesight data split $here/made $here/train --photos "$photos"
whole pairs.made/metadata.json finesight data pairs "$pairs" $here/pairs.made --count 1600 --seed 4
whole pairs/train/metadata.json finesight data split $here/pairs.made $here/pairs --test-share 0.4
finesight data join $here/train/train $here/pairs/train --out $here/all
whole all/samples/combined.json finesight data questions $here/all $here/all/samples --choices 8

finesight data synthesise "$photos" $here/made-bench --count 4000 --seed 2
whole test/test/metadata.json finesight data split $here/made-bench $here/test --photos "$photos"
whole bench/questions.jsonl finesight data bench $here/test/test $here/bench
whole test/test/samples/combined.json finesight data questions $here/test/test $here/test/test/samples

finesight train sft configs/sft_nano_see.toml --resume
share_features say
finesight train sft configs/sft_nano_say.toml --resume

synthesise "$photos" more.made --count 16000 --seed 5 --clean-share 0.2
whole more/train/metadata.json finesight data split $here/more.made $here/more --photos "$photos"
finesight data join $here/train/train $here/more/train $here/pairs/train --out $here/both
whole both/samples/combined.json finesight data questions $here/both $here/both/samples --choices 8
share_features look
finesight train sft configs/sft_nano_look.toml --resume

runs/photos.sh $here/photos
synthesise $here/photos met.made --count 24000 --seed 6 --clean-share 0.2
finesight data join $here/train/train $here/more/train $here/pairs/train $here/met.made --out $here/many
whole many/samples/combined.json finesight data questions $here/many $here/many/samples --choices 8
share_features meet
finesight train sft configs/sft_nano_meet.toml --resume
share_features tell
finesight train sft configs/sft_nano_tell.toml --resume
[[ -d $here/told ]] || finesight export half $here/tell/model $here/told

finesight data synthesise $here/photos $here/fresh --count 2000 --seed 41
whole fresh/samples/combined.json finesight data questions $here/fresh $here/fresh/samples --choices 0
earn $here/told rollouts mined earn

series() { synthesise "$1" "$2" --balance uniform --series --low-key 0.25 "${@:3}"; }
series $here/photos series --count 4800 --seed 61
series $here/photos film --count 14400 --seed 81 --variety film
series "$photos" series.made --count 3800 --seed 62
series "$photos" film.made --count 11400 --seed 82 --variety film
for kind in series film; do whole $kind.split/train/metadata.json finesight data split $here/$kind.made $here/$kind.split --photos "$photos"; done
finesight data join $here/{series,film} $here/{series,film}.split/train --out $here/ranking
[[ -d $here/ranked ]] || finesight train rank $here/ranking $here/ranked --model $here/earn/model
[[ -d $here/half ]] || finesight export half $here/ranked $here/half

synthesise $here/photos choices.wide --count 4000 --seed 71 --clean-share 0.14
finesight data synthesise $here/photos $here/choices.plain --workers 2 --count 5000 --seed 73
finesight data synthesise "$photos" $here/choices.made --workers 2 --count 5000 --seed 74
whole choices.split/train/metadata.json finesight data split $here/choices.made $here/choices.split --photos "$photos"
finesight data join $here/choices.wide $here/choices.plain $here/choices.split/train --out $here/choices
whole choices/samples/combined.json finesight data questions $here/choices $here/choices/samples --choices 24
torchrun --nproc_per_node 2 --no-python finesight train sft configs/sft_nano_choose.toml --resume
[[ -d $here/chosen ]] || finesight export half $here/choose/model $here/chosen
earn $here/chosen chosen.rollouts chosen.mined settle # descriptions had suffered beside choices
[[ -d $here/settled ]] || finesight export half $here/settle/model $here/settled

finesight eval answer $here/bench $here/answers --model $here/settled
finesight eval mipi $here/answers $here/bench
finesight eval descriptions $here/answers $here/bench
