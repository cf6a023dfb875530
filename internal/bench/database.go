package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

func databaseWorkloads() []Workload {
	var out []Workload
	for _, journal := range []string{"DELETE", "WAL"} {
		out = append(out, Workload{
			Name: "sqlite-" + strings.ToLower(journal), Unit: "txn/s", Beside: Plain, Target: 0.8,
			Prepare: func(w *Work) error {
				removeDatabase(w)
				return nil
			},
			Run:   func(w *Work) (float64, error) { return transactions(w, journal) },
			After: removeDatabase,
		})
	}
	return out
}

func removeDatabase(w *Work) error {
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		os.Remove(w.path("bench.db" + suffix))
	}
	return nil
}

// transactions commits rows one by one with full durability, by the sqlite3 program, which also reads the clock.
func transactions(w *Work, journal string) (float64, error) {
	n := max(100, w.count(1000)) // its clock counts milliseconds
	const now = "SELECT (julianday('now')-2440587.5)*86400.0;\n"
	var script strings.Builder
	fmt.Fprintf(&script, "PRAGMA journal_mode=%s;\nPRAGMA synchronous=FULL;\nCREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, value REAL);\n", journal)
	script.WriteString(now)
	for i := range n {
		fmt.Fprintf(&script, "BEGIN;INSERT INTO t(name,value) VALUES('sample-%06d',%d.25);COMMIT;\n", i, i)
	}
	script.WriteString(now)
	script.WriteString("SELECT count(*) FROM t;\n")
	cmd := exec.Command("sqlite3", "-bail", w.path("bench.db"))
	cmd.Stdin = strings.NewReader(script.String())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := w.Time(cmd.Run); err != nil {
		return 0, fmt.Errorf("sqlite3: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	lines := strings.Fields(stdout.String())
	if len(lines) != 4 || !strings.EqualFold(lines[0], journal) || lines[3] != strconv.Itoa(n) {
		return 0, fmt.Errorf("sqlite3: unexpected answer %q", lines)
	}
	begin, err1 := strconv.ParseFloat(lines[1], 64)
	end, err2 := strconv.ParseFloat(lines[2], 64)
	if err1 != nil || err2 != nil || end <= begin {
		return 0, fmt.Errorf("sqlite3: unexpected clock %q", lines)
	}
	w.elapsed = time.Duration((end - begin) * float64(time.Second))
	return float64(n), nil
}
