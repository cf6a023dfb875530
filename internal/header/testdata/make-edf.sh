#!/usr/bin/env bash
# Writes the EDF and BDF test files from a BrainVision recording, and a WAV of 24 bits. Debian: biosig-tools, sox.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -r "$dir"' EXIT
cat >"$dir/r.vhdr" <<'V'
Brain Vision Data Exchange Header File Version 1.0
[Common Infos]
DataFile=r.eeg
DataFormat=BINARY
DataOrientation=MULTIPLEXED
NumberOfChannels=2
SamplingInterval=4000
[Binary Infos]
BinaryFormat=INT_16
[Channel Infos]
Ch1=Fp1,,0.5,uV
Ch2=Cz,,0.5,uV
V
head -c 2000 /dev/zero >"$dir/r.eeg"
save2gdf -f=EDF "$dir/r.vhdr" two.edf
save2gdf -f=BDF "$dir/r.vhdr" two.bdf
sox -n -r 8000 -c 1 -b 24 deep.wav synth 0.01 sine 440
