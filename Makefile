# Compares the drive with a plain directory and a tuned FUSE loopback. BENCH="-only sqlite -rounds 9" narrows it; -h lists the rest.
bench:
	go run ./internal/bench/cmd/bench $(BENCH)

# Takes about two hours: bytes per version, a thousand versions, a million files, an hour of saving.
bench-long:
	go run ./internal/bench/cmd/bench -store -versions 1000 -million -soak 1h -image-size 61440 $(BENCH)

.PHONY: bench bench-long
