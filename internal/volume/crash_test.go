package volume

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/dir"
)

const crashEnv = "RDFS_TEST_CRASH_CHILD" // directory and seed of a child that is to be killed

func TestMain(m *testing.M) {
	if arg := os.Getenv(crashEnv); arg != "" {
		crashChild(arg)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// onDisk opens a volume on real files, with a real clock.
func onDisk(repo string, last Stop, log *slog.Logger) (*Volume, error) {
	if err := dir.Create(filepath.Join(repo, "blobs"), "test", dir.Options{}); err != nil {
		return nil, err
	}
	store, err := dir.Open(filepath.Join(repo, "blobs"), "test", dir.Options{})
	if err != nil {
		return nil, err
	}
	engine, err := kv.OpenBolt(filepath.Join(repo, "catalog.db"), kv.BoltOptions{Timeout: 10 * time.Second, Reserve: -1})
	if err != nil {
		return nil, err
	}
	return Open(Options{Repository: repo, ID: "test", Engine: engine, Tiers: tiers.Only(store), LastStop: last, Logger: log,
		DraftDir: filepath.Join(repo, "drafts"), CacheDir: filepath.Join(repo, "cache"),
		SealAfter: 3 * time.Millisecond, SealWorkers: 2, CommitEvery: 20 * time.Millisecond})
}

// record returns bytes that show by themselves whether they are whole: name, number,
// and as many bytes as the number says.
func record(name string, k int) string {
	size := k * 7919 % 3000
	if k%13 == 0 {
		size += 200_000
	}
	head := fmt.Sprintf("%s %d ", name, k)
	return head + random(size, uint64(k)) + " " + blob.Sum([]byte(head)).Short()
}

// wholeRecord reports which record the bytes are; 0 for none.
func wholeRecord(data string) (name string, k int) {
	part := strings.SplitN(data, " ", 3)
	if len(part) != 3 {
		return "", 0
	}
	k, err := strconv.Atoi(part[1])
	if err != nil || record(part[0], k) != data {
		return part[0], 0
	}
	return part[0], k
}

// crashChild saves files in random ways for ever, and says on its standard output
// what it is about to do ("try") and what has been acknowledged ("ack").
func crashChild(arg string) {
	seedText, repo, _ := strings.Cut(arg, " ")
	seed, _ := strconv.ParseUint(seedText, 10, 64)
	rng := rand.New(rand.NewPCG(seed, 1))
	fail := func(what string, err error) {
		fmt.Printf("failed %s: %v\n", what, err)
		os.Exit(1)
	}
	v, err := onDisk(repo, StopKilled, nil)
	if err != nil {
		fail("open", err)
	}
	ctx := context.Background()
	save := func(name string, k int) *Handle {
		h, _, err := v.Create(ctx, Root, name, 0o644, unix.O_RDWR|unix.O_TRUNC, ada)
		if err != nil {
			fail("create", err)
		}
		data := record(strings.TrimSuffix(name, ".tmp"), k)
		if _, err := h.WriteAt([]byte(data), 0); err != nil {
			fail("write", err)
		}
		return h
	}
	fsync := func(h *Handle) {
		if err := h.Fsync(ctx); err != nil {
			fail("fsync", err)
		}
	}
	release := func(h *Handle) {
		if err := h.Release(); err != nil {
			fail("release", err)
		}
	}
	remove := func(name string) {
		if err := v.Unlink(Root, name, ada); err != nil && !errors.Is(err, ErrNotExist) {
			fail("unlink", err)
		}
	}
	move := func(from, to string, flags uint32) {
		if err := v.Rename(Root, from, Root, to, flags, ada); err != nil && !errors.Is(err, ErrNotExist) {
			fail("rename", err)
		}
	}
	for k := int(seed) * 10_000; ; k++ {
		name := fmt.Sprintf("f%d", rng.IntN(6))
		tmp := name + ".tmp"
		how := rng.IntN(6)
		ack := rng.IntN(3) == 0
		fmt.Printf("try %s %d %d\n", name, k, how)
		var h *Handle
		switch how {
		case 0:
			h = save(name, k)
		case 1: // the temporary is made durable, then renamed
			h = save(tmp, k)
			fsync(h)
			move(tmp, name, 0)
		case 2:
			h = save(tmp, k)
			move(tmp, name, 0)
		case 3:
			remove(name)
			h = save(name, k)
		case 4:
			move(name, name+"~", 0)
			h = save(name, k)
			remove(name + "~")
		case 5:
			h = save(tmp, k)
			move(name, "ABCD0123", 0)
			move(tmp, name, 0)
			remove("ABCD0123")
		}
		if ack {
			fsync(h)
		}
		release(h)
		if ack {
			fmt.Printf("ack %s %d\n", name, k)
		}
		switch rng.IntN(20) {
		case 0:
			if err := v.Sync(ctx, "", nil); err != nil {
				fail("sync", err)
			}
		case 1, 2, 3:
			time.Sleep(time.Duration(rng.IntN(8)) * time.Millisecond)
		case 4:
			os.RemoveAll(filepath.Join(repo, "cache", "live"))
		}
	}
}

// saga is what the child said of one name.
type saga struct {
	acked int   // the last acknowledged save
	since []int // the saves that were begun after it
	gone  bool  // it may be missing, or empty, since then
}

func TestKilledAtAnyMomentKeepsWhatWasFsynced(t *testing.T) {
	t.Parallel()
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	seed := uint64(time.Now().UnixNano() % 1_000_000)
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	repo := t.TempDir()
	names := make(map[string]*saga)
	for round := range rounds {
		child(t, repo, round+1, time.Duration(30+rng.IntN(250))*time.Millisecond, names)
		if t.Failed() {
			return
		}
		v, err := onDisk(repo, StopKilled, slog.New(slog.NewTextHandler(logTo{t}, &slog.HandlerOptions{Level: slog.LevelError})))
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{t: t, v: v, o: v.o, clock: newClock()}
		for name, s := range names {
			r.judge(name, s, round)
		}
		if round%2 == 0 { // the other half go on unsealed into the next round
			r.audit()
			for name, s := range names {
				r.judge(name, s, round)
				r.wholeHistory(name)
			}
		}
		if err := v.stop(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

// child runs the child for some time, kills it and notes what it said.
func child(t *testing.T, repo string, seed int, life time.Duration, names map[string]*saga) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", crashEnv, seed, repo))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(out)
	tries := 0
	for scan.Scan() {
		if tries == 0 { // the time begins when it has opened the repository
			time.AfterFunc(life, func() { cmd.Process.Kill() })
		}
		tries++
		word := strings.Fields(scan.Text())
		if len(word) < 3 || word[0] == "failed" {
			t.Errorf("the child: %s", scan.Text())
			continue
		}
		k, _ := strconv.Atoi(word[2])
		s := names[word[1]]
		if s == nil {
			s = &saga{gone: true}
			names[word[1]] = s
		}
		switch word[0] {
		case "try":
			s.since = append(s.since, k)
			s.gone = s.gone || word[3] != "1" && word[3] != "2"
		case "ack":
			*s = saga{acked: k}
		}
	}
	cmd.Wait()
	t.Logf("round %d: %d saves in %v", seed, tries, life)
}

// judge says whether what is under a name now can be there.
func (r *rig) judge(name string, s *saga, round int) {
	r.t.Helper()
	if !r.exists(name) {
		if !s.gone {
			r.t.Errorf("%s is missing; save %d was acknowledged", name, s.acked)
		}
		*s = saga{gone: true}
		return
	}
	data := r.read(name)
	_, k := wholeRecord(data)
	for _, ok := range append(s.since, s.acked) {
		if k != 0 && k == ok {
			*s = saga{acked: k, gone: false}
			return
		}
	}
	if data == "" && s.gone {
		*s = saga{gone: true}
		return
	}
	r.t.Errorf("%s holds %d bytes, save %d; acknowledged was %d, begun since %v", name, len(data), k, s.acked, s.since)
}

// wholeHistory checks that every version is a whole save, and that they are in order.
func (r *rig) wholeHistory(name string) {
	r.t.Helper()
	if !r.exists(name) {
		return
	}
	last := 0
	for n, data := range r.history(name) {
		if data == "" {
			continue
		}
		_, k := wholeRecord(data)
		if k <= last {
			r.t.Errorf("version %d of %s is save %d, the one before is %d (%d bytes)", n+1, name, k, last, len(data))
		}
		last = k
	}
}
