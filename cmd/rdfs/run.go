package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
)

// runState is REPO/run/state.json: written durably before the repository is used
// and after it was closed, so that the next run knows how the last one ended.
type runState struct {
	Boot  string `json:"boot"`  // id of the boot of the machine
	Clean bool   `json:"clean"` // everything was closed
}

func statePath(repo string) string { return filepath.Join(repo, control.RunDir, "state.json") }

// bootID changes with each start of the machine; "" when it is unknown.
func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}

// beginRun returns how the last run ended and notes that one has begun.
func beginRun(repo string) (volume.Stop, error) {
	var last runState
	boot := bootID()
	stop := volume.StopUnknown
	b, err := os.ReadFile(statePath(repo))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// A new repository; or one whose run directory was removed, and then we know nothing.
		if _, err := os.Stat(filepath.Join(repo, "catalog", "catalog.db")); errors.Is(err, fs.ErrNotExist) {
			stop = volume.StopClean
		}
	case err != nil:
		return stop, err
	case json.Unmarshal(b, &last) != nil: // torn: the power failed
	case last.Clean:
		stop = volume.StopClean
	case last.Boot != "" && last.Boot == boot:
		stop = volume.StopKilled
	}
	return stop, writeState(repo, runState{Boot: boot})
}

// endRun notes that the run ended and left nothing behind.
func endRun(repo string) error { return writeState(repo, runState{Boot: bootID(), Clean: true}) }

func writeState(repo string, s runState) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeDurably(statePath(repo), append(b, '\n'), 0o600)
}
