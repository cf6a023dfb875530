package kv

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test binary runs itself as the process that is killed, or that lives on a
// small disk of its own.
const childEnv = "KV_TEST_CHILD"

func TestMain(m *testing.M) {
	switch role := os.Getenv(childEnv); role {
	case "", "full disk":
		os.Exit(m.Run())
	case "writer":
		crashWriter(os.Args[1])
	case "holder":
		crashHolder(os.Args[1])
	case "small space":
		smallSpace(os.Args[1])
	default:
		panic("unknown role " + role)
	}
}

func child(role string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), childEnv+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// Each Update of the writer increments a sequence number in row "seq", puts five
// rows that carry it at scattered keys, and deletes one row of the Update
// livingRows before it. After a crash, the rows must be those of 1..seq.
const (
	rowsPerSeq = 5
	livingRows = 50
)

func scattered(seq uint64, i int) []byte {
	h := (seq*rowsPerSeq + uint64(i)) * 0x9E3779B97F4A7C15
	return append(append([]byte{2}, u64(h)...), u64(seq)...)
}

func deletedBy(seq uint64) []byte { return append([]byte{1}, u64(seq)...) }

func crashWriter(path string) {
	e, err := OpenBolt(path, BoltOptions{Timeout: 10 * time.Second})
	if err != nil {
		panic(err)
	}
	db, err := Open(e, Options{Tables: testTables, Interval: 3 * time.Millisecond})
	if err != nil {
		panic(err)
	}
	acked := make(chan uint64, 1000)
	go func() {
		for seq := range acked {
			fmt.Println(seq)
		}
	}()
	step := func() (seq uint64) {
		err := db.Update(func(tx *Tx) error {
			if v := tx.Get(key(255, "seq")); v != nil {
				seq = binary.BigEndian.Uint64(v)
			}
			seq++
			tx.Put(key(255, "seq"), u64(seq))
			for i := range rowsPerSeq {
				tx.Put(scattered(seq, i), u64(seq))
			}
			tx.Put(deletedBy(seq), u64(seq))
			if seq > livingRows {
				tx.Delete(deletedBy(seq - livingRows))
			}
			return nil
		})
		if err != nil {
			panic(err)
		}
		return seq
	}
	for range 3 {
		go func() {
			for {
				step()
				time.Sleep(50 * time.Microsecond)
			}
		}()
	}
	for {
		seq := step()
		if err := db.Sync(context.Background()); err != nil {
			panic(err)
		}
		acked <- seq
	}
}

// TestKilledWriterLeavesAPrefix kills a writer at random moments, again and
// again over the same file. It tests order and atomicity; the page cache
// survives, so it does not test fsync.
func TestKilledWriterLeavesAPrefix(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "catalog.db")
	rounds := 25
	if testing.Short() {
		rounds = 8
	}
	var last uint64
	for round := range rounds {
		cmd := child("writer", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Duration(20+rng.IntN(130))*time.Millisecond, func() { cmd.Process.Kill() })
		all, _ := io.ReadAll(out)
		cmd.Wait()
		acked := last
		whole := string(all[:bytes.LastIndexByte(all, '\n')+1]) // the last line may be cut off
		for line := range strings.Lines(whole) {
			if _, err := fmt.Sscan(line, &acked); err != nil {
				t.Fatalf("the writer said %q", line)
			}
		}
		last = verifyPrefix(t, path, round, acked)
	}
	if last < uint64(rounds) {
		t.Fatalf("only %d updates in %d rounds: nothing was tested", last, rounds)
	}
	t.Logf("%d updates survived %d kills", last, rounds)
}

func verifyPrefix(t *testing.T, path string, round int, acked uint64) (seq uint64) {
	t.Helper()
	e := mustOpenBolt(t, path)
	checkClean(t, e)
	db := mustOpen(t, e, Options{})
	defer db.Close()
	err := db.View(func(tx *Tx) error {
		if v := tx.Get(key(255, "seq")); v != nil {
			seq = binary.BigEndian.Uint64(v)
		}
		if seq < acked {
			t.Errorf("round %d: state %d is older than the acknowledged %d", round, seq, acked)
		}
		found := uint64(0)
		tx.Ascend([]byte{2}, nil, func(k, v []byte) bool {
			found++
			if s := binary.BigEndian.Uint64(v); s < 1 || s > seq {
				t.Errorf("round %d: a row of update %d, the state is %d", round, s, seq)
			}
			return true
		})
		if found != seq*rowsPerSeq {
			t.Errorf("round %d: %d rows, want %d", round, found, seq*rowsPerSeq)
		}
		for s := uint64(1); s <= seq; s++ {
			for i := range rowsPerSeq {
				if tx.Get(scattered(s, i)) == nil {
					t.Errorf("round %d: update %d of %d lacks row %d", round, s, seq, i)
				}
			}
		}
		found = 0
		tx.Ascend([]byte{1}, nil, func(k, v []byte) bool { found++; return true })
		if found != min(seq, livingRows) {
			t.Errorf("round %d: %d rows where deletes should leave %d", round, found, min(seq, livingRows))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
	if t.Failed() {
		t.FailNow()
	}
	return seq
}

// crashHolder opens a database, says so, and waits to be killed.
func crashHolder(path string) {
	if _, err := OpenBolt(path, BoltOptions{}); err != nil {
		panic(err)
	}
	fmt.Println("open")
	time.Sleep(time.Hour)
}
