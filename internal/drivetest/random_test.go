package drivetest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// seeds are the seeds of a random test: some that are always the same, and one that is new in every run.
// RDFS_TEST_SEED=N leaves only N, which repeats a run that failed.
func seeds(t *testing.T, fixed ...uint64) []uint64 {
	t.Helper()
	if s := os.Getenv("RDFS_TEST_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		must(t, err)
		return []uint64{n}
	}
	return append(fixed, uint64(time.Now().UnixNano())%1_000_000)
}

// envCount is a number from the environment.
func envCount(t *testing.T, name string, otherwise int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	must(t, err)
	return n
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x7264_6673)) }

// A journal keeps the last steps of a random test, to be shown when it fails.
type journal struct {
	steps []string
	n     int
}

func (j *journal) add(format string, args ...any) {
	j.n++
	j.steps = append(j.steps, fmt.Sprintf("%5d ", j.n)+fmt.Sprintf(format, args...))
	const most = 60
	if len(j.steps) > 2*most {
		j.steps = append(j.steps[:0], j.steps[len(j.steps)-most:]...)
	}
}

func (j *journal) String() string { return strings.Join(j.steps, "\n") }
