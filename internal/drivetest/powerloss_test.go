package drivetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The power fails at any moment, again and again, while programs write: what was synced is there under its name, what
// was closed before the names that are there is whole, no block is torn, and the repository is clean.
func TestPowerLossKeepsWhatWasSyncedAndWhatWasClosed(t *testing.T) { testPowerLoss(t, workAnyhow) }

// Programs that save beside and rename, and never sync: after a power loss each name has one whole state.
func TestPowerLossAmidUnsyncedSavesLeavesWholeFiles(t *testing.T) { testPowerLoss(t, workSaving) }

// Sealed files are being rewritten in place, without a sync, when the power fails: no version changes by it.
func TestPowerLossAmidRewritingInPlaceKeepsVersions(t *testing.T) { testPowerLoss(t, workRewriting) }

func testPowerLoss(t *testing.T, way workWay) {
	disk := newPowerDisk(t)
	d := unmounted(t, inDir(disk.mnt), sealAfter(20*time.Millisecond))
	if d.plain {
		return // a plain directory promises nothing of the kind for files that were not synced
	}
	d.mount()
	cuts := envCount(t, "RDFS_TEST_POWERCUTS", 4)
	d.patience(time.Duration(cuts) * 20 * time.Second)
	seed := seeds(t)[0]
	t.Logf("RDFS_TEST_SEED=%d", seed)
	rng := newRand(seed)
	var kept []string
	var keptTrees []tree
	for round := range cuts {
		var dirs []string
		for i := range crashWriters {
			dir := d.path(fmt.Sprintf("round%d-%d", round, i))
			must(t, os.Mkdir(dir, 0o755))
			syncDir(t, dir)
			dirs = append(dirs, dir)
		}
		syncDir(t, d.mnt)
		judges := d.powerCut(rng, disk, way, seed+uint64(1000*round), dirs)
		for i, j := range judges {
			found := readAll(t, dirs[i])
			if wrong := j.judge(found); len(wrong) > 0 {
				t.Errorf("round %d, seed %d, plan %d, %d steps begun:\n  %s", round, seed, i, j.begun, strings.Join(wrong, "\n  "))
				continue
			}
			t.Logf("round %d: %d steps, %d files, of these a mixture: %v", round, j.begun, len(found), slices.Sorted(maps.Keys(j.torn)))
			d.sync()
			for name, was := range found {
				wantBytes(t, filepath.Join(dirs[i], name), was)
			}
			d.judgeVersionsAfterPowerLoss(j, dirs[i], found)
		}
		d.check()
		if t.Failed() {
			t.FailNow()
		}
		for _, dir := range dirs {
			kept, keptTrees = append(kept, dir), append(keptTrees, walk(t, dir))
		}
	}
	d.umount()
	d.evict()
	d.mount()
	for i, dir := range kept {
		wantSame(t, dir+" without cache", walk(t, dir), keptTrees[i], same)
	}
	d.check()
}

// powerCut lets writers work in the directories, one in each, until the power fails, and mounts what is left.
func (d *drive) powerCut(rng *rand.Rand, disk *powerDisk, way workWay, seed uint64, dirs []string) []*powerJudge {
	t := d.t
	t.Helper()
	var writers []*crashWriter
	for i, dir := range dirs {
		writers = append(writers, startWriter(t, way, seed+uint64(i), dir, filepath.Join(d.dir, "log-"+filepath.Base(dir))))
	}
	for _, w := range writers {
		if !eventually(20*time.Second, func() bool { return w.begun() > 1 }) {
			t.Fatalf("a writer does not begin: %s", w.output())
		}
	}
	time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond) // the random moment
	if rng.IntN(2) == 0 {
		// What is acknowledged is known to the last step; the disk is a little quieter.
		for _, w := range writers {
			must(t, w.cmd.Process.Signal(syscall.SIGSTOP))
		}
	}
	acked, begun := make([]int, len(writers)), make([]int, len(writers))
	for i, w := range writers {
		acked[i] = w.begun()
	}
	disk.cut(func() {
		for i, w := range writers {
			begun[i] = w.begun()
		}
	})
	d.kill()
	for _, w := range writers {
		w.kill()
	}
	detach(d.mnt)
	disk.restore()
	d.anotherBoot()
	d.mount()
	var judges []*powerJudge
	for i, w := range writers {
		judges = append(judges, judgePowerBy(planOf(way, w.seed, crashSteps), acked[i], begun[i]))
	}
	return judges
}

// anotherBoot makes the repository believe that the machine was started anew since it was last used.
func (d *drive) anotherBoot() {
	d.t.Helper()
	file := filepath.Join(d.repo, "run", "state.json")
	state := map[string]any{}
	must(d.t, json.Unmarshal(get(os.ReadFile(file))(d.t), &state))
	if state["boot"] == nil || state["clean"] != false {
		d.t.Fatalf("%s does not say that a run is under way: %v", file, state)
	}
	state["boot"] = "00000000-0000-4000-8000-000000000000"
	must(d.t, os.WriteFile(file, get(json.Marshal(state))(d.t), 0o600))
}

// judgeVersionsAfterPowerLoss wants every version to have the content that the log says, and to be what a file once
// was when nobody was writing it; except the newest, if that is the mixture that the power loss left of an open file.
func (d *drive) judgeVersionsAfterPowerLoss(j *powerJudge, dir string, found map[string][]byte) {
	t := d.t
	t.Helper()
	for name, now := range found {
		file := filepath.Join(dir, name)
		versions := d.versions(file)
		readVersions(t, d, file)
		for k, v := range versions {
			data := get(os.ReadFile(v))(t)
			obj, steps, err := readBlocks(data)
			if err != nil {
				t.Errorf("%s: %v", v, err)
				continue
			}
			if obj == 0 || j.had(obj, blocksKey(steps)) >= 0 {
				continue
			}
			if _, torn := j.torn[name]; !torn || k < len(versions)-1 || !bytes.Equal(data, now) {
				t.Errorf("%s: file %d never had this content: %s", v, obj, blocksKey(steps))
			}
		}
	}
}
