package bench

import (
	"context"
	"fmt"
	"os"
	"time"
)

// Sample is one execution of a workload.
type Sample struct {
	Rate     float64       `json:"rate"` // units per second; 0 if it failed
	Elapsed  time.Duration `json:"elapsed_ns"`
	CPU      time.Duration `json:"daemon_cpu_ns"`
	Amount   float64       `json:"amount"` // units done
	Requests Requests      `json:"requests,omitempty"`
	Error    string        `json:"error,omitempty"`
}

// Compare runs the workloads in interleaved rounds on all directories of the bed. A workload that fails in one directory is
// recorded as failed there, and the others go on. Compare fails only if the context ends.
func (b *Bed) Compare(ctx context.Context, workloads []Workload) (*Report, error) {
	rep := newReport(b)
	for _, wl := range workloads {
		res := Result{Workload: wl.Name, Unit: wl.Unit, Beside: wl.Beside, Target: wl.Target, Samples: map[Kind][]Sample{}}
		for round := range b.opts.Rounds {
			for i := range b.dirs {
				if err := ctx.Err(); err != nil {
					return rep, err
				}
				d := b.dirs[(i+round)%len(b.dirs)]
				s := b.sample(wl, d, round)
				res.Samples[d.kind] = append(res.Samples[d.kind], s)
				b.log.Debug("sample", "workload", wl.Name, "dir", d.kind, "round", round, "rate", s.Rate, "error", s.Error)
			}
		}
		res.summarize()
		rep.Results = append(rep.Results, res)
		b.log.Info("measured", "workload", wl.Name, "unit", wl.Unit, "plain", number(res.Median[Plain]),
			"loopback", number(res.Median[Loopback]), "drive", number(res.Median[Drive]), "verdict", res.Verdict)
	}
	return rep, nil
}

// coldness reports whether caches can be emptied.
func (b *Bed) coldness() bool { return os.Geteuid() == 0 && !b.opts.Warm }

func (b *Bed) sample(wl Workload, d *directory, round int) Sample {
	w := &Work{Dir: d.path, Round: round, Scale: b.opts.Scale, Tar: b.tar, Bed: b, dir: d}
	amount, err := func() (float64, error) {
		if wl.Prepare != nil {
			if err := wl.Prepare(w); err != nil {
				return 0, fmt.Errorf("prepare: %w", err)
			}
		}
		if err := b.settle(); err != nil {
			return 0, fmt.Errorf("settle: %w", err)
		}
		if wl.Cold && b.coldness() {
			if err := dropCaches(); err != nil {
				return 0, fmt.Errorf("drop caches: %w", err)
			}
		}
		return wl.Run(w)
	}()
	if wl.After != nil {
		if errAfter := wl.After(w); err == nil && errAfter != nil {
			err = fmt.Errorf("clean up: %w", errAfter)
		}
	}
	if err != nil {
		return Sample{Error: err.Error()}
	}
	return Sample{Rate: amount / w.elapsed.Seconds(), Elapsed: w.elapsed, CPU: w.cpu, Amount: amount, Requests: w.sent}
}
