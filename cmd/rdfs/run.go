package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/internal/volume"
)

// runState is REPO/run/state.json: written durably before the repository is used
// and after it was closed, so that the next run knows how the last one ended.
//
// Boot and Mount name the kernel's memory of the disk. While both are the same, what
// was written is what is read, synced or not. When one of them changed, the power may
// have failed or the disk may have been unplugged, also after a run that ended in
// order: it leaves files in the cache that were never synced.
type runState struct {
	Boot  string `json:"boot"`  // id of the boot of the machine
	Mount uint64 `json:"mount"` // id of the mount that holds the repository
	Clean bool   `json:"clean"` // everything was closed
}

func statePath(repo string) string { return filepath.Join(repo, control.RunDir, "state.json") }

// beginRun returns how the last run ended and notes that one has begun. The caller
// holds the repository's lock.
func beginRun(repo string) (volume.Stop, error) {
	now := stateNow(repo)
	stop := volume.StopUnknown
	b, err := os.ReadFile(statePath(repo))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// A new repository; or one whose run directory was removed, and then we know nothing.
		if _, err := os.Stat(catalogPath(repo)); errors.Is(err, fs.ErrNotExist) {
			stop = volume.StopClean
		}
	case err != nil:
		return stop, fmt.Errorf("how the last run ended: %w", err)
	default:
		var last runState
		if json.Unmarshal(b, &last) != nil || last.Boot == "" || last.Boot != now.Boot || last.Mount != now.Mount {
			break
		}
		stop = volume.StopKilled
		if last.Clean {
			stop = volume.StopClean
		}
	}
	return stop, writeState(repo, now)
}

// endRun notes that the run ended and left nothing behind.
func endRun(repo string) error {
	s := stateNow(repo)
	s.Clean = true
	return writeState(repo, s)
}

// stateNow is the state of a run that is under way. Where the kernel does not tell,
// Boot is empty and matches nothing.
func stateNow(repo string) runState {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return runState{}
	}
	var st unix.Statx_t
	// Since Linux 6.8 the id is never used again; before, nothing is known.
	if err := unix.Statx(unix.AT_FDCWD, repo, 0, unix.STATX_MNT_ID_UNIQUE, &st); err != nil || st.Mask&unix.STATX_MNT_ID_UNIQUE == 0 {
		return runState{}
	}
	return runState{Boot: strings.TrimSpace(string(boot)), Mount: st.Mnt_id}
}

func writeState(repo string, s runState) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return disk.WriteFile(disk.OS, statePath(repo), bytes.NewReader(append(b, '\n')), 0o600)
}
