package drivetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	crashSteps   = 20_000 // more than any writer gets to do
	crashWriters = 2
)

// The daemon and the programs that write are killed at any moment, again and again: what was synced is there,
// nothing is torn, and the repository is clean.
func TestKillAtAnyMomentLosesNothingSynced(t *testing.T) {
	needRoot(t)
	d := newDrive(t, sealAfter(20*time.Millisecond))
	crashes := envCount(t, "RDFS_TEST_CRASHES", 15)
	d.patience(time.Duration(crashes) * 10 * time.Second)
	seed := seeds(t)[0]
	t.Logf("RDFS_TEST_SEED=%d", seed)
	rng := newRand(seed)
	var kept []string // directories of earlier rounds
	var keptTrees []tree
	for round := range crashes {
		dirs := make([]string, crashWriters)
		writers := make([]*crashWriter, crashWriters)
		for i := range writers {
			dirs[i] = d.path(fmt.Sprintf("round%d-%d", round, i))
			must(t, os.Mkdir(dirs[i], 0o755))
			syncDir(t, dirs[i])
			syncDir(t, d.mnt)
			writers[i] = startCrashWriter(t, seed+uint64(1000*round+i), dirs[i], filepath.Join(d.dir, fmt.Sprintf("log%d-%d", round, i)))
		}
		for _, w := range writers {
			if !eventually(20*time.Second, func() bool { return w.begun() > 0 }) {
				t.Fatal("a writer does not begin")
			}
		}
		time.Sleep(time.Duration(rng.IntN(700)) * time.Millisecond) // the random moment
		daemonFirst := rng.IntN(2) == 0
		if daemonFirst {
			d.kill()
		}
		for _, w := range writers {
			w.kill()
		}
		if !daemonFirst {
			d.kill()
		}
		if !d.plain {
			detach(d.mnt)
		}
		d.mount()
		for i, w := range writers {
			begun := w.begun()
			if begun == 0 {
				t.Fatalf("round %d: the writer did nothing: %s", round, w.output())
			}
			h := judgeBy(makePlan(w.seed, crashSteps), begun)
			if wrong := h.judge(readAll(t, dirs[i])); len(wrong) > 0 {
				t.Errorf("round %d, seed %d, %d steps begun:\n  %s", round, w.seed, begun, strings.Join(wrong, "\n  "))
			}
			if round%5 == 4 {
				d.judgeVersions(h, dirs[i])
			}
		}
		if round%5 == 4 {
			d.check()
		}
		if t.Failed() {
			t.FailNow()
		}
		for _, dir := range dirs {
			kept, keptTrees = append(kept, dir), append(keptTrees, walk(t, dir))
		}
	}
	d.sync()
	d.umount()
	d.evict()
	d.mount()
	for i, dir := range kept {
		wantSame(t, dir+" after all rounds", walk(t, dir), keptTrees[i], same)
	}
	d.check()
}

func syncDir(t *testing.T, dir string) {
	t.Helper()
	f := get(os.Open(dir))(t)
	defer f.Close()
	must(t, f.Sync())
}

// readAll reads every file of a directory that has only files.
func readAll(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, e := range get(os.ReadDir(dir))(t) {
		all[e.Name()] = get(os.ReadFile(filepath.Join(dir, e.Name())))(t)
	}
	return all
}

// judgeVersions wants every version of every file to be something that a file once was when nobody was writing it.
func (d *drive) judgeVersions(h *history, dir string) {
	d.t.Helper()
	if d.plain {
		return
	}
	d.sync()
	for _, e := range get(os.ReadDir(dir))(d.t) {
		for _, v := range d.versions(filepath.Join(dir, e.Name())) {
			obj, steps, err := readBlocks(get(os.ReadFile(v))(d.t))
			if err != nil {
				d.t.Errorf("%s: %v", v, err)
			} else if obj != 0 && h.had(obj, blocksKey(steps)) < 0 {
				d.t.Errorf("%s: file %d never had this content: %s", v, obj, blocksKey(steps))
			}
		}
	}
}

// A crashWriter is a process that carries a plan out until it is killed.
type crashWriter struct {
	seed uint64
	log  string
	cmd  *exec.Cmd
	out  *os.File
}

func startCrashWriter(t *testing.T, seed uint64, dir, log string) *crashWriter {
	t.Helper()
	return startWriter(t, workAnyhow, seed, dir, log)
}

// startWriter starts a writer that works in a certain way.
func startWriter(t *testing.T, way workWay, seed uint64, dir, log string) *crashWriter {
	t.Helper()
	w := &crashWriter{seed: seed, log: log, cmd: helper("crash-writer", fmt.Sprint(seed), dir, log, string(way))}
	w.out = get(os.Create(log + ".out"))(t)
	w.cmd.Stdout, w.cmd.Stderr = w.out, w.out
	must(t, w.cmd.Start())
	t.Cleanup(func() { w.kill() })
	return w
}

// begun is how many steps the writer says it has begun.
func (w *crashWriter) begun() int {
	st, err := os.Stat(w.log)
	if err != nil {
		return 0
	}
	return int(st.Size() / 8)
}

func (w *crashWriter) kill() {
	if w.cmd.ProcessState == nil {
		w.cmd.Process.Kill()
		w.cmd.Wait()
		w.out.Close()
	}
}

func (w *crashWriter) output() string {
	b, _ := os.ReadFile(w.log + ".out")
	return string(b)
}

// helperCrashWriter carries out the plan of a seed in a directory. It writes the number of each step to the log
// before it begins it, so that a step whose number is not the last one has been done. When the drive is gone it ends.
func helperCrashWriter(args []string) error {
	seed, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(args[2], os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	dir := args[1]
	var open *os.File
	for i, s := range planOf(workWay(args[3]), seed, crashSteps) {
		if _, err := log.Write(binary.LittleEndian.AppendUint64(nil, uint64(i))); err != nil {
			return err
		}
		p := filepath.Join(dir, s.path)
		switch s.kind {
		case stepCreate:
			open, err = os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
		case stepOpen:
			open, err = os.OpenFile(p, os.O_RDWR, 0)
		case stepEmpty:
			open, err = os.OpenFile(p, os.O_RDWR|os.O_TRUNC, 0)
		case stepWrite:
			var buf []byte
			for b := s.block; b < s.block+s.n; b++ {
				buf = append(buf, fillBlock(s.obj, b, i)...)
			}
			_, err = open.WriteAt(buf, int64(s.block)*blockSize)
		case stepTruncate:
			err = open.Truncate(int64(s.block) * blockSize)
		case stepFsync:
			err = open.Sync()
		case stepClose:
			err = open.Close()
		case stepRename:
			err = os.Rename(p, filepath.Join(dir, s.to))
		case stepUnlink:
			err = os.Remove(p)
		case stepPause:
			time.Sleep(time.Duration(s.pause) * time.Millisecond)
		}
		if err != nil {
			return fmt.Errorf("step %d, %s %s: %w", i, s.kind, s.path, err)
		}
	}
	return nil
}

// A program that had a file open when the daemon was killed goes on writing to it. What is sealed does not change by it.
func TestWriterThatSurvivesTheDaemonCannotChangeVersions(t *testing.T) {
	needRoot(t)
	d := newDrive(t)
	if d.plain {
		return
	}
	file := d.path("held.dat")
	must(t, os.WriteFile(file, []byte(strings.Repeat("a", survivorSize)), 0o644))
	d.wantVersions(file, []byte(strings.Repeat("a", survivorSize)))
	cmd := helper("survivor", file)
	in, out := get(cmd.StdinPipe())(t), get(cmd.StdoutPipe())(t)
	must(t, cmd.Start())
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	write := func(letter byte) string {
		t.Helper()
		get(in.Write([]byte{letter}))(t)
		buf := make([]byte, 1)
		get(io.ReadFull(out, buf))(t)
		return string(buf)
	}
	if got := write('b'); got != "+" {
		t.Fatalf("the first write: %s", got)
	}
	d.kill()
	write('c') // through the kernel alone it works; otherwise it fails
	detach(d.mnt)
	d.mount()
	d.sync(file)
	before := readVersions(t, d, file)
	content := get(os.ReadFile(file))(t)
	if letter := uniform(content); letter != 'b' && letter != 'c' {
		t.Errorf("recovered %d bytes with letter %q", len(content), letter)
	}
	write('d')
	again := func(when string) {
		t.Helper()
		for seq, want := range before {
			if got := readVersions(t, d, file)[seq]; got != want {
				t.Errorf("%s: version %d changed from %s to %s", when, seq, want, got)
			}
		}
		wantBytes(t, file, content)
	}
	again("after a write by the survivor")
	d.sync()
	d.evict()
	dropCaches()
	again("without cache")
	d.check()
	write('e')
	d.remount()
	again("after remount")
	d.check()
}

const survivorSize = 1 << 20

// readVersions are the hashes of a file's versions, each of which must be what the log says.
func readVersions(t *testing.T, d *drive, file string) map[int]string {
	t.Helper()
	all := map[int]string{}
	log := d.history(file)
	for i, v := range d.versions(file) {
		all[i+1] = b3(get(os.ReadFile(v))(t))
		if i < len(log) && log[i].Content != all[i+1] {
			t.Errorf("%s has content %s, the log says %s", v, all[i+1], log[i].Content)
		}
	}
	return all
}

// uniform is the letter that data consists of, or '!'.
func uniform(data []byte) byte {
	if len(data) != survivorSize || strings.Trim(string(data), string(data[:1])) != "" {
		return '!'
	}
	return data[0]
}

// helperSurvivor opens FILE and maps it; for each letter on its input it fills the file with it, half by write(2)
// and half through the mapping, and answers "+" or "-".
func helperSurvivor(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	m, err := unix.Mmap(int(f.Fd()), 0, survivorSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	letter := make([]byte, 1)
	for {
		if _, err := io.ReadFull(os.Stdin, letter); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		half := []byte(strings.Repeat(string(letter), survivorSize/2))
		answer := "+"
		if _, err := f.WriteAt(half, 0); err != nil {
			answer = "-"
		}
		copy(m[survivorSize/2:], half)
		fmt.Print(answer)
	}
}
