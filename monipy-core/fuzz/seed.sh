#!/usr/bin/env bash
# Lays the seeds into the corpora: the torture messages for the SIP targets, and the values of
# their headers for the smaller parsers. Run it once before fuzzing.
set -eu
cd "$(dirname "$0")"
mkdir -p corpus/sip_message corpus/sip_uri corpus/digest_challenge corpus/sdp corpus/ua_frames
cp seeds/ua_frames/* corpus/ua_frames/
for message in ../tests/data/sip-torture/rfc*/*.sip; do
  cp "$message" "corpus/sip_message/$(basename "$(dirname "$message")")-$(basename "$message")"
done
count=0
cat ../tests/data/sip-torture/rfc*/*.sip | tr -d '\r' | LC_ALL=C sed -nE 's/^(From|To|f|t|m|Contact|Via|v|Route|Record-Route) *: *//Ip; s/^[A-Z]+ ([a-z]+:[^ ]*) SIP\/2.0$/\1/p' |
  while IFS= read -r value; do
    count=$((count + 1))
    printf '%s' "$value" >"corpus/sip_uri/$count"
  done
while IFS= read -r value; do
  count=$((count + 1))
  printf '%s' "$value" >"corpus/digest_challenge/$count"
done <seeds/digest_challenges.txt
cp ../tests/data/sdp/*.sdp corpus/sdp/
