package bench

import (
	"bytes"
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/bench/loopback"
)

// TestMain lets the test binary serve the loopback, as the command does.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "loopback" {
		ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer cancel()
		server, err := loopback.Mount(os.Args[2], os.Args[3])
		if err != nil {
			panic(err)
		}
		<-ctx.Done()
		if err := server.Unmount(); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

func TestEveryWorkloadRunsTwiceInEveryDirectory(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bed, err := NewBed(t.Context(), Options{Dir: t.TempDir(), Self: self, Rounds: 2, Scale: 0.004, Warm: true})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := bed.Compare(t.Context(), Workloads())
	if err != nil {
		t.Error(err)
	}
	if err := bed.Close(); err != nil {
		t.Error(err)
	}
	for _, res := range rep.Results {
		for _, kind := range []Kind{Plain, Loopback} {
			if got := len(res.Samples[kind]); got != 2 {
				t.Errorf("%s on %s: got %d samples, want 2", res.Workload, kind, got)
			}
			for _, s := range res.Samples[kind] {
				if s.Error != "" || s.Rate <= 0 {
					t.Errorf("%s on %s: rate %v, error %q", res.Workload, kind, s.Rate, s.Error)
				}
			}
		}
	}
	var table bytes.Buffer
	if err := rep.WriteTable(&table); err != nil {
		t.Error(err)
	}
	for _, w := range Workloads() {
		if !strings.Contains(table.String(), w.Name) {
			t.Errorf("the table lacks %s", w.Name)
		}
	}
}

func TestClosedBedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bed, err := NewBed(t.Context(), Options{Dir: dir, Self: self, Scale: 0.004})
	if err != nil {
		t.Fatal(err)
	}
	if err := bed.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("got %q, %v, want nothing", left, err)
	}
}

func TestBedThatCannotMountSaysWhy(t *testing.T) {
	_, err := NewBed(t.Context(), Options{Dir: t.TempDir(), Self: "/bin/false"})
	if err == nil || !strings.Contains(err.Error(), "/bin/false did not mount") {
		t.Errorf("got %v, want an error that names the program", err)
	}
}

func TestVerdict(t *testing.T) {
	at := func(rates ...float64) []Sample {
		var all []Sample
		for _, r := range rates {
			all = append(all, Sample{Rate: r, Amount: 1})
		}
		return all
	}
	for _, c := range []struct {
		name    string
		samples map[Kind][]Sample
		target  float64
		want    string
		ratio   float64
	}{
		{"reached", map[Kind][]Sample{Plain: at(100, 200, 300), Drive: at(95, 180, 240)}, 0.9, "ok", 0.9},
		{"missed", map[Kind][]Sample{Plain: at(100, 200, 300), Drive: at(80, 180, 240)}, 0.9, "MISS", 0.8},
		{"the ratio is the median of the rounds, not of the rates", map[Kind][]Sample{Plain: at(100, 10, 10), Drive: at(100, 10, 1)}, 1, "ok", 1},
		{"no target", map[Kind][]Sample{Plain: at(100), Drive: at(1)}, 0, "-", 0.01},
		{"no drive", map[Kind][]Sample{Plain: at(100)}, 0.9, "-", 0},
		{"one failed", map[Kind][]Sample{Plain: at(100, 100), Drive: append(at(100), Sample{Error: "EIO"})}, 0.9, "ERROR", 1},
	} {
		res := Result{Beside: Plain, Target: c.target, Samples: c.samples}
		res.summarize()
		if res.Verdict != c.want || res.Ratio[Plain] != c.ratio {
			t.Errorf("%s: got %s at %v, want %s at %v", c.name, res.Verdict, res.Ratio[Plain], c.want, c.ratio)
		}
	}
}

func TestMissedFigures(t *testing.T) {
	for _, c := range []struct {
		figure Figure
		want   bool
	}{
		{Figure{Value: 5}, false},
		{Figure{Value: 5, AtMost: 5}, false},
		{Figure{Value: 6, AtMost: 5}, true},
		{Figure{Value: 5, AtLeast: 5}, false},
		{Figure{Value: 4, AtLeast: 5}, true},
	} {
		if got := c.figure.Missed(); got != c.want {
			t.Errorf("%+v: got %v, want %v", c.figure, got, c.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	all := []time.Duration{4, 1, 3, 2}
	for i := range all {
		all[i] *= time.Millisecond
	}
	for _, c := range []struct{ p, want float64 }{{0, 1}, {0.5, 3}, {0.99, 4}, {1, 4}} {
		if got := percentile(all, c.p); got != c.want {
			t.Errorf("percentile %v: got %v, want %v", c.p, got, c.want)
		}
	}
	if got := percentile(nil, 0.5); got != 0 {
		t.Errorf("of nothing: got %v, want 0", got)
	}
}

func TestTracepointLineIsRead(t *testing.T) {
	line := "  ls-4242  [001] .....  1234.567890: fuse_request_send: connection 45 req 2 opcode 1 (FUSE_LOOKUP) len 50 "
	if dev, name, ok := parseRequest(line); dev != 45 || name != "LOOKUP" || !ok {
		t.Errorf("got %d %q %v, want 45 LOOKUP true", dev, name, ok)
	}
	for _, line := range []string{"", "CPU:1 [LOST 5 EVENTS]", "fuse_request_send: connection x req 2"} {
		if _, _, ok := parseRequest(line); ok {
			t.Errorf("%q: taken for a request", line)
		}
	}
}

func TestArchiveIsTheSameEveryTime(t *testing.T) {
	var archives [2][]byte
	for i := range archives {
		name := filepath.Join(t.TempDir(), "a.tar")
		if err := writeTar(name, 50, 20); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		archives[i] = b
	}
	if !bytes.Equal(archives[0], archives[1]) || len(archives[0]) < 50<<10 {
		t.Errorf("got archives of %d and %d bytes that differ or are too small", len(archives[0]), len(archives[1]))
	}
}
