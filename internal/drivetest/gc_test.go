package drivetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/dir"
)

// helperCollect collects garbage in a repository that is not mounted, as `rdfs gc` would
// in as many days as it is told: the window of time travel has passed then. Of each
// file the newest version is kept, and packs are rewritten for little.
func helperCollect(args []string) error {
	repo := args[0]
	days, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	now := func() time.Time { return time.Now().Add(time.Duration(days) * 24 * time.Hour) }
	c, err := config.Load(repo)
	if err != nil {
		return err
	}
	store, err := dir.Open(c.Tiers[0].Dir(repo), c.ID, dir.Options{Now: now})
	if err != nil {
		return err
	}
	engine, err := kv.OpenBolt(filepath.Join(repo, "catalog", "catalog.db"), kv.BoltOptions{})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	v, err := volume.Open(volume.Options{Repository: repo, ID: c.ID, Engine: engine, Tiers: tiers.Only(store), Now: now,
		DraftDir: filepath.Join(repo, "drafts"), CacheDir: filepath.Join(repo, "cache"), CommitEvery: 5 * time.Millisecond,
		GC: volume.GCOptions{Grace: -1, Repack: 10, Versions: volume.KeepVersions{Limited: true, Last: 1}}})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	res, err := v.GC(context.Background(), false, nil)
	fmt.Printf("forgot %d rows and %d versions, removed %d packs, repacked %d\n", res.PastForgotten, res.VersionsGone, res.PacksGone, res.Repacked)
	return errors.Join(err, v.Close(context.Background(), nil), store.Close())
}

// collect runs helperCollect on a drive, which is unmounted meanwhile. It is killed when
// limit has passed, unless limit is 0; it reports whether it ended by itself.
func (d *drive) collect(days int, limit time.Duration) (whole bool) {
	d.t.Helper()
	d.umount()
	defer d.mount()
	cmd := helper("collect", d.repo, strconv.Itoa(days))
	if limit == 0 {
		d.t.Logf("in %d days: %s", days, run(d.t, cmd))
		return true
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	must(d.t, cmd.Start())
	timer := time.AfterFunc(limit, func() { cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.Exited()) {
		d.t.Fatalf("collect: %v: %s", err, &said)
	}
	return err == nil
}

// A collection that is killed at any moment loses nothing that is kept.
func TestKillDuringGCLosesNothing(t *testing.T) {
	if suite.plain {
		return
	}
	for _, seed := range seeds(t, 1) {
		t.Run(fmt.Sprintf("seed%d", seed), func(t *testing.T) {
			d := newDrive(t)
			d.patience(4 * time.Minute)
			rng := rand.New(rand.NewPCG(uint64(seed), 7))
			t.Logf("RDFS_TEST_SEED=%d", seed)
			files, snaps := map[string]byte{}, map[string]map[string]byte{}
			shared := bytes.Repeat([]byte("shared by all that was ever saved "), 3000)
			content := func(c byte) []byte {
				return append(bytes.Repeat([]byte{c, c + 1, c ^ 0x55}, 1000*int(c%7)), shared...)
			}
			killed := 0
			for round := range envCount(t, "RDFS_TEST_KILLS", 8) {
				for range 40 {
					name := fmt.Sprint("f", rng.IntN(25))
					if _, ok := files[name]; ok && rng.IntN(3) == 0 {
						must(t, os.Remove(d.path(name)))
						delete(files, name)
						continue
					}
					c := byte(rng.Uint32())
					must(t, os.WriteFile(d.path(name), content(c), 0o644))
					files[name] = c
					if rng.IntN(10) == 0 {
						d.must(d.rdfs("sync", d.mnt))
					}
				}
				snap := fmt.Sprint("s", round)
				must(t, os.Mkdir(d.path(".snapshots", snap), 0o755))
				snaps[snap] = maps.Clone(files)
				for name := range snaps {
					if rng.IntN(3) == 0 {
						must(t, os.Remove(d.path(".snapshots", name)))
						delete(snaps, name)
					}
				}
				d.must(d.rdfs("sync", d.mnt))
				for !d.collect(20*(round+1), time.Duration(rng.IntN(150))*time.Millisecond) {
					killed++
					if rng.IntN(3) == 0 {
						break
					}
				}
				d.check()
				judge := func(dir string, want map[string]byte) {
					for name, c := range want {
						if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, content(c)) {
							t.Errorf("round %d: %s/%s: %d bytes, %v", round, dir, name, len(got), err)
						}
					}
					if names := get(os.ReadDir(dir))(t); len(names) != len(want) {
						t.Errorf("round %d: %d names in %s, want %d", round, len(names), dir, len(want))
					}
				}
				d.evict()
				judge(d.mnt, files)
				for name, want := range snaps {
					judge(d.path(".snapshots", name), want)
				}
				if t.Failed() {
					return
				}
			}
			d.collect(400, 0)
			d.check()
			t.Logf("killed %d times", killed)
		})
	}
}
